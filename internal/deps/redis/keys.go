package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Bounds of reading keys.
const (
	scanTime  = time.Second
	scanStep  = 500
	maxGroups = 1000
	maxLimits = 1000 // keys of rate limits that are judged
)

// census counts the keys without an expiry by prefix.
type census struct {
	groups   map[string]int64
	keys     int64 // that were read
	forever  int64 // of them without an expiry
	complete bool  // all keys were read
}

// keys calls each with keys by steps, until all are read or the time is up. An empty
// pattern matches all.
func (c *checker) keys(ctx context.Context, pattern string, each func([]string) error) (complete bool, err error) {
	cursor := "0"
	for deadline := time.Now().Add(scanTime); time.Now().Before(deadline); {
		args := []any{cursor, "COUNT", scanStep}
		if pattern != "" {
			args = append(args, "MATCH", pattern)
		}
		answer, err := redigo.Values(c.session.ask(ctx, scan, args...))
		if err != nil {
			return false, err
		}
		var keys []string
		if _, err := redigo.Scan(answer, &cursor, &keys); err != nil {
			return false, fmt.Errorf("reading the answer of SCAN: %w", err)
		}
		if err := each(keys); err != nil {
			return false, err
		}
		if cursor == "0" {
			return true, nil
		}
	}
	return false, nil
}

func (c *checker) census(ctx context.Context) (census, error) {
	out := census{groups: map[string]int64{}}
	var err error
	out.complete, err = c.keys(ctx, "", func(keys []string) error {
		times, err := c.session.askEach(ttl, keys)
		if err != nil {
			return err
		}
		for i, key := range keys {
			out.add(key, times[i])
		}
		return nil
	})
	return out, err
}

// add counts a key with its expiry in seconds, -1 for none.
func (s *census) add(key string, expiry int64) {
	s.keys++
	if expiry != -1 {
		return
	}
	s.forever++
	group := prefixOf(key)
	if s.groups[group] == 0 && len(s.groups) >= maxGroups {
		group = "(others)"
	}
	s.groups[group]++
}

// grewFrom reports whether more keys never expire than in an earlier reading. Where keys
// begin with random text, a group that is new says nothing.
func (s *census) grewFrom(earlier *census) bool {
	for name, n := range s.groups {
		if was := earlier.groups[name]; n > was && (was > 0 || s.forever > earlier.forever) {
			return true
		}
	}
	return false
}

// prefixOf returns the part of a key that it shares with others of its kind: "session:*".
func prefixOf(key string) string {
	if at := strings.IndexAny(key, ":/.|-"); at > 0 {
		return report.Cell(key[:at+1], 40) + "*"
	}
	return "*"
}

// noExpiry counts the keys that never expire, by prefix. With two readings a group that
// grows is a leak that no heap shows.
func (c *checker) noExpiry(ctx context.Context, id string) error {
	first, err := c.census(ctx)
	if err != nil {
		return err
	}
	if c.Interval <= 0 {
		c.Add(id, finding.Info, "", first.lines(nil), "%s; --interval shows whether their number grows", first.summary())
		return nil
	}
	if !checks.Wait(ctx, c.Interval) {
		return ctx.Err()
	}
	second, err := c.census(ctx)
	if err != nil {
		return err
	}
	switch {
	case !first.complete || !second.complete:
		c.Add(id, finding.Info, "", second.lines(first.groups), "%s: too many keys for a comparison", second.summary())
	case second.grewFrom(&first):
		c.Add(id, finding.Warn, "sessions that never expire are a leak outside the process: set them with an expiry (SET … EX), or EXPIRE them by hand", second.lines(first.groups), "%s, and their number grows", second.summary())
	default:
		c.Add(id, finding.Pass, "", nil, "%s, and their number does not grow", second.summary())
	}
	return nil
}

func (s census) summary() string {
	part := ""
	if !s.complete {
		part = " read in " + report.Duration(scanTime)
	}
	return fmt.Sprintf("%s of %s%s without an expiry", report.Count(s.forever), report.Plural(s.keys, "key"), part)
}

// lines writes the largest groups; before holds the counts of an earlier reading.
func (s census) lines(before map[string]int64) []string {
	names := slices.SortedFunc(maps.Keys(s.groups), func(a, b string) int {
		if d := (s.groups[b] - before[b]) - (s.groups[a] - before[a]); before != nil && d != 0 {
			return int(d)
		}
		return int(s.groups[b] - s.groups[a])
	})
	var out []string
	for _, name := range names[:min(len(names), 5)] {
		text := fmt.Sprintf("%s: %s", name, report.Plural(s.groups[name], "key"))
		if d := s.groups[name] - before[name]; before != nil && d != 0 {
			text += fmt.Sprintf(", %+d in the interval", d)
		}
		out = append(out, text)
	}
	return out
}

// rateLimits judges the keys of rate limits: one without an expiry never resets.
func (c *checker) rateLimits(ctx context.Context, id string) error {
	var all, stuck []string
	complete, err := c.keys(ctx, c.RateLimit, func(keys []string) error {
		keys = keys[:min(len(keys), maxLimits-len(all))]
		times, err := c.session.askEach(ttl, keys)
		for i, key := range keys {
			all = append(all, key)
			if err == nil && times[i] == -1 {
				stuck = append(stuck, key)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(stuck)
	for _, key := range stuck[:min(len(stuck), 10)] {
		c.stuckLimit(ctx, id, key)
	}
	switch {
	case len(stuck) > 10:
		c.Add(id, finding.Fail, "find the code that sets them without an expiry", nil, "%d more keys of rate limits never expire", len(stuck)-10)
	case len(stuck) == 0 && len(all) == 0:
		c.Add(id, finding.Skip, "", nil, "no key matches %s; --rate-limit-pattern names another", report.Cell(c.RateLimit, 60))
	case len(stuck) == 0 && !complete:
		c.Add(id, finding.Pass, "", nil, "%s read in %s, all expire", report.Plural(int64(len(all)), "key"), report.Duration(scanTime))
	case len(stuck) == 0:
		c.Add(id, finding.Pass, "", nil, "%s, all expire", report.Plural(int64(len(all)), "key"))
	}
	return nil
}

// stuckLimit reports a key without an expiry. A sorted set may be a sliding window, whose
// old members the server removes itself.
func (c *checker) stuckLimit(ctx context.Context, id, key string) {
	severity, value := finding.Fail, "its value is unknown"
	kind, err := redigo.String(c.session.ask(ctx, typeOf, key))
	switch {
	case err != nil:
	case kind == "string":
		if v, err := redigo.String(c.session.ask(ctx, get, key)); err == nil {
			value = "its value is " + report.Cell(v, 20)
		}
	case kind == "zset":
		severity = finding.Warn
		if n, err := redigo.Int64(c.session.ask(ctx, zcard, key)); err == nil {
			value = "it has " + report.Plural(n, "member")
		}
	}
	name := report.Cell(key, 80)
	c.Add(id, severity, "if the limit may be lifted, run EXPIRE "+name+" 60; and find the code that sets it without an expiry: INCR and EXPIRE in one transaction", nil, "%s never resets (TTL -1), %s", name, value)
}
