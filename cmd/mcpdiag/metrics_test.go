package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// metricsServer serves a page in which the calls that failed and those that did not rise
// with every reading.
func metricsServer(t *testing.T, path string, failed, good int64) string {
	t.Helper()
	var reading atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := reading.Add(1)
		fmt.Fprintf(w, "http_requests_total{path=\"%s\",code=\"500\"} %d\nhttp_requests_total{path=\"%[1]s\",code=\"200\"} %[3]d\n", path, n*failed, n*good)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A failure is exit code 3 in every format; a warning is one with --fail-on warn.
func TestMetricsExitCodes(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"text": "SICK  metrics.errors: /mcp: 300 of 1,000 calls failed, 30.0 %", "json": `"verdict": "sick"`, "markdown": "### mcpdiag metrics: sick",
		"junit": `<failure message="/mcp: 300 of 1,000`, "github": "::error title=mcpdiag metrics",
	} {
		invoke(t, "metrics", metricsServer(t, "/mcp", 300, 700), "--interval", "10ms", "--format", format).wants(t, exitFinding, want)
	}
	invoke(t, "metrics", metricsServer(t, "/mcp", 20, 980), "--interval", "10ms").wants(t, exitOK, "DOUBTFUL  metrics.errors: /mcp: 20 of 1,000")
	invoke(t, "metrics", metricsServer(t, "/mcp", 20, 980), "--interval", "10ms", "--fail-on", "warn").wants(t, exitFinding, "DOUBTFUL")
	invoke(t, "metrics", metricsServer(t, "/mcp", 20, 980), "--interval", "10ms", "--fail-on", "warn", "--format", "junit").wants(t, exitFinding, `failures="1"`)
	invoke(t, "metrics", metricsServer(t, "/mcp", 20, 980), "--interval", "10ms", "--format", "junit").wants(t, exitOK, `failures="0"`)
	invoke(t, "metrics", metricsServer(t, "/mcp", 0, 1000), "--interval", "10ms", "--fail-on", "warn").wants(t, exitOK, "HEALTHY  no finding over ")
}

// Label values come out of every format without their power.
func TestHostileNamesInMetrics(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"\x1b[2J", "\u009b2J\u202egnp\u2028", "\xff\xfe", `\n::error::x`, "=cmd|' /C calc'!A0", strings.Repeat("x", 100_000)} {
		for _, format := range []string{"text", "json", "markdown", "junit", "github"} {
			o := invoke(t, "metrics", metricsServer(t, name, 300, 700), "--interval", "10ms", "--format", format)
			if o.harmless(t); o.code != exitFinding {
				t.Errorf("%.20q, %s: exit code %d: %.300s", name, format, o.code, o.err)
			}
			if format != "github" {
				plain(t, o.out)
			}
			if format != "json" && len(o.out) > 20_000 {
				t.Errorf("%.20q, %s: %d bytes", name, format, len(o.out))
			}
		}
	}
}
