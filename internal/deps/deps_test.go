package deps

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Servers are found by the schemes of values in environments, and in arguments.
func TestTargets(t *testing.T) {
	t.Parallel()
	environ := []string{"DATABASE_URL=postgres://h/a", "PORT=3000", "API_URL=https://h", "PROMETHEUS_URL=http://p:9090", "QUEUE=amqp://q", "S3_BUCKET=store", "AWS_SECRET_ACCESS_KEY=x", "REDIS_URL=rediss://c", "TWIN=postgres://h/a", "X", "HOME=/root://x"}
	got := FromServer("pid 7", environ, []string{"npx", "-y", "server-postgres", "Postgresql://u:p@h/b", "https://h"})
	want := []Target{
		{Postgres, "postgres://h/a", "DATABASE_URL of pid 7", nil}, {Prometheus, "http://p:9090", "PROMETHEUS_URL of pid 7", nil}, {RabbitMQ, "amqp://q", "QUEUE of pid 7", nil},
		{Redis, "rediss://c", "REDIS_URL of pid 7", nil}, {S3, "s3://store", "S3_BUCKET of pid 7", map[string]string{"AWS_SECRET_ACCESS_KEY": "x"}}, {Postgres, "Postgresql://u:p@h/b", "an argument of pid 7", nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestUnique wants a server that two sources name once, and a driver in a scheme to say nothing.
func TestUnique(t *testing.T) {
	t.Parallel()
	all := FromServer("a", []string{"DB=postgresql+asyncpg://u@h/a", "S3_BUCKET=s", "AWS_ACCESS_KEY_ID=x"}, nil)
	all = append(all, FromServer("b", []string{"DATABASE_URL=postgresql://u@h/a", "S3_BUCKET=s", "AWS_ACCESS_KEY_ID=y"}, nil)...)
	var got []string
	for _, target := range unique(all) {
		got = append(got, target.Address+" "+target.Origin)
	}
	if diff := cmp.Diff([]string{"postgresql://u@h/a DB of a", "s3://s S3_BUCKET of a", "s3://s S3_BUCKET of b"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Named(Postgres, "postgres+psycopg2://h/a", nil).Address; got != "postgres://h/a" {
		t.Error(got)
	}
}

// An address that is wrong is an error without the address; too many servers are refused.
// TestNamed wants no scheme where a host and a port are named.
func TestNamed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind          Kind
		address, want string
	}{
		{Redis, "localhost:7200", "redis://localhost:7200"}, {Redis, "redis:6379/1", "redis://redis:6379/1"}, {Redis, "rediss://h:1", "rediss://h:1"}, {Redis, "u:p@[::1]:6379", "redis://u:p@[::1]:6379"},
		{Postgres, "db:5432/app?sslmode=disable", "postgres://db:5432/app?sslmode=disable"}, {Postgres, "host=db port=5432", "host=db port=5432"}, {Postgres, "u@db:5432", "postgres://u@db:5432"},
		{RabbitMQ, "mq:5672", "amqp://mq:5672"}, {RabbitMQ, "mq:15672", "http://mq:15672"}, {S3, "minio:9000/files", "http://minio:9000/files"}, {S3, "s3://files", "s3://files"},
		{Prometheus, "h:9090", "h:9090"}, {Kube, "a:1/b/c", "a:1/b/c"},
	} {
		if got := Named(tc.kind, tc.address, nil).Address; got != tc.want {
			t.Errorf("%s %s: %s", tc.kind, tc.address, got)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	many := make([]Target, 11)
	for i := range many {
		many[i].Address = strconv.Itoa(i)
	}
	for want, targets := range map[string][]Target{
		"no server":        nil,
		"DATABASE_URL: no": {{Postgres, "postgres://u:topsecret@h:port/b", "DATABASE_URL", nil}},
		"REDIS: the path":  {{Redis, "redis://:topsecret@h/x", "REDIS", nil}},
		"holds ${input:a}": {{Postgres, "postgres://u:${input:a}@h/b", "DB", nil}},
		"PROM: not an":     {{Prometheus, "http://u:topsecret@h:port", "PROM", nil}},
		"at most 10":       many,
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

// FuzzFromServer wants every address that is found to be one of a known kind.
func FuzzFromServer(f *testing.F) {
	f.Add("B=postgres://h", "postgresql://c")
	kinds := []Kind{Postgres, Redis, RabbitMQ, S3, Prometheus, Alertmanager}
	f.Fuzz(func(t *testing.T, variable, arg string) {
		for _, target := range FromServer("x", []string{variable}, []string{arg}) {
			if !slices.Contains(kinds, target.Kind) {
				t.Errorf("%+v", target)
			}
			_ = target.unset()
		}
	})
}

// A run leaves the list of its caller as it is: the assistant runs several with one.
func TestRunKeepsItsTargets(t *testing.T) {
	t.Parallel()
	at := Target{Redis, "redis://127.0.0.1:1", "REDIS_URL", nil}
	targets := []Target{at, at, {Redis, "redis://127.0.0.1:2", "OTHER", nil}}
	for range 2 {
		res, err := Run(t.Context(), Config{Targets: targets, Only: []string{"redis.connect"}})
		if err != nil || len(res.Servers) != 2 {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if len(targets) != 3 || targets[1].Address != at.Address {
		t.Errorf("the targets are now %+v", targets)
	}
}
