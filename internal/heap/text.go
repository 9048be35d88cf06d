package heap

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	pathWidth = 70 // columns of the path to a holder, which are cut at their beginning
	nameWidth = 50
	siteWidth = 100 // columns of a line of a program
)

// Tables returns the tables that have rows.
func (r *Result) Tables() []finding.Table {
	var all []finding.Table
	for _, s := range []finding.Table{r.goroutineTable(), r.holderTable(), r.siteTable(), r.classTable(), r.largestTable()} {
		if len(s.Rows) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// columns returns the headers and the cells of figures.
func (r *Result) columns() []string {
	if r.Operations > 0 {
		return []string{"objects/op", "bytes/op", "objects", "bytes"}
	}
	return []string{"objects", "bytes"}
}

func (r *Result) figures(k Kept) []string {
	cells := []string{report.Count(k.Objects), size(float64(k.Bytes))}
	for i, cell := range cells {
		if r.A != nil && cell[0] != '-' {
			cells[i] = "+" + cell
		}
	}
	if r.Operations > 0 {
		cells = append([]string{fmt.Sprintf("%.2f", value(k.ObjectsPerOperation)), size(value(k.BytesPerOperation))}, cells...)
	}
	return cells
}

// value returns a figure, 0 if a document that was read has none.
func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// rightmost returns the columns of n figures from the first column on.
func rightmost(n int) map[int]bool {
	right := map[int]bool{}
	for i := range n {
		right[i] = true
	}
	return right
}

func (r *Result) holderTable() finding.Table {
	s := finding.Table{Title: "Holders of new objects", Header: append(r.columns(), "retained", "holder", "new objects")}
	s.Right = rightmost(len(s.Header) - 2)
	for _, h := range r.Holders {
		var contents []string
		for _, c := range h.Classes[:min(len(h.Classes), 3)] {
			contents = append(contents, report.Count(c.Objects)+" "+c.Name)
		}
		s.Rows = append(s.Rows, append(r.figures(h.Kept), size(float64(h.Retained)), h.cell(), strings.Join(contents, ", ")))
	}
	return s
}

// cell returns the name for a table, with the number of objects if there are several.
func (h *Holder) cell() string {
	text := report.CellEnd(h.name(), pathWidth)
	if h.Instances > 1 {
		text = report.Count(int64(h.Instances)) + " × " + text
	}
	return text
}

func (r *Result) siteTable() finding.Table {
	s := finding.Table{Title: "Lines whose memory is kept", Header: append(r.columns(), "allocated in", "called by")}
	s.Right = rightmost(len(s.Header) - 2)
	for _, site := range r.Sites {
		figures := r.figures(site.Kept)
		if site.Objects == 0 { // the format has bytes only
			figures[len(figures)-2] = "-"
			figures[0] = "-"
		}
		s.Rows = append(s.Rows, append(figures, report.Cell(site.Name, siteWidth), report.Cell(strings.Join(site.Callers[:min(1, len(site.Callers))], ""), siteWidth)))
	}
	return s
}

func (r *Result) goroutineTable() finding.Table {
	s := finding.Table{Title: "Goroutines that wait", Header: []string{"goroutines", "waiting in", "called by"}}
	if r.A != nil {
		s.Title = "Goroutines that stay"
	}
	if r.Operations > 0 {
		s.Header = append([]string{"goroutines/op"}, s.Header...)
	}
	s.Right = rightmost(len(s.Header) - 2)
	for _, g := range r.Goroutines {
		row := []string{report.Count(g.Objects), report.Cell(g.Name, siteWidth), report.Cell(strings.Join(g.Callers[:min(1, len(g.Callers))], ""), siteWidth)}
		if r.Operations > 0 {
			row = append([]string{fmt.Sprintf("%.2f", value(g.ObjectsPerOperation))}, row...)
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

func (r *Result) classTable() finding.Table {
	s := finding.Table{Title: "Classes that grew", Header: append(r.columns(), "class")}
	retained := r.A == nil && !r.byClass
	switch {
	case retained:
		s = finding.Table{Title: "Largest classes", Header: append(r.columns(), "retained", "class")}
	case r.A == nil:
		s.Title = "Largest classes"
	}
	s.Right = rightmost(len(s.Header) - 1)
	for _, c := range r.Classes {
		row := r.figures(c.Kept)
		if retained {
			row = append(row, size(float64(c.Retained)))
		}
		s.Rows = append(s.Rows, append(row, report.Cell(c.Name, nameWidth)))
	}
	return s
}

func (r *Result) largestTable() finding.Table {
	s := finding.Table{Title: "Objects that hold most", Header: []string{"retained", "object"}, Right: rightmost(1)}
	for _, o := range r.Largest {
		h := Holder{Path: o.Path, Class: o.Class}
		s.Rows = append(s.Rows, []string{size(float64(o.Retained)), report.CellEnd(h.name(), pathWidth)})
	}
	return s
}

// Text writes the headline, the files and the tables.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	styles := map[finding.Verdict]report.Style{Grows: report.Bad, Steady: report.Good, Measured: report.Bold}
	fmt.Fprintf(&b, "%s  %s\n\n", paint.Paint(styles[r.Verdict], strings.ToUpper(string(r.Verdict))), report.Line(r.Headline))
	sides := report.Table{Indent: "  ", Right: map[int]bool{2: true, 3: true}}
	if r.A != nil {
		sides.Row(r.A.cells("A")...)
	}
	sides.Row(r.B.cells("B")...)
	_ = sides.Write(&b, paint) // a Builder takes everything
	for _, s := range r.Tables() {
		b.WriteString("\n")
		_ = s.Text(&b, paint)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n%s\n", paint.Paint(report.Caution, "warning: "+report.Line(warning)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Side) cells(letter string) []string {
	cells := []string{letter, report.Cell(s.Name, pathWidth), size(float64(s.Bytes))}
	if s.Objects > 0 {
		cells = append(cells, report.Plural(s.Objects, "object"))
	}
	return cells
}
