package rules

import (
	"net/http"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// handshake returns the exchange of a handshake with a server of tools.
func handshake() *facts.Exchange {
	return &facts.Exchange{Probe: "initialize", Method: http.MethodPost, Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Message: &facts.Message{Result: []byte(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}`)}}
}

// discovery returns the exchange of a handshake of the revision without sessions.
func discovery() *facts.Exchange {
	return &facts.Exchange{Probe: "discover", Method: http.MethodPost, Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Message: &facts.Message{Result: []byte(`{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`)}}
}

// TestSlowCall wants no failure of a tool that takes longer than doctor waits.
func TestSlowCall(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{
		Tools: &facts.ToolListing{Tools: []facts.ToolFact{{Name: "slow"}}}, Call: &facts.Called{Tool: "slow"},
		Exchanges: []*facts.Exchange{handshake(), {Probe: facts.CallProbe, Method: http.MethodPost, Failed: "no answer within 5 s", Timing: facts.Millis{Total: 5000}}},
	}
	if got := judgeCall(f); got.Severity != finding.Warn {
		t.Errorf("%s %s", got.Severity, got.Summary)
	}
}

// TestCancelled wants two looks at a call that goes on, and no other client that calls the tool.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seen   []facts.Flight
		others bool
		want   finding.Severity
	}{
		"it ended":      {seen: []facts.Flight{{Ms: 300}}, want: finding.Pass},
		"it ends late":  {seen: []facts.Flight{{Ms: 300, Calls: 1}, {Ms: 400}}, want: finding.Pass},
		"one look":      {seen: []facts.Flight{{Ms: 300, Calls: 1}}, want: finding.Skip},
		"it goes on":    {seen: []facts.Flight{{Ms: 300, Calls: 1}, {Ms: 400, Calls: 1}}, want: finding.Fail},
		"other clients": {others: true, want: finding.Skip},
	} {
		f := &facts.Facts{Exchanges: []*facts.Exchange{discovery()}, Behaviour: &facts.Behaviour{Tool: "slow", FullMs: 1000, CancelMs: 250, Witness: true, Others: tc.others, AfterClose: tc.seen}}
		if got := judgeCancelModern(f); got.Severity != tc.want {
			t.Errorf("%s: %s %s, want %s", name, got.Severity, got.Summary, tc.want)
		}
	}
}

// TestResource compares the address in the metadata with the target as clients do.
func TestResource(t *testing.T) {
	t.Parallel()
	challenge := &facts.Exchange{Probe: "initialize", Method: http.MethodPost, Status: 401}
	for _, tc := range []struct {
		target, resource string
		want             finding.Severity
	}{
		{"https://a.example/mcp", "https://a.example/mcp", finding.Pass},
		{"https://a.example/mcp", "https://A.example:443/mcp", finding.Pass},
		{"https://a.example:443/mcp", "https://a.example/mcp", finding.Pass},
		{"https://a.example/", "https://a.example", finding.Pass},
		{"https://a.example/mcp?tenant=1", "https://a.example/mcp", finding.Pass},
		{"https://a.example/mcp", "https://a.example/mcp/", finding.Warn},
		{"https://a.example/mcp", "https://a.example", finding.Warn},
		{"https://a.example/mcp", "http://a.example/mcp", finding.Fail},
		{"https://a.example/mcp", "https://a.example:8443/mcp", finding.Fail},
		{"https://a.example/mcp", "https://b.example/mcp", finding.Fail},
	} {
		f := &facts.Facts{Target: tc.target, Exchanges: []*facts.Exchange{challenge}, Auth: &facts.Auth{Resource: &facts.Resource{Resource: tc.resource}}}
		if got := judgeResource(f); got.Severity != tc.want {
			t.Errorf("%s at %s: %s %s, want %s", tc.resource, tc.target, got.Severity, got.Summary, tc.want)
		}
	}
}

// TestUnavailable tells a server that is out of service from one that limits the rate.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Exchanges: []*facts.Exchange{{Probe: "discover", Method: http.MethodPost, Status: 503, Header: http.Header{"Retry-After": {"3600"}}}}}
	if got := judgeLimit(f); got.Severity != finding.Fail || got.Summary != "the server answers request 1 with 503: it is overloaded, or out of service for now" {
		t.Errorf("%s %s", got.Severity, got.Summary)
	}
}
