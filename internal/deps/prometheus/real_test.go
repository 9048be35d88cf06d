package prometheus

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

func check(t *testing.T, address string, match checks.Labels) []finding.Finding {
	t.Helper()
	base, err := webapi.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	list := Check(t.Context(), Config{Server: webapi.New(c, base, Paths...), Match: match, Slow: time.Second, Only: func(string) bool { return true }})
	t.Logf("checked in %s", time.Since(start))
	return list
}

// page serves metrics of a server whose calls all take two seconds, and fail one in four.
func page(t *testing.T) string {
	var scrapes atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, "mcp_request_duration_seconds_bucket{le=\"1\"} 0\nmcp_request_duration_seconds_bucket{le=\"2.5\"} %d\nmcp_request_duration_seconds_bucket{le=\"+Inf\"} %[1]d\n", 100*n)
		fmt.Fprintf(w, "mcp_requests_total{code=\"200\"} %d\nmcp_requests_total{code=\"500\"} %d\n", 300*n, 100*n)
		fmt.Fprintf(w, "container_cpu_cfs_throttled_periods_total{pod=\"mcp-1\",container=\"mcp\"} %d\ncontainer_cpu_cfs_periods_total{pod=\"mcp-1\",container=\"mcp\"} %d\n", 40*n, 100*n)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

const config = `
global: {scrape_interval: 250ms, evaluation_interval: 250ms}
scrape_configs:
- job_name: self
  static_configs: [{targets: ["127.0.0.1:%d"]}]
`

const rules = `
groups:
- name: mcp
  rules:
  - alert: McpDown
    expr: up{job="gone"} == 0
    labels: {severity: critical}
  - alert: NeverFires
    expr: up > 1
  - record: broken
    expr: up{job="gone"} + on (job) up{job="gone"}
`

// Planted faults are named: a target that is down, a rule that fails, an alert that fires
// and is sent nowhere, slow and failed requests, throttled pods. Labels choose the targets.
func TestPlantedPrometheus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts Prometheus")
	}
	more := fmt.Sprintf("- job_name: gone\n  static_configs: [{targets: [\"127.0.0.1:1\", \"127.0.0.1:2\"]}]\n- job_name: mcp\n  static_configs: [{targets: [%q]}]\n", page(t))
	server := depstest.Prometheus(t, config+more, rules)
	recorder := depstest.Record(t, server, 0)
	var list []finding.Finding
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		list = check(t, recorder.Address, nil)
		// the quantile needs two scrapes, the alert an evaluation after them
		if slices.ContainsFunc(list, func(f finding.Finding) bool { return f.ID == "prom.latency" && f.Severity == finding.Warn }) &&
			slices.ContainsFunc(list, func(f finding.Finding) bool { return f.ID == "prom.alerts" && f.Severity == finding.Fail }) &&
			slices.ContainsFunc(list, func(f finding.Finding) bool { return f.ID == "prom.rules" && f.Severity == finding.Fail }) {
			break
		}
	}
	depstest.Wants(t, list, "prom.connect", finding.Pass, "Prometheus 2.")
	depstest.Wants(t, list, "prom.targets", finding.Fail, "2 of 4 targets down")
	depstest.Wants(t, list, "prom.targets", finding.Fail, "job=gone instance=127.0.0.1:1: Get")
	depstest.Wants(t, list, "prom.rules", finding.Fail, "broken: ")
	depstest.Wants(t, list, "prom.rules", finding.Warn, "2 alert rules, but no Alertmanager")
	depstest.Wants(t, list, "prom.alerts", finding.Fail, "McpDown fires since ")
	depstest.Wants(t, list, "prom.latency", finding.Warn, "mcp_request_duration_seconds of mcp: p99 is 2.49s")
	depstest.Wants(t, list, "prom.errors", finding.Fail, "mcp_requests_total of mcp: 25.0 % failed")
	depstest.Wants(t, list, "prom.throttled", finding.Warn, "pod=mcp-1 was throttled in 40.0 %")
	list = check(t, recorder.Address, checks.Labels{"job": "self"})
	depstest.Wants(t, list, "prom.targets", finding.Pass, "no target of 1 is down")
	depstest.Wants(t, list, "prom.latency", finding.Skip, `no data: no histogram of requests with job="self"`)
	depstest.Wants(t, check(t, recorder.Address, checks.Labels{"job": "none"}), "prom.targets", finding.Warn, `no target with job="none"`)
	for _, seen := range recorder.Seen() {
		if path, ok := strings.CutPrefix(seen, "GET "); !ok || !slices.Contains(Paths, path) {
			t.Errorf("not in the list: %s", seen)
		}
	}
}

// A healthy server gives no finding, and its clock is one when it is five minutes off.
func TestHealthyPrometheus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts Prometheus")
	}
	server := depstest.Prometheus(t, config, "groups: []\n")
	var list []finding.Finding
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		if list = check(t, server.Address, nil); slices.ContainsFunc(list, func(f finding.Finding) bool { return f.ID == "prom.targets" && f.Severity == finding.Pass }) {
			break
		}
	}
	depstest.Healthy(t, list, "prom.latency", "prom.errors", "prom.throttled")
	depstest.Wants(t, list, "prom.errors", finding.Skip, "no data")
	list = check(t, depstest.Record(t, server, -6*time.Minute).Address, nil)
	depstest.Wants(t, list, "prom.clock", finding.Fail, "behind this machine")
}

// A server that takes connections and is silent has one timeout, not one for each request.
func TestSilentPrometheus(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		<-r.Context().Done()
	}))
	defer s.Close()
	list := check(t, s.URL, nil)
	depstest.Wants(t, list, "prom.connect", finding.Fail, "no answer ")
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
}

// A server that cannot be reached, one that is no Prometheus, one that is not ready and
// one that wants a password are a finding each; no password is shown.
func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(s.Close)
		u, _ := url.Parse(s.URL)
		u.User = url.UserPassword("u", "topsecret")
		return u.String()
	}
	for address, want := range map[string]string{
		"http://u:topsecret@127.0.0.1:1":       "connection refused",
		answer(200, `{}`):                      "the answer is not one of Prometheus",
		answer(200, `<html>`):                  "not the JSON",
		answer(503, "Service Unavailable"):     "the server is not ready",
		answer(401, "Unauthorized, topsecret"): "a user and a password go into the address",
	} {
		list := check(t, address, nil)
		if len(list) != 1 || strings.Contains(fmt.Sprint(list), "topsecret") {
			t.Errorf("%+v", list)
		}
		depstest.Wants(t, list, "prom.connect", finding.Fail, want)
	}
}

// Of many alerts the most serious are shown, and the rest are counted.
func TestManyAlerts(t *testing.T) {
	t.Parallel()
	var firing []string
	for i := range 30 {
		firing = append(firing, fmt.Sprintf(`{"state": "firing", "labels": {"severity": "warning", "pod": "p%d"}}`, i))
	}
	firing = append(firing, `{"state": "firing", "labels": {"severity": "critical", "pod": "last"}}`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"status": "success", "data": {"groups": [{"rules": [{"type": "alerting", "name": "Slow", "alerts": [%s]}]}]}}`, strings.Join(firing, ","))
	}))
	defer s.Close()
	list := check(t, s.URL, nil)
	depstest.Wants(t, list, "prom.alerts", finding.Fail, "pod=last")
	depstest.Wants(t, list, "prom.alerts", finding.Warn, "11 more alerts fire")
}
