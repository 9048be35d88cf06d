package rules

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// TestNames tells a host that does not exist from name servers that do not answer.
func TestNames(t *testing.T) {
	t.Parallel()
	for lookup, want := range map[string]string{
		"lookup a.example: no such host":                               "there is no host a.example",
		"lookup a.example on 10.0.0.1:53: read udp: i/o timeout":       "the host a.example cannot be looked up",
		"lookup a.example on 10.0.0.1:53: server misbehaving":          "the host a.example cannot be looked up",
		"lookup a.example: Temporary failure in name resolution (try)": "the host a.example cannot be looked up",
	} {
		f := &facts.Facts{Network: facts.Network{Host: "a.example", Lookup: lookup}}
		if got := judgeDNS(f); got.Severity != finding.Fail || !strings.HasPrefix(got.Summary, want) {
			t.Errorf("%s: %s %s", lookup, got.Severity, got.Summary)
		}
	}
}

// TestRebinding fails only where a web page could use the server: not behind TLS, whose
// certificate is for another name, and not where credentials are needed.
func TestRebinding(t *testing.T) {
	t.Parallel()
	ok := func(probe string) *facts.Exchange {
		return &facts.Exchange{Probe: probe, Method: http.MethodPost, Status: 200}
	}
	locked := &facts.Exchange{Probe: "anonymous", Method: http.MethodPost, Status: 401}
	for name, tc := range map[string]struct {
		target string
		more   *facts.Exchange
		want   finding.Severity
	}{
		"on this machine":  {"http://localhost/mcp", nil, finding.Fail},
		"behind TLS":       {"https://localhost/mcp", nil, finding.Warn},
		"with credentials": {"http://localhost/mcp", locked, finding.Info},
	} {
		f := &facts.Facts{Target: tc.target, Loopback: true, Credentials: tc.more != nil, Exchanges: []*facts.Exchange{ok("foreign origin"), ok("foreign host"), tc.more}}
		if got := judgeRebinding(f); got.Severity != tc.want {
			t.Errorf("%s: %s %s", name, got.Severity, got.Summary)
		}
	}
}
