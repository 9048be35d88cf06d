package rules

import (
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// TestOpenServers judges who may list the tools.
func TestOpenServers(t *testing.T) {
	t.Parallel()
	list := &facts.Exchange{Probe: "tools/list", Method: "POST", Status: 200, Message: &facts.Message{Result: []byte(`{}`)}}
	reads, writes := facts.ToolFact{Annotations: map[string]any{"readOnlyHint": true}}, facts.ToolFact{Name: "drop"}
	for name, tc := range map[string]struct {
		f    facts.Facts
		want finding.Severity
	}{
		"this machine":    {facts.Facts{Loopback: true, Tools: &facts.ToolListing{Tools: []facts.ToolFact{writes}}}, finding.Info},
		"reads only":      {facts.Facts{Tools: &facts.ToolListing{Tools: []facts.ToolFact{reads}}}, finding.Info},
		"one writes":      {facts.Facts{Tools: &facts.ToolListing{Tools: []facts.ToolFact{reads, writes}}}, finding.Warn},
		"a token is due":  {facts.Facts{ExpectAuth: true, Loopback: true}, finding.Fail},
		"not asked again": {facts.Facts{Credentials: true}, finding.Skip},
	} {
		tc.f.Exchanges = []*facts.Exchange{list}
		if got := judgeOpen(&tc.f); got.Severity != tc.want {
			t.Errorf("%s: %s %s, want %s", name, got.Severity, got.Summary, tc.want)
		}
	}
}
