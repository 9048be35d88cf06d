package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
)

const examplesDir = "../../examples"

var metricName = regexp.MustCompile(`\bmcp(?:diag)?_[a-z_]+`)

// exportedNames are the metrics that poll and the proxy export.
func exportedNames(t *testing.T) map[string]bool {
	t.Helper()
	descs := make(chan *prometheus.Desc, 200)
	poll.NewExporter().Describe(descs)
	p := proxy.New(proxy.Config{})
	p.Describe(descs)
	close(descs)
	names := map[string]bool{"mcp_method_name": true}
	for d := range descs {
		names[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]] = true
	}
	for _, histogram := range []string{"mcp_server_operation_duration_seconds", "mcp_server_session_duration_seconds"} {
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[histogram+part] = true
		}
	}
	return names
}

// TestExamplesName: the alerts and the dashboard name metrics that there are.
func TestExamplesName(t *testing.T) {
	t.Parallel()
	names := exportedNames(t)
	for _, file := range []string{"prometheus/alerts.yml", "grafana/mcp-servers.json"} {
		data, err := os.ReadFile(filepath.Join(examplesDir, file))
		if err != nil {
			t.Fatal(err)
		}
		found := metricName.FindAllString(string(data), -1)
		for _, name := range found {
			if !names[name] {
				t.Errorf("%s names %s, which nobody exports", file, name)
			}
		}
		if len(found) < 8 {
			t.Errorf("%s names %d metrics", file, len(found))
		}
	}
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	data, _ := os.ReadFile(filepath.Join(examplesDir, "grafana/mcp-servers.json"))
	if err := json.Unmarshal(data, &dashboard); err != nil || len(dashboard.Panels) < 6 {
		t.Errorf("the dashboard: %v, %d panels", err, len(dashboard.Panels))
	}
}

// TestPromtool: the alerts are valid and fire when they should, and what is
// exported is as Prometheus wants it.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: it comes with Debian's prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}, {"check", "config", "prometheus.yml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = filepath.Join(examplesDir, "prometheus")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	p := newProxied(t)
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = resp.Body
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestExporter: each target under its name; of one that fails the figures are absent.
func TestExporter(t *testing.T) {
	t.Parallel()
	e := poll.NewExporter()
	p := newProxied(t)
	var cfg poll.Config
	for _, target := range []string{p.url, "http://127.0.0.1:1"} {
		u, _ := client.ParseTarget(target, snapshotPath)
		cfg.Targets = append(cfg.Targets, u)
	}
	cfg.Interval, cfg.Count = time.Second, 1
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := poll.Run(t.Context(), cfg, c, func(event poll.Event) error { e.Add(event); return nil }); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	got := w.Body.String()
	for _, want := range []string{
		`mcpdiag_up{target="` + p.url + `/debug/snapshot"} 1`, `mcpdiag_up{target="http://127.0.0.1:1/debug/snapshot"} 0`,
		`mcpdiag_sessions_active{target="` + p.url, `mcpdiag_poll_failures_total{target="http://127.0.0.1:1/debug/snapshot"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, `mcpdiag_calls_in_flight{target="http://127.0.0.1:1`) {
		t.Errorf("a target that failed has figures:\n%s", got)
	}
}
