package deps

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/alertmanager"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/kube"
	"github.com/mcpdiag/mcpdiag/internal/deps/postgres"
	"github.com/mcpdiag/mcpdiag/internal/deps/prometheus"
	"github.com/mcpdiag/mcpdiag/internal/deps/rabbitmq"
	"github.com/mcpdiag/mcpdiag/internal/deps/redis"
	"github.com/mcpdiag/mcpdiag/internal/deps/s3"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a run.
type Config struct {
	Targets  []Target
	Client   *client.Client  // for the servers that speak HTTP
	TLS      *tls.Config     // of Redis and RabbitMQ; nil trusts what the system trusts
	Match    checks.Labels   // of the alerts and metrics that are judged; empty is all
	Interval time.Duration   // between two readings of counters; 0 reads once
	Slow     time.Duration   // a statement that takes longer on average is a warning
	Pattern  string          // of the keys of rate limits in Redis
	Sessions *redis.Sessions // compared with those in Redis; nil for none
	Only     []string        // ids of checks, such as pg.slots or pg.*; empty runs all
}

// check judges one server.
type check func(context.Context) []finding.Finding

// Run checks all targets, one after another. An address that cannot be understood is an
// error.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if len(cfg.Targets) == 0 {
		return nil, errors.New("no server to check")
	}
	cfg.Targets = unique(slices.Clone(cfg.Targets))
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
	if name := t.unset(); name != "" {
		return Server{}, nil, fmt.Errorf("the address holds %s, which its host fills in; set that variable, or name the server with --%s", name, t.Kind)
	}
	if t.Kind == S3 {
		return cfg.s3(t)
	}
	prepare := map[Kind]func(address string) (name string, run check, err error){
		Postgres: cfg.postgres, Redis: cfg.redis, RabbitMQ: cfg.rabbitmq, Prometheus: cfg.prometheus, Alertmanager: cfg.alertmanager, Kube: cfg.kube,
	}[t.Kind]
	name, run, err := prepare(t.Address)
	return Server{t.Kind, name, t.Origin}, run, err
}

func (cfg Config) postgres(address string) (string, check, error) {
	server, err := postgres.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c := postgres.Config{Server: server, Interval: cfg.Interval, Slow: cfg.Slow, Only: cfg.wanted, Limits: postgres.DefaultLimits()}
	return postgres.Name(server), func(ctx context.Context) []finding.Finding { return postgres.Check(ctx, c) }, nil
}

func (cfg Config) redis(address string) (string, check, error) {
	server, err := redis.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c := redis.Config{Server: server.WithTLS(cfg.TLS), Interval: cfg.Interval, RateLimit: cfg.Pattern, Sessions: cfg.Sessions, Only: cfg.wanted}
	return server.String(), func(ctx context.Context) []finding.Finding { return redis.Check(ctx, c) }, nil
}

func (cfg Config) rabbitmq(address string) (string, check, error) {
	server, err := rabbitmq.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c := rabbitmq.Config{Address: server.WithTLS(cfg.TLS), Client: cfg.Client, Interval: cfg.Interval, Only: cfg.wanted}
	return server.String(), func(ctx context.Context) []finding.Finding { return rabbitmq.Check(ctx, c) }, nil
}

func (cfg Config) s3(t Target) (Server, check, error) {
	bucket, err := s3.Parse(t.Address, t.Environ)
	if err != nil {
		return Server{}, nil, err
	}
	c := s3.Config{Bucket: bucket, Client: cfg.Client, Only: cfg.wanted}
	return Server{t.Kind, bucket.String(), t.Origin}, func(ctx context.Context) []finding.Finding { return s3.Check(ctx, c) }, nil
}

func (cfg Config) prometheus(address string) (string, check, error) {
	base, err := webapi.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c := prometheus.Config{Server: webapi.New(cfg.Client, base, prometheus.Paths...), Match: cfg.Match, Slow: cfg.Slow, Only: cfg.wanted}
	return webapi.Name(base), func(ctx context.Context) []finding.Finding { return prometheus.Check(ctx, c) }, nil
}

func (cfg Config) kube(address string) (string, check, error) {
	c, err := kube.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c.Program, c.Only = "kubectl", cfg.wanted
	return c.String(), func(ctx context.Context) []finding.Finding { return kube.Check(ctx, c) }, nil
}

func (cfg Config) alertmanager(address string) (string, check, error) {
	base, err := webapi.Parse(address)
	if err != nil {
		return "", nil, err
	}
	c := alertmanager.Config{Server: webapi.New(cfg.Client, base, alertmanager.Paths...), Match: cfg.Match, Only: cfg.wanted}
	return webapi.Name(base), func(ctx context.Context) []finding.Finding { return alertmanager.Check(ctx, c) }, nil
}
