package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// heldGroup is the heading of the flags that name databases.
const heldGroup = "Dependencies"

// heldFlags name the databases on which a load test counts connections and keys.
type heldFlags struct{ postgres, redis string }

func (h *heldFlags) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&h.postgres, "postgres", "", "count connections and idle transactions per call on the PostgreSQL database at this URL, or the one in this variable")
	fs.StringVar(&h.redis, "redis", "", "count connections and keys that never expire per call on the Redis server at this URL, or the one in this variable")
	group(fs, heldGroup, "postgres", "redis")
}

// targets returns the databases that were named.
func (h *heldFlags) targets(a *app) ([]deps.Target, error) {
	var all []deps.Target
	for _, named := range []struct {
		kind    deps.Kind
		address string
	}{{deps.Postgres, h.postgres}, {deps.Redis, h.redis}} {
		if named.address == "" {
			continue
		}
		address, err := a.databaseURL("--"+string(named.kind), named.address)
		if err != nil {
			return nil, err
		}
		all = append(all, deps.Named(named.kind, address, nil))
	}
	return all, nil
}

// databaseURL returns the address that a flag names: as it stands, with a warning of a
// password that others can read, or by the name of a variable.
func (a *app) databaseURL(flag, value string) (string, error) {
	if strings.ContainsAny(value, ":/=") {
		a.warnPassword(flag, value)
		return value, nil
	}
	if address := a.getenv(value); address != "" {
		return address, nil
	}
	return "", usagef("%s %s: neither an address nor a variable that is set; want %s://HOST:PORT or the name of a variable", flag, value, strings.TrimPrefix(flag, "--"))
}

// reader returns a function that counts, nil if no database was named. It counts once, so
// that an address that is wrong ends the command before the load.
func (h *heldFlags) reader(ctx context.Context, a *app, tls client.Config) (func(context.Context) (map[string]float64, error), error) {
	targets, err := h.targets(a)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	for _, t := range targets {
		a.secrets = append(a.secrets, t.Secrets()...)
	}
	trust, err := client.TLS(a.trust(tls))
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context) (map[string]float64, error) { return deps.Held(ctx, targets, trust) }
	_, err = read(ctx)
	return read, err
}

// heldPerCall compares the counts before and after a load.
func heldPerCall(before, after map[string]float64, calls int64) []result.Held {
	var all []result.Held
	for what, v := range after {
		was, known := before[what]
		if !known {
			continue
		}
		h := result.Held{What: what, Before: was, After: v}
		if calls > 0 {
			h.PerCall = (v - was) / float64(calls)
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b result.Held) int { return strings.Compare(a.What, b.What) })
	return all
}
