package poll

import (
	"cmp"
	"fmt"
	"maps"
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
	ParentID  string   `json:"parentId,omitempty"` // the call that made it
	AgeMs     *float64 `json:"ageMs,omitempty"`
	Stuck     bool     `json:"stuck,omitempty"` // older than snapshot.StuckAfter
}

// inFlight returns the calls of a snapshot.
func inFlight(target string, s *snapshot.Snapshot) []InFlight {
	calls := make([]InFlight, 0, len(s.ToolCallStack))
	for i := range s.ToolCallStack {
		c := &s.ToolCallStack[i]
		call := InFlight{Target: target, ID: c.ID, Tool: c.Name, SessionID: c.SessionID, Handler: c.Handler, ParentID: c.ParentID}
		if age, ok := s.Age(c); ok {
			call.AgeMs, call.Stuck = new(report.InMillis(age)), age > snapshot.StuckAfter
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

// callColumns are the columns of calls. The optional ones appear if a call has a value.
var callColumns = []struct {
	title    string
	optional bool
	cell     func(*InFlight) string
}{
	{"TOOL", false, func(c *InFlight) string { return report.Cell(c.Tool, 40) }},
	{"AGE", false, (*InFlight).ageCell},
	{"STATE", true, (*InFlight).state},
	{"SESSION", true, func(c *InFlight) string { return report.Cell(c.SessionID, 24) }},
	{"CALL", false, func(c *InFlight) string { return report.Cell(c.ID, 24) }},
	{"PARENT", true, func(c *InFlight) string { return report.Cell(c.ParentID, 24) }},
}

func (c *InFlight) ageCell() string {
	if c.AgeMs == nil {
		return ""
	}
	return report.Millis(*c.AgeMs)
}

func (c *InFlight) state() string {
	if c.Stuck {
		return "stuck"
	}
	return ""
}

// callCells returns the header and the rows of calls of so many targets.
func callCells(calls []InFlight, targets int) (header []string, rows [][]string) {
	rows = make([][]string, len(calls))
	for _, column := range callColumns {
		if column.optional && !slices.ContainsFunc(calls, func(c InFlight) bool { return column.cell(&c) != "" }) {
			continue
		}
		header = append(header, column.title)
		for i := range calls {
			rows[i] = append(rows[i], cmp.Or(column.cell(&calls[i]), "-"))
		}
	}
	if targets > 1 {
		header = append(header, "TARGET")
		for i := range calls {
			rows[i] = append(rows[i], report.Cell(shortTarget(calls[i].Target), 32))
		}
	}
	return header, rows
}

// callTable lists calls, at most limit of them.
func callTable(calls []InFlight, targets, limit int) *report.Table {
	calls = calls[:min(limit, len(calls))]
	header, rows := callCells(calls, targets)
	t := &report.Table{Right: map[int]bool{1: true}}
	t.Styled(report.Faint, header...)
	for i, row := range rows {
		style := report.Plain
		if calls[i].Stuck {
			style = report.Bad
		}
		t.Styled(style, row...)
	}
	return t
}

// Queue is a queue in which calls waited at the last poll of its target.
type Queue struct {
	Target  string `json:"target"`
	Handler string `json:"handler"`
	Waiting int64  `json:"waiting"`
}

// queued returns the queues of a snapshot that are not empty, the deepest first.
func queued(target string, s *snapshot.Snapshot) []Queue {
	var queues []Queue
	for _, handler := range slices.Sorted(maps.Keys(s.HandlerQueue)) {
		if n := s.HandlerQueue[handler]; n > 0 {
			queues = append(queues, Queue{Target: target, Handler: handler, Waiting: n})
		}
	}
	slices.SortStableFunc(queues, func(a, b Queue) int { return cmp.Compare(b.Waiting, a.Waiting) })
	return queues
}

// text describes the queue; it names the target if there are several.
func (q *Queue) text(targets int) string {
	text := fmt.Sprintf("waiting in the queue of %s: %s", report.Cell(q.Handler, 60), report.Count(q.Waiting))
	if targets > 1 {
		text += " (" + report.Cell(shortTarget(q.Target), 32) + ")"
	}
	return text
}
