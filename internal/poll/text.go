package poll

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// maxCalls is the number of calls in flight that a report lists.
const maxCalls = 50

// Line formats the poll as one line of a log.
func (e Event) Line() string {
	s := e.Snapshot
	at := s.Poll.At.Format(time.TimeOnly)
	if s.Failed() {
		return fmt.Sprintf("%s %s failed: %s", at, e.Target, s.Poll.Error)
	}
	if err := unreachable(s); err != nil {
		return fmt.Sprintf("%s %s: %s", at, e.Target, err)
	}
	line := fmt.Sprintf("%s %s  sessions %s  %s %s  calls %s", at, e.Target, sessions(s), memoryName(s.HeapSource), heap(s), calls(s))
	if call, age := s.Oldest(); call != nil {
		line += fmt.Sprintf(" (oldest %s, %s)", report.Cell(call.Name, 40), report.Duration(age))
	}
	return line + fmt.Sprintf("  queued %d  latency %s", s.Queued(), report.Millis(s.Poll.LatencyMs))
}

// memoryName returns the name of the memory that heapUsedMB measures.
func memoryName(source string) string {
	if source == snapshot.HeapOfProcess {
		return "process memory"
	}
	return "heap"
}

// Lines returns the events of the poll that deserve a line of a log.
func (e Event) Lines() []string {
	var lines []string
	if e.Restart != "" {
		lines = append(lines, fmt.Sprintf("restart  %s: %s", e.Target, e.Restart))
	}
	for _, c := range e.Crossed {
		lines = append(lines, fmt.Sprintf("alert    %s: %s (%s)", e.Target, c.Alert, c.Text))
	}
	for _, a := range e.Cleared {
		lines = append(lines, fmt.Sprintf("cleared  %s: %s", e.Target, a))
	}
	return lines
}

// Text writes the result as text: a row per target, the alerts, the calls in flight.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	_ = r.table().Write(&b, paint) // a Builder takes everything
	for _, c := range r.Alerts {
		line := fmt.Sprintf("alert %s crossed at %s by %s: %s", c.Alert, c.At.Format(time.TimeOnly), c.Target, c.Text)
		b.WriteString(paint.Paint(report.Bad, report.Line(line)) + "\n")
	}
	for _, q := range r.Queues[:min(len(r.Queues), maxCalls)] {
		b.WriteString(q.text(len(r.Targets)) + "\n")
	}
	switch {
	case r.Calls != nil && len(r.Calls) == 0:
		b.WriteString("no calls in flight")
		if r.Answered() < int64(len(r.Targets)) {
			b.WriteString(" at the targets that answered")
		}
		b.WriteString("\n")
	case r.Calls != nil:
		b.WriteString("\n" + paint.Paint(report.Bold, "Calls in flight") + "\n")
		_ = callTable(r.Calls, len(r.Targets), maxCalls).Write(&b, paint)
		if more := len(r.Calls) - maxCalls; more > 0 {
			fmt.Fprintf(&b, "… and %s more\n", report.Count(int64(more)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) table() *report.Table {
	titles, cells, right := r.summaryCells()
	t := &report.Table{Right: right}
	t.Styled(report.Faint, titles...)
	for i, target := range r.Targets {
		style := report.Plain
		if target.Failed+target.Unreachable > 0 {
			style = report.Bad
		}
		t.Styled(style, cells[i]...)
	}
	return t
}

// summaryCells returns the columns of the result. Those of restarts and of servers that a
// proxy did not reach appear only if there were some.
func (r *Result) summaryCells() (titles []string, cells [][]string, right map[int]bool) {
	right = map[int]bool{}
	cells = make([][]string, len(r.Targets))
	for _, c := range summary {
		if c.rare && !slices.ContainsFunc(r.Targets, func(t *Target) bool { return c.cell(t) != "0" }) {
			continue
		}
		title := c.title
		if title == "HEAP" && slices.ContainsFunc(r.Targets, func(t *Target) bool { return t.HeapSource == snapshot.HeapOfProcess }) {
			title = "MEMORY"
		}
		right[len(titles)] = c.right
		titles = append(titles, title)
		for i, target := range r.Targets {
			cells[i] = append(cells[i], c.cell(target))
		}
	}
	return titles, cells, right
}

// summary holds the columns of the result.
var summary = []struct {
	title       string
	right, rare bool
	cell        func(*Target) string
}{
	{"TARGET", false, false, func(t *Target) string { return report.Cell(strings.TrimSuffix(t.URL, "/debug/snapshot"), 60) }},
	{"POLLS", true, false, func(t *Target) string { return report.Count(t.Polls) }},
	{"FAILED", true, false, func(t *Target) string { return report.Count(t.Failed) }},
	{"UNREACHED", true, true, func(t *Target) string { return report.Count(t.Unreachable) }},
	{"RESTARTS", true, true, func(t *Target) string { return report.Count(t.Restarts) }},
	{"LATENCY", true, false, func(t *Target) string { return t.latency(t.MeanLatencyMs) }},
	{"MAX", true, false, func(t *Target) string { return t.latency(t.MaxLatencyMs) }},
	{"HEAP", false, false, func(t *Target) string { return t.HeapMB.text(report.MB) }},
	{"SESSIONS", false, false, func(t *Target) string {
		return t.Sessions.text(func(v float64) string { return report.Count(int64(v)) })
	}},
}

// latency formats a latency, "-" if no poll was answered.
func (t *Target) latency(ms float64) string {
	if t.Polls == t.Failed {
		return "-"
	}
	return report.Millis(ms)
}

// text formats "first → last", and the maximum if it is neither.
func (r *Range) text(format func(float64) string) string {
	if r == nil {
		return "-"
	}
	s := format(r.First) + " → " + format(r.Last)
	if r.Max > max(r.First, r.Last) {
		s += " (max " + format(r.Max) + ")"
	}
	return s
}
