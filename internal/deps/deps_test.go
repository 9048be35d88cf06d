package deps

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Servers are found by the schemes of values in environments, and in arguments.
func TestTargets(t *testing.T) {
	t.Parallel()
	got, err := FromConfig([]byte(`{"mcpServers": {
		"db": {"command": "npx", "args": ["-y", "server-postgres", "postgresql://u:p@h/b"], "env": {"DATABASE_URL": "postgres://h/a", "PORT": 3000, "API_URL": "https://h", "PROMETHEUS_URL": "http://p:9090", "QUEUE": "amqp://q", "S3_BUCKET": "store", "AWS_SECRET_ACCESS_KEY": "x", "REDIS_URL": "rediss://c"}},
		"twin": {"env": {"PG": "postgres://h/a"}}}}`))
	want := []Target{{Postgres, "postgres://h/a", "DATABASE_URL of the server db", nil}, {Prometheus, "http://p:9090", "PROMETHEUS_URL of the server db", nil}, {RabbitMQ, "amqp://q", "QUEUE of the server db", nil}, {Redis, "rediss://c", "REDIS_URL of the server db", nil}, {S3, "s3://store", "S3_BUCKET of the server db", map[string]string{"AWS_SECRET_ACCESS_KEY": "x"}}, {Postgres, "postgresql://u:p@h/b", "argument 3 of the server db", nil}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	got = FromEnviron([]string{"PATH=/bin", "DATABASE_URL=Postgres://u@h/b", "X", "HOME=/root://x"}, " of pid 7")
	if diff := cmp.Diff([]Target{{Postgres, "Postgres://u@h/b", "DATABASE_URL of pid 7", nil}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for text, want := range map[string]string{`{"mcpServers": {}}`: "has neither", `{"a": "postgres://u:topsecret@h"`: "not the JSON"} {
		if _, err := FromConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// An address that is wrong is an error without the address; too many servers are refused.
func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for want, targets := range map[string][]Target{
		"no server":        nil,
		"DATABASE_URL: no": {{Postgres, "postgres://u:topsecret@h:port/b", "DATABASE_URL", nil}},
		"REDIS: the path":  {{Redis, "redis://:topsecret@h/x", "REDIS", nil}},
		"PROM: not an":     {{Prometheus, "http://u:topsecret@h:port", "PROM", nil}},
		"at most 10":       make([]Target, 11),
	} {
		if _, err := Run(t.Context(), Config{Targets: targets}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The headline never says more than was checked.
func TestHeadline(t *testing.T) {
	t.Parallel()
	r := &Result{Servers: []Server{{}}, Findings: []finding.Finding{{ID: "pg.connect", Severity: finding.Pass}, {ID: "pg.slots", Severity: finding.Skip}}}
	if got := r.headline(); got != "1 check of 1 server without a finding, 1 skipped" {
		t.Error(got)
	}
	r.Findings = append(r.Findings, finding.Finding{ID: "pg.long", Severity: finding.Warn, Summary: "x"})
	if got := r.headline(); got != "pg.long: x" {
		t.Error(got)
	}
}

// FuzzFromConfig wants every address that is found to be one of a known kind.
func FuzzFromConfig(f *testing.F) {
	f.Add([]byte(`{"servers": {"a": {"env": {"B": "postgres://h"}, "args": ["postgresql://c", 1]}}}`))
	kinds := []Kind{Postgres, Redis, RabbitMQ, S3, Prometheus, Alertmanager}
	f.Fuzz(func(t *testing.T, data []byte) {
		targets, err := FromConfig(data)
		for _, target := range targets {
			if err != nil || !slices.Contains(kinds, target.Kind) {
				t.Errorf("%v, %+v", err, target)
			}
		}
	})
}
