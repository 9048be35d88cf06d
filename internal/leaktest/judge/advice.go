package judge

import (
	_ "embed"
	"encoding/json"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Cause is the usual cause of a finding, with advice.
type Cause struct {
	Per   string `json:"per"`
	Means string `json:"means"`
	Look  string `json:"look"`
}

// knowledge is drawn from public reports of leaks in MCP servers, by load and by count.
//
//go:embed knowledge.json
var knowledge []byte

// advice parses the embedded knowledge.
func advice() map[string]Cause {
	var known map[string]Cause
	_ = json.Unmarshal(knowledge, &known) // a test reads it
	return known
}

// CausesOf returns the usual causes of the leaks in phases.
func CausesOf(phases []*Phase) []Cause {
	known := advice()
	var causes []Cause
	add := func(key, per string) {
		if cause, ok := known[key]; ok {
			cause.Per = per
			causes = append(causes, cause)
		}
	}
	for _, p := range phases {
		if p.Verdict() != trend.Leak && !p.Unexpired() || len(p.Explained) > 0 {
			continue
		}
		for _, c := range keptCounts(p.Counts) {
			if !p.Held || c.What != sessionsCounter { // abandoned sessions are not closed ones
				add("counted:"+c.What, p.Per)
			}
		}
		add(p.ID, p.Per)
	}
	return causes
}
