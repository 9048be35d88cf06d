package logs

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Bounds of the text page.
const (
	lineWidth = 110
	cellWidth = 70
	listed    = 40 // rows of an open section
)

// Page writes the result for a person: the verdict, one line for each report, and
// whole the reports that only names. With a timeline it writes that.
func (r *Result) Page(w io.Writer, paint report.Painter, only []string) error {
	var b strings.Builder
	rep := r.Report()
	fmt.Fprintf(&b, "%s  %s\n\n", paint.Paint(styleOf(rep.Severity), strings.ToUpper(string(rep.Verdict))), report.Line(rep.Headline))
	switch {
	case r.request != "":
		r.writeTimeline(&b, paint)
	case len(only) > 0:
		for i, s := range slices.DeleteFunc(r.sections(), func(s section) bool { return !slices.Contains(only, s.id) }) {
			if i > 0 {
				b.WriteByte('\n')
			}
			s.write(&b, paint)
		}
	default:
		r.overview(&b, paint)
	}
	if r.Read.Lines > 0 {
		r.footnotes(&b, paint)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func styleOf(s finding.Severity) report.Style {
	switch s {
	case finding.Fail:
		return report.Bad
	case finding.Warn:
		return report.Caution
	}
	return report.Good
}

// overview writes a line for each report that has something to say, and the known
// faults with their remedies.
func (r *Result) overview(b *strings.Builder, paint report.Painter) {
	for _, why := range r.Crossed {
		fmt.Fprintf(b, "  %s  %s\n", paint.Paint(report.Bad, "fail-on   "), report.Cell(why, lineWidth))
	}
	for _, s := range r.sections() {
		if s.line == "" {
			continue
		}
		style := report.Plain
		if s.bad {
			style = report.Caution
		}
		fmt.Fprintf(b, "  %s  %s\n", paint.Paint(style, fmt.Sprintf("%-10s", s.id)), report.Cell(s.line, lineWidth))
	}
	for _, f := range r.Signatures {
		style := report.Bad
		if f.Warn {
			style = report.Caution
		}
		fmt.Fprintf(b, "\n  %s (%s)\n", paint.Paint(style, report.Line(f.Title)), times(f.Count))
		fmt.Fprintf(b, "    %s\n    Cause: %s.\n    Fix: %s.\n", report.Cell(f.Line, lineWidth), report.Line(f.Cause), report.Line(f.Remedy))
		if f.Next != "" {
			fmt.Fprintf(b, "    Next: %s\n", report.Line(f.Next))
		}
	}
	if r.Read.Entries == 0 {
		return
	}
	fmt.Fprintf(b, "\nMore of one line: --only %s. One request: --request ID.\n", strings.Join(SectionNames(), ", "))
}

func (s *section) write(b *strings.Builder, paint report.Painter) {
	if len(s.table.Rows) == 0 {
		fmt.Fprintf(b, "%s: none\n", s.table.Title)
		return
	}
	t := s.table
	t.Rows, t.Note = nil, ""
	for _, row := range s.table.Rows[:min(len(s.table.Rows), listed)] {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = report.Cell(cell, cellWidth)
		}
		t.Rows = append(t.Rows, cells)
	}
	_ = t.Text(b, paint) // a Builder takes everything
	if n := len(s.table.Rows) - listed; n > 0 {
		fmt.Fprintf(b, "  %d more\n", n)
	}
	if s.table.Note != "" {
		fmt.Fprintf(b, "  %s\n", report.Line(s.table.Note))
	}
}

func (r *Result) writeTimeline(b *strings.Builder, paint report.Painter) {
	t := report.Table{Right: right(1), Indent: "  "}
	for _, row := range r.Timeline {
		style, mark := report.Plain, ""
		if row.Failed {
			style = report.Bad
		}
		if row.TookMS > 0 {
			mark = "took " + report.Millis(row.TookMS)
		}
		if row.Longest {
			mark = strings.TrimSpace(mark + " longest gap: " + report.Millis(row.GapMS))
		}
		at := "-"
		if !row.At.IsZero() {
			at = row.At.Format("15:04:05.000")
		}
		t.Styled(style, at, "+"+report.Millis(row.MS), row.Level, row.What, report.Cell(row.Message, cellWidth), row.Stream, mark)
	}
	_ = t.Write(b, paint) // a Builder takes everything
	for _, q := range r.Requests {
		if q.Unanswered > 0 && q.Request == r.request {
			b.WriteString("  no answer was logged\n")
		}
	}
}

// shownKinds is how many formats and rules of durations the text names; JSON has them all.
const shownKinds = 8

// mostFirst lists the names with the largest counts.
func mostFirst(counts map[string]int64, format func(int64) string) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	texts := make([]string, 0, shownKinds)
	for _, name := range names[:min(len(names), shownKinds)] {
		texts = append(texts, name+" "+format(counts[name]))
	}
	list := strings.Join(texts, ", ")
	if rest := len(names) - len(texts); rest > 0 {
		list += fmt.Sprintf(" and %d more", rest)
	}
	return list
}

func (r *Result) footnotes(b *strings.Builder, paint report.Painter) {
	kinds := mostFirst(r.Read.Formats, func(n int64) string { return report.Percent(float64(n) / float64(max(1, r.Read.Lines))) })
	fmt.Fprintf(b, "\n%s", paint.Paint(report.Faint, "Read as: "+kinds))
	if len(r.Read.Units) > 0 {
		fmt.Fprintf(b, "%s", paint.Paint(report.Faint, "; durations: "+mostFirst(r.Read.Units, report.Count)))
	}
	if r.Redacted > 0 {
		fmt.Fprintf(b, "; %s redacted", report.Plural(r.Redacted, "value"))
	}
	b.WriteByte('\n')
	if r.Anomalies.TooLittle != "" && r.request == "" {
		fmt.Fprintf(b, "Changes were not searched for: %s.\n", r.Anomalies.TooLittle)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "%s %s\n", paint.Paint(report.Caution, "warning:"), report.Line(warning))
	}
}

// Text writes the overview.
func (r *Result) Text(w io.Writer, paint report.Painter) error { return r.Page(w, paint, nil) }

// CSV writes one report as comma-separated values.
func (r *Result) CSV(w io.Writer, only string) error {
	out := csv.NewWriter(w)
	for _, s := range r.sections() {
		if s.id != only {
			continue
		}
		if err := out.Write(s.table.Header); err != nil {
			return err
		}
		for _, row := range s.table.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				if cells[i] = cell; !s.table.Right[i] {
					cells[i] = report.CSVText(cell)
				}
			}
			if err := out.Write(cells); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// Summary is an entry as one line for a screen, without secrets.
func Summary(e *input.Entry) string {
	parts := []string{}
	if e.Known {
		parts = append(parts, timeOf(e.Nanos).Format("15:04:05.000"))
	}
	for _, part := range []string{e.Level.String(), text(e.Stream), text(appendEndpoint(nil, e)), lineOf(e)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	line := strings.Join(parts, "  ")
	if isID(string(e.Session)) {
		line = strings.ReplaceAll(line, string(e.Session), removed)
	}
	return report.Line((&redactor{}).text(line))
}
