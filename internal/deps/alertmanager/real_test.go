package alertmanager

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	return Check(t.Context(), Config{Server: webapi.New(c, base, Paths...), Match: match, Only: func(string) bool { return true }})
}

func post(t *testing.T, address, body string) {
	t.Helper()
	resp, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", address, resp.Status)
	}
}

// A healthy server gives no finding; an alert that fires, one that is silenced for some
// minutes more, and a clock that is off are one each.
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts Alertmanager")
	}
	server := depstest.Alertmanager(t)
	recorder := depstest.Record(t, server, 0)
	list := check(t, recorder.Address, nil)
	depstest.Healthy(t, list)
	depstest.Wants(t, list, "am.connect", finding.Pass, "Alertmanager 0.")
	post(t, server.Address+"/api/v2/alerts", `[{"labels": {"alertname": "McpDown", "severity": "critical", "job": "mcp"}, "annotations": {"summary": "it is down"}},
		{"labels": {"alertname": "McpSlow", "job": "mcp"}}, {"labels": {"alertname": "Watchdog", "severity": "none"}}, {"labels": {"alertname": "Muted", "job": "mcp"}}, {"labels": {"alertname": "MutedLong", "job": "mcp"}}]`)
	for _, silence := range []struct {
		name string
		left time.Duration
	}{{"Muted", 20 * time.Minute}, {"MutedLong", 20 * time.Hour}, {"MutedLong", 30 * time.Minute}} {
		name, left := silence.name, silence.left
		post(t, server.Address+"/api/v2/silences", fmt.Sprintf(`{"matchers": [{"name": "alertname", "value": %q, "isRegex": false, "isEqual": true}], "startsAt": %q, "endsAt": %q, "createdBy": "anna", "comment": "known"}`,
			name, time.Now().Format(time.RFC3339), time.Now().Add(left).Format(time.RFC3339)))
	}
	list = check(t, recorder.Address, nil)
	depstest.Wants(t, list, "am.alerts", finding.Fail, "McpDown fires since ")
	depstest.Wants(t, list, "am.alerts", finding.Fail, "it is down")
	depstest.Wants(t, list, "am.alerts", finding.Warn, "McpSlow fires since ")
	depstest.Wants(t, list, "am.alerts", finding.Info, "Watchdog fires since ")
	depstest.Wants(t, list, "am.silenced", finding.Warn, "Muted fires since ")
	depstest.Wants(t, list, "am.silenced", finding.Warn, "by anna (known)")
	depstest.Wants(t, list, "am.silenced", finding.Info, "MutedLong fires since ") // the longer of two silences counts
	depstest.Healthy(t, check(t, recorder.Address, checks.Labels{"job": `a "quoted" one`}))
	depstest.Wants(t, check(t, recorder.Address, checks.Labels{"job": "mcp"}), "am.alerts", finding.Fail, "McpDown")
	for _, seen := range recorder.Seen() {
		if path, ok := strings.CutPrefix(seen, "GET "); !ok || !slices.Contains(Paths, path) {
			t.Errorf("not in the list: %s", seen)
		}
	}
	depstest.Wants(t, check(t, depstest.Record(t, server, 6*time.Minute).Address, nil), "am.clock", finding.Fail, "ahead of this machine")
	depstest.Wants(t, check(t, "http://127.0.0.1:1", nil), "am.connect", finding.Fail, "connection refused")
}
