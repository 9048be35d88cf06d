package poll

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Line is the poll on one line of a log.
func (e Event) Line() string {
	s := e.Snapshot
	at := s.Poll.At.Format(time.TimeOnly)
	if s.Failed() {
		return fmt.Sprintf("%s %s failed: %s", at, e.Target, s.Poll.Error)
	}
	if why := s.Unreachable(); why != "" {
		return fmt.Sprintf("%s %s: the proxy answers, and does not reach the server: %s", at, e.Target, why)
	}
	line := fmt.Sprintf("%s %s  sessions %s  heap %s  calls %s", at, e.Target, sessions(s), heap(s), calls(s))
	if call, age := s.Oldest(); call != nil {
		line += fmt.Sprintf(" (oldest %s, %s)", report.Cell(call.Name, 40), report.Duration(age))
	}
	return line + fmt.Sprintf("  queued %d  latency %s", s.Queued(), report.Millis(s.Poll.LatencyMs))
}

// Text writes the result for people.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	if err := r.table().Write(w, paint); err != nil {
		return err
	}
	for _, c := range r.Alerts {
		line := fmt.Sprintf("alert %s crossed at %s by %s: %s", c.Alert, c.At.Format(time.TimeOnly), c.Target, c.Text)
		if _, err := fmt.Fprintln(w, paint.Paint(report.Bad, report.Line(line))); err != nil {
			return err
		}
	}
	return nil
}

// table has the columns that say something: of restarts and servers that were
// not reached only where there were some. Skipped ticks are warned of.
func (r *Result) table() *report.Table {
	t := &report.Table{Right: map[int]bool{}}
	var titles []string
	cells := make([][]string, len(r.Targets))
	for _, c := range summary {
		if c.rare && !slices.ContainsFunc(r.Targets, func(t *Target) bool { return c.cell(t) != "0" }) {
			continue
		}
		t.Right[len(titles)] = c.right
		titles = append(titles, c.title)
		for i, target := range r.Targets {
			cells[i] = append(cells[i], c.cell(target))
		}
	}
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

// summary are the columns of the result.
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

// latency is a figure of the polls that were answered.
func (t *Target) latency(ms float64) string {
	if t.Polls == t.Failed {
		return "-"
	}
	return report.Millis(ms)
}

// text is "first → last" and the greatest where it is neither.
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
