package leaktest

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Cause is what a finding usually means and where to look.
type Cause struct {
	Per   string `json:"per"`
	Means string `json:"means"`
	Look  string `json:"look"`
}

// knowledge is drawn from public reports of leaks in MCP servers, by factor and
// by what was counted.
//
//go:embed knowledge.json
var knowledge []byte

// causesOf looks up what the phases found.
func causesOf(phases []*Phase) []Cause {
	var known map[string]Cause
	if err := json.Unmarshal(knowledge, &known); err != nil {
		return nil // a test reads it
	}
	var causes []Cause
	for _, p := range phases {
		if p.Trend.Verdict != trend.Leak && !p.Unexpired() || len(p.Explained) > 0 {
			continue
		}
		for _, c := range p.Counts {
			if p.Held && strings.HasPrefix(c.What, "sessions") {
				continue // nobody closed them
			}
			if cause, ok := known["counted:"+c.What]; ok && c.Kept {
				cause.Per = p.Per
				causes = append(causes, cause)
			}
		}
		if cause, ok := known[p.ID]; ok {
			cause.Per = p.Per
			causes = append(causes, cause)
		}
	}
	return causes
}
