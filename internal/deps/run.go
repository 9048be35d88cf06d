package deps

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/deps/postgres"
	"github.com/mcpdiag/mcpdiag/internal/deps/redis"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a run.
type Config struct {
	Targets  []Target
	Interval time.Duration // between two readings of counters; 0 reads once
	Slow     time.Duration // a statement that takes longer on average is a warning
	Pattern  string        // of the keys of rate limits in Redis
	Only     []string      // ids of checks, such as pg.slots or pg.*; empty runs all
}

// check judges one server.
type check func(context.Context) []finding.Finding

// Run checks all targets, one after another. An address that cannot be understood is an
// error.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if len(cfg.Targets) == 0 {
		return nil, errors.New("no server to check")
	}
	if n := len(cfg.Targets); n > maxTargets {
		return nil, fmt.Errorf("%d servers to check; at most %d in one run", n, maxTargets)
	}
	start := time.Now()
	res := &Result{Schema: Schema, Findings: []finding.Finding{}}
	checks := make([]check, len(cfg.Targets))
	for i, t := range cfg.Targets {
		var server Server
		var err error
		if server, checks[i], err = cfg.prepare(t); err != nil {
			return nil, fmt.Errorf("%s: %w", report.Line(t.Origin), err)
		}
		res.Servers = append(res.Servers, server)
	}
	for i, check := range checks {
		res.add(i, check(ctx))
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("checking the servers: %w", err)
	}
	res.Seconds = time.Since(start).Seconds()
	res.Verdict = finding.Health(res.Findings)
	return res, nil
}

// prepare parses the address of a target.
func (cfg Config) prepare(t Target) (Server, check, error) {
	if t.Kind == Redis {
		server, err := redis.Parse(t.Address)
		if err != nil {
			return Server{}, nil, err
		}
		c := redis.Config{Server: server, Interval: cfg.Interval, RateLimit: cfg.Pattern, Only: cfg.wanted}
		run := func(ctx context.Context) []finding.Finding { return redis.Check(ctx, c) }
		return Server{t.Kind, server.String(), t.Origin}, run, nil
	}
	server, err := postgres.Parse(t.Address)
	if err != nil {
		return Server{}, nil, err
	}
	c := postgres.Config{Server: server, Interval: cfg.Interval, Slow: cfg.Slow, Only: cfg.wanted, Limits: postgres.DefaultLimits()}
	run := func(ctx context.Context) []finding.Finding { return postgres.Check(ctx, c) }
	return Server{t.Kind, postgres.Name(server), t.Origin}, run, nil
}

// wanted reports whether a check is to run. Patterns are checked by the command line.
func (cfg Config) wanted(id string) bool {
	return len(cfg.Only) == 0 || slices.ContainsFunc(cfg.Only, func(pattern string) bool {
		ok, _ := path.Match(pattern, id)
		return ok
	})
}
