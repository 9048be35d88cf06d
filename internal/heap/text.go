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

// section is a table of the report.
type section struct {
	title  string
	header []string
	right  map[int]bool
	rows   [][]string
}

// sections returns the tables that have rows.
func (r *Result) sections() []section {
	var all []section
	for _, s := range []section{r.holderSection(), r.siteSection(), r.classSection(), r.largestSection()} {
		if len(s.rows) > 0 {
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
	sign := ""
	if r.A != nil {
		sign = "+"
	}
	cells := []string{sign + report.Count(k.Objects), sign + size(float64(k.Bytes))}
	if r.Operations > 0 {
		cells = append([]string{fmt.Sprintf("%.2f", *k.ObjectsPerOperation), size(*k.BytesPerOperation)}, cells...)
	}
	return cells
}

// rightmost returns the columns of n figures from the first column on.
func rightmost(n int) map[int]bool {
	right := map[int]bool{}
	for i := range n {
		right[i] = true
	}
	return right
}

func (r *Result) holderSection() section {
	s := section{title: "Holders of new objects", header: append(r.columns(), "retained", "holder", "new objects")}
	s.right = rightmost(len(s.header) - 2)
	for _, h := range r.Holders {
		var contents []string
		for _, c := range h.Classes[:min(len(h.Classes), 3)] {
			contents = append(contents, report.Count(c.Objects)+" "+c.Name)
		}
		s.rows = append(s.rows, append(r.figures(h.Kept), size(float64(h.Retained)), report.CellEnd(h.name(), pathWidth), strings.Join(contents, ", ")))
	}
	return s
}

func (r *Result) siteSection() section {
	s := section{title: "Lines whose memory is kept", header: append(r.columns(), "allocated in", "called by")}
	s.right = rightmost(len(s.header) - 2)
	for _, site := range r.Sites {
		figures := r.figures(site.Kept)
		if site.Objects == 0 { // the format has bytes only
			figures[len(figures)-2] = "-"
			figures[0] = "-"
		}
		s.rows = append(s.rows, append(figures, report.Cell(site.Name, siteWidth), report.Cell(strings.Join(site.Callers[:min(1, len(site.Callers))], ""), siteWidth)))
	}
	return s
}

func (r *Result) classSection() section {
	s := section{title: "Classes that grew", header: append(r.columns(), "class")}
	if r.A == nil {
		s = section{title: "Largest classes", header: append(r.columns(), "retained", "class")}
	}
	s.right = rightmost(len(s.header) - 1)
	for _, c := range r.Classes {
		row := r.figures(c.Kept)
		if r.A == nil {
			row = append(row, size(float64(c.Retained)))
		}
		s.rows = append(s.rows, append(row, report.Cell(c.Name, nameWidth)))
	}
	return s
}

func (r *Result) largestSection() section {
	s := section{title: "Objects that hold most", header: []string{"retained", "object"}, right: rightmost(1)}
	for _, o := range r.Largest {
		h := Holder{Path: o.Path, Class: o.Class}
		s.rows = append(s.rows, []string{size(float64(o.Retained)), report.CellEnd(h.name(), pathWidth)})
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
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n%s\n", paint.Paint(report.Bold, s.title))
		t := report.Table{Indent: "  ", Right: s.right}
		t.Styled(report.Faint, s.header...)
		for _, row := range s.rows {
			t.Row(row...)
		}
		_ = t.Write(&b, paint)
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
