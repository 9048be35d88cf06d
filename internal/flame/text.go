package flame

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const (
	textShare   = 0.005 // narrower frames are not in the text
	textLines   = 100
	topRows     = 10
	barColumns  = 20
	textColumns = 100 // where the width of the terminal is not known
	minColumns  = 40
	minName     = 10 // columns of a name
	barFrom     = 80 // columns: narrower tables have no bars
)

// Text writes the tree for a terminal, with the heaviest frames and the findings.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	out := &textWriter{Result: r, w: w, paint: paint, columns: max(cmp.Or(r.Columns, textColumns), minColumns)}
	out.line(paint.Paint(report.Bold, report.Line(r.Title)))
	for _, line := range report.WrapWords(r.Facts, " · ", out.columns) {
		out.line(paint.Paint(report.Faint, report.Line(line)))
	}
	out.tree()
	out.top("Most by itself", func(s *sum) float64 { return s.self })
	out.top("Most with what it calls", func(s *sum) float64 { return s.total })
	out.gone()
	out.findings()
	return out.err
}

type textWriter struct {
	*Result
	w       io.Writer
	paint   report.Painter
	columns int
	err     error
}

func (t *textWriter) line(s string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, s+"\n")
	}
}

func (t *textWriter) table(table *report.Table) {
	if t.err == nil {
		t.err = table.Write(t.w, t.paint)
	}
}

// tree writes the widest frames, each under its parent.
func (t *textWriter) tree() {
	table := report.Table{Right: map[int]bool{0: true, 1: true, 2: true}}
	head, figures := []string{"total", "share", "self", ""}, 50
	if t.Diff {
		head[1] = "change"
	}
	if t.columns < barFrom {
		head, figures = head[:3], 50-barColumns
	}
	table.Styled(report.Faint, append(head, "")...)
	lines, left := 0, 0
	for i := range t.Frames {
		f := &t.Frames[i]
		part := stacks.Share(f.Total, t.Total)
		if part < textShare || lines >= textLines {
			left++
			continue
		}
		lines++
		row := []string{t.Unit.Format(f.Total), t.part(f), t.Unit.Format(f.Self), drawBar(part)}[:len(head)]
		table.Row(append(row, t.indented(f, max(t.columns-figures, minName)))...)
	}
	t.line("")
	t.table(&table)
	if left += t.LeftOut.Frames; left > 0 {
		t.line(t.paint.Paint(report.Faint, fmt.Sprintf("%s narrower frames are not shown", stacks.Number(float64(left)))))
	}
}

// indented returns the name of a frame in so many columns. Half of them are for
// the name, however deep the frame is.
func (t *textWriter) indented(f *picture.Frame, columns int) string {
	indent := min(2*f.Depth, columns/2)
	name := picture.Shown(f)
	if f.Self > 0 {
		name = t.placed(name)
	}
	return strings.Repeat(" ", indent) + t.cell(name, columns-indent)
}

// part returns a frame's share of the whole, or its change since the base.
func (t *textWriter) part(f *picture.Frame) string {
	if t.Diff {
		return report.Signed(stacks.Share(f.Total-f.BaseTotal, max(t.Total, t.BaseTotal)), report.Percent)
	}
	return report.Percent(stacks.Share(f.Total, t.Total))
}

// drawBar draws a share of 1 in eighths of a column.
func drawBar(part float64) string {
	eighths := int(part*barColumns*8 + 0.5)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return s + strings.Repeat(" ", barColumns-report.Width(s))
}

// top writes the heaviest names, wherever they are in the tree.
func (t *textWriter) top(title string, weight func(*sum) float64) {
	sums := slices.DeleteFunc(slices.Clone(t.Names), func(s sum) bool { return stacks.OfRuntime(s.name) })
	slices.SortFunc(sums, func(a, b sum) int { return cmp.Or(cmp.Compare(weight(&b), weight(&a)), cmp.Compare(a.name, b.name)) })
	if len(sums) == 0 {
		return
	}
	t.line("")
	t.line(t.paint.Paint(report.Bold, title))
	table := report.Table{Right: map[int]bool{0: true, 1: true}, Indent: "  "}
	for i := range sums[:min(topRows, len(sums))] {
		v := weight(&sums[i])
		if v > 0 {
			table.Row(t.Unit.Format(v), report.Percent(stacks.Share(v, t.Total)), t.cell(t.placed(sums[i].name), t.columns-26))
		}
	}
	t.table(&table)
}

func (t *textWriter) gone() {
	if len(t.Gone) == 0 {
		return
	}
	t.line("")
	t.line(t.paint.Paint(report.Bold, "Gone since the base"))
	table := report.Table{Right: map[int]bool{0: true}, Indent: "  "}
	for _, g := range t.Gone[:min(topRows, len(t.Gone))] {
		table.Row(t.Unit.Format(g.BaseTotal), report.Cell(strings.Join(g.Path, " > "), t.columns-14))
	}
	t.table(&table)
}

func (t *textWriter) findings() {
	if len(t.Findings) == 0 || t.err != nil {
		return
	}
	t.line("")
	t.line(t.paint.Paint(report.Bold, "What stands out"))
	t.err = rules.Write(t.w, t.paint, t.Findings, true)
}

// placed adds the file and line of a function to its name, where they are known.
func (t *textWriter) placed(name string) string {
	if place := t.places[name]; place != "" {
		return name + " " + stacks.Printable(place)
	}
	return name
}

// cell cuts a name to so many columns, at its end or at its beginning. Of a file and line
// after a function the end is kept, if there is room for it.
func (t *textWriter) cell(name string, columns int) string {
	if t.KeepEnd {
		return report.CellEnd(name, columns)
	}
	if function, place, ok := cutPlace(name); ok {
		if room := columns - report.Width(report.Line(function)) - 1; room >= minPlace {
			return report.Line(function) + " " + report.CellEnd(place, room)
		}
	}
	return report.Cell(name, columns)
}

const minPlace = 8 // columns of a file and line that is cut

// cutPlace divides "function file:line".
func cutPlace(name string) (function, place string, ok bool) {
	at := strings.LastIndexByte(name, ' ')
	colon := strings.LastIndexByte(name, ':')
	if at <= 0 || colon < at || colon+1 == len(name) || strings.Trim(name[colon+1:], "0123456789") != "" {
		return "", "", false
	}
	return name[:at], name[at+1:], true
}
