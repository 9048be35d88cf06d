package picture

import (
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

func (p *picture) boxes() {
	p.printf(`<svg class="frames" x="1%%" y="%d" width="98%%" height="%d" role="tree" aria-label="%s" fill="#1d1811">`+"\n",
		p.top, rowHeight*(p.deep+1), text(p.Title))
	for i := range p.frames {
		p.box(&p.frames[i])
	}
	p.printf("</svg>\n")
}

// box draws a frame. A frame with a label is an SVG of its own, which cuts the
// label off at its edge; the many without are only a rectangle.
func (p *picture) box(f *Frame) {
	total := p.frames[0].Total
	x, width := 100*stacks.Share(f.Start, total), 100*stacks.Share(f.Total, total)
	if f.Parent < 0 {
		width = 100
	}
	if width == 0 {
		return
	}
	row := p.deep - f.Row
	if p.icicle {
		row = f.Row
	}
	place := fmt.Sprintf(`x="%s%%" y="%d" width="%s%%" height="%d"`, percent(x), row*rowHeight, percent(width), boxHeight)
	name, says := p.label(f)
	about := fmt.Sprintf(`class="%s" tabindex="%d" role="treeitem" aria-level="%d" aria-label="%s"%s><title>%s`+"\n%s</title>",
		class(f, p.Palette), focus(f), f.Depth+1, name+", "+says, own(f), name, says)
	fill := fmt.Sprintf(`rx="2" fill="%s"%s`, p.Palette.colour(f, p.change(f)), outline(width))
	label := p.cut(f, width)
	if label == "" {
		p.printf("<g %s<rect %s %s/></g>\n", about, place, fill)
		return
	}
	p.printf(`<svg %s %s<rect width="100%%" height="%d" %s/><text x="4" y="12.5">%s</text></svg>`+"\n", place, about, boxHeight, fill, text(label))
}

// cut cuts a name to the width of a box in percent, "" if that is too narrow.
func (p *picture) cut(f *Frame, width float64) string {
	columns := int((width/100*usualWidth*0.98 - 8) / charWidth)
	switch {
	case columns < 3:
		return ""
	case p.KeepEnd:
		return report.CellEnd(Shown(f), columns)
	}
	return report.Cell(Shown(f), columns)
}

// focus is the tabindex of a frame: only the root is in the order of the Tab key
// at first.
func focus(f *Frame) int {
	if f.Parent < 0 {
		return 0
	}
	return -1
}

// own is the attribute with the frame's own weight, by which the table sorts.
func own(f *Frame) string {
	if f.Self == 0 {
		return ""
	}
	return ` data-self="` + string(stacks.AppendNumber(nil, f.Self)) + `"`
}

func class(f *Frame, palette Palette) string {
	if palette == State && f.Stuck > 0 {
		return "f stuck"
	}
	return "f"
}

func outline(width float64) string {
	if width < outlined {
		return ""
	}
	return ` stroke="#fdfcfa"`
}

// label returns the name of f and its figures, escaped.
func (p *picture) label(f *Frame) (name, says string) {
	says = p.Unit.Format(f.Total) + ", " + report.Percent(stacks.Share(f.Total, p.frames[0].Total))
	if f.Self > 0 && f.Self < f.Total {
		says += ", " + p.Unit.Format(f.Self) + " in the frame itself"
	}
	if p.Palette == Diff {
		says += ", " + report.Signed(100*p.change(f), func(v float64) string { return fmt.Sprintf("%.2f", v) }) + " % against the base"
	}
	if f.Stuck > 0 {
		says += ", " + stacks.Plural(float64(f.Stuck), "call") + " stuck"
	}
	return text(Shown(f)), text(says)
}

// Shown returns the name of a frame as people read it: without the suffixes by
// which perf's scripts mark kernel, inlined, JIT-compiled and waker frames.
func Shown(f *Frame) string {
	name := f.Name
	switch {
	case f.Parent < 0 && name == "":
		return "all"
	case name == "":
		return "(unnamed)"
	}
	if n := len(name); n > 4 && strings.HasSuffix(name, "]") && name[n-4:n-2] == "_[" && strings.IndexByte("kijw", name[n-2]) >= 0 {
		name = name[:n-4]
	}
	if len(name) > maxShown {
		return strings.ToValidUTF8(name[:maxShown], "") + "…"
	}
	return name
}

// change is how much a frame grew since the base, as a share of the whole.
func (p *picture) change(f *Frame) float64 {
	whole := &p.frames[0]
	return stacks.Share(f.Total-f.BaseTotal, max(whole.Total, whole.BaseTotal))
}
