package report

import (
	"io"
	"strings"

	"github.com/fatih/color"
)

// Style is the emphasis of text on a terminal.
type Style int

// The styles.
const (
	Plain Style = iota
	Bold
	Faint
	Good
	Caution
	Bad
)

var attributes = map[Style]color.Attribute{
	Bold: color.Bold, Faint: color.Faint, Good: color.FgGreen, Caution: color.FgYellow, Bad: color.FgRed,
}

// Painter colours text if it is true.
type Painter bool

// Paint returns s in style.
func (p Painter) Paint(style Style, s string) string {
	attribute, ok := attributes[style]
	if !bool(p) || !ok || s == "" {
		return s
	}
	c := color.New(attribute)
	c.EnableColor() // fatih/color decides by os.Stdout, which may not be the destination
	return c.Sprint(s)
}

// Table aligns rows in columns, whatever the colours and alphabets of the cells.
// The zero value is an empty table.
type Table struct {
	// Right holds the right-aligned columns.
	Right map[int]bool
	// Indent stands before each row.
	Indent string
	// Width is the maximum width of a row, in terminal columns; 0 is no limit.
	Width int

	rows   [][]string
	styles []Style
}

// Row adds a row and sanitizes its cells.
func (t *Table) Row(cells ...string) { t.Styled(Plain, cells...) }

// Styled adds a row in a style.
func (t *Table) Styled(style Style, cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Line(cell)
	}
	t.rows = append(t.rows, row)
	t.styles = append(t.styles, style)
}

// Write writes the rows to w.
func (t *Table) Write(w io.Writer, paint Painter) error {
	widths := t.widths()
	var b strings.Builder
	for n, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-Width(cell))
			if t.Right[i] {
				cell, pad = pad+cell, ""
			}
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(pad + "  ")
			}
		}
		text := strings.TrimRight(t.Indent+line.String(), " ")
		if t.Width > 0 {
			text = Cut(text, t.Width)
		}
		b.WriteString(paint.Paint(t.styles[n], text) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}
