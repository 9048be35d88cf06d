package poll

import (
	"cmp"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// InFlight is a tool call that was in flight at the last poll of its target.
type InFlight struct {
	Target    string   `json:"target"`
	ID        string   `json:"id"`
	Tool      string   `json:"tool"`
	SessionID string   `json:"sessionId,omitempty"`
	Handler   string   `json:"handler,omitempty"`
	AgeMs     *float64 `json:"ageMs,omitempty"`
}

// inFlight returns the calls of a snapshot.
func inFlight(target string, s *snapshot.Snapshot) []InFlight {
	calls := make([]InFlight, 0, len(s.ToolCallStack))
	for i := range s.ToolCallStack {
		c := &s.ToolCallStack[i]
		call := InFlight{Target: target, ID: c.ID, Tool: c.Name, SessionID: c.SessionID, Handler: c.Handler}
		if age, ok := s.Age(c); ok {
			call.AgeMs = new(millis(age))
		}
		calls = append(calls, call)
	}
	return calls
}

// oldestFirst sorts calls by age. Those of unknown age come last.
func oldestFirst(calls []InFlight) {
	slices.SortStableFunc(calls, func(a, b InFlight) int { return cmp.Compare(b.age(), a.age()) })
}

func (c *InFlight) age() float64 {
	if c.AgeMs == nil {
		return -1
	}
	return *c.AgeMs
}

// callHeader is the header of the table of calls.
func callHeader(targets int) []string {
	header := []string{"TOOL", "AGE", "SESSION", "CALL"}
	if targets > 1 {
		header = append(header, "TARGET")
	}
	return header
}

func callRow(c *InFlight, targets int) []string {
	age := "-"
	if c.AgeMs != nil {
		age = report.Millis(*c.AgeMs)
	}
	row := []string{report.Cell(c.Tool, 40), age, cmp.Or(report.Cell(c.SessionID, 24), "-"), cmp.Or(report.Cell(c.ID, 24), "-")}
	if targets > 1 {
		row = append(row, report.Cell(shortTarget(c.Target), 32))
	}
	return row
}

// callTable lists calls, at most limit of them.
func callTable(calls []InFlight, targets, limit int) *report.Table {
	t := &report.Table{Right: map[int]bool{1: true}}
	t.Styled(report.Faint, callHeader(targets)...)
	for i := range calls[:min(limit, len(calls))] {
		t.Row(callRow(&calls[i], targets)...)
	}
	return t
}
