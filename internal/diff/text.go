package diff

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxShown is the number of calls, queues and handlers that a report lists of each kind.
const maxShown = 20

// nameWidth is the width of names from outside.
const nameWidth = 40

// Style returns the style of the verdict.
func (v Verdict) Style() report.Style {
	switch v {
	case VerdictLeak:
		return report.Bad
	case VerdictOK:
		return report.Good
	case VerdictGrowth, VerdictUndecided:
	}
	return report.Caution
}

// Text writes the result as text: the verdict, the figures, then the calls that are
// stuck, new and gone.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	b.WriteString(paint.Paint(r.Verdict.Style(), report.Line(r.Reason)) + "\n")
	if r.Kept != "" {
		b.WriteString("heap of the runtime: " + report.Line(r.Kept) + "\n")
	}
	b.WriteString("\n")
	sides := report.Table{Indent: "  "}
	sides.Row("A", r.A.describe())
	sides.Row("B", r.B.describe()+r.between())
	_ = sides.Write(&b, paint) // a Builder takes everything
	for _, s := range r.tables() {
		b.WriteString("\n")
		_ = s.Text(&b, paint)
	}
	b.WriteString(r.footnotes(paint))
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Side) describe() string {
	text := report.Cell(s.Name, 60)
	if s.At != nil {
		text += "  " + s.At.Format("2006-01-02 15:04:05")
	}
	if s.Samples > 1 {
		text += fmt.Sprintf("  median of %d", s.Samples)
	}
	return text
}

func (r *Result) between() string {
	text := ""
	if r.BetweenMs != nil {
		text = "  " + report.Millis(*r.BetweenMs) + " later"
	}
	switch r.Process {
	case "same":
		text += ", the same process"
	case "restarted":
		text += ", the server restarted"
	}
	return text
}

// bound cuts a table to maxShown rows.
func bound(t finding.Table) finding.Table {
	if more := len(t.Rows) - maxShown; more > 0 {
		t.Rows, t.Note = t.Rows[:maxShown], fmt.Sprintf("… and %s more", report.Count(int64(more)))
	}
	return t
}

// tables returns the tables that are not empty.
func (r *Result) tables() []finding.Table {
	var out []finding.Table
	for _, s := range []finding.Table{
		r.figureTable(),
		callTable("Still the same call (stuck)", r.StuckCalls),
		callTable("New calls", r.NewCalls),
		goneTable(r.GoneCalls),
		queueTable(r.Queues),
		handlerTable(r.Handlers),
	} {
		if len(s.Rows) > 0 {
			out = append(out, bound(s))
		}
	}
	return out
}

func (r *Result) figureTable() finding.Table {
	s := finding.Table{
		Title: "Figures", Header: []string{"", "A", "B", "change", "%", "per call"},
		Right: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true},
	}
	for _, row := range r.Rows {
		perCall := ""
		if row.PerCall != nil && !row.Noise {
			perCall = row.format(*row.PerCall)
		}
		s.Rows = append(s.Rows, []string{row.Name, row.cell(row.A), row.cell(row.B), row.changeCell(), row.percent(), perCall})
	}
	return s
}

func (r *Row) format(v float64) string {
	switch r.Unit {
	case "MB":
		return report.MB(v)
	case "ms":
		return report.Millis(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (r *Row) cell(v *float64) string {
	if v == nil {
		return "-"
	}
	return r.format(*v)
}

// changeCell returns the change, "~" if chance explains it.
func (r *Row) changeCell() string {
	switch {
	case r.Change == nil:
		return "-"
	case r.Noise:
		return "~"
	}
	return report.Signed(*r.Change, r.format)
}

// mostFactor is the largest factor that is printed: beyond it, A was almost nothing.
const mostFactor = 10_000

// percent returns the change as a share of A, or as a factor from 10 on.
func (r *Row) percent() string {
	if r.Change == nil || *r.Change == 0 || *r.A == 0 || r.Noise || r.Unit == "ms" {
		return ""
	}
	switch factor := *r.B / *r.A; {
	case factor > mostFactor:
		return ""
	case factor >= 10:
		return fmt.Sprintf("× %.0f", factor)
	}
	return report.Signed(*r.Change / *r.A, report.Percent)
}

func callTable(title string, calls []Call) finding.Table {
	s := finding.Table{Title: title, Header: []string{"id", "tool", "in flight", "session"}, Right: map[int]bool{2: true}}
	for _, c := range calls {
		duration := "-"
		if c.AgeMs != nil {
			duration = report.Millis(*c.AgeMs)
		}
		s.Rows = append(s.Rows, []string{
			report.Cell(c.ID, nameWidth), report.Cell(c.Name, nameWidth), duration, report.Cell(c.SessionID, nameWidth),
		})
	}
	return s
}

// goneTable counts the calls that have ended by their tool: to know each of them
// helps nobody.
func goneTable(calls []Call) finding.Table {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c.Name]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	s := finding.Table{Title: "Calls that are gone", Header: []string{"tool", "calls"}, Right: map[int]bool{1: true}}
	for _, name := range names {
		s.Rows = append(s.Rows, []string{report.Cell(name, nameWidth), report.Count(int64(counts[name]))})
	}
	return s
}

func queueTable(queues []Row) finding.Table {
	s := finding.Table{Title: "Queues", Header: []string{"handler", "A", "B", "change"}, Right: map[int]bool{1: true, 2: true, 3: true}}
	for _, q := range queues {
		s.Rows = append(s.Rows, []string{report.Cell(q.Name, nameWidth), q.cell(q.A), q.cell(q.B), q.changeCell()})
	}
	return s
}

func handlerTable(handlers []HandlerDiff) finding.Table {
	s := finding.Table{Title: "Handlers", Header: []string{"handler", "calls", "errors", "keeps"}, Right: map[int]bool{1: true, 2: true, 3: true}}
	for _, h := range handlers {
		s.Rows = append(s.Rows, []string{
			report.Cell(h.Name, nameWidth), signedCount(h.Calls), signedCount(h.Errors), signedMB(h.RetainedMB),
		})
	}
	return s
}

func signedCount(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%+.0f", *v)
}

func signedMB(v *float64) string {
	if v == nil {
		return "-"
	}
	return report.Signed(*v, report.MB)
}

func (r *Result) footnotes(paint report.Painter) string {
	var b strings.Builder
	if r.Command != "" {
		b.WriteString("\n" + paint.Paint(report.Bad, "the command failed: "+report.Line(r.Command)) + "\n")
	}
	for i, w := range r.Warnings {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(paint.Paint(report.Caution, "note: "+report.Line(w)) + "\n")
	}
	return b.String()
}
