package flame

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// MaxFrames is how many boxes a picture has at most, unless it is told otherwise.
const MaxFrames = 5000

// Picture says how a flame graph is drawn.
type Picture struct {
	Title    string
	Facts    []string // under the title, and after one another where they fit
	Unit     Unit
	Palette  Palette
	Icicle   bool     // the root on top
	KeepEnd  bool     // labels that are too long lose their beginning
	Findings []string // for the table
	Warnings []string
	Observed float64 // samples behind the weights
}

// Sizes in pixels. All that lies along the x axis is in percent, so that the
// picture fills whatever it is put into without a script.
const (
	rowHeight   = 18
	boxHeight   = 17
	titleLine   = 20
	factsLine   = 16
	titleLength = 34   // columns of the title that fit on a narrow screen
	lineLength  = 50   // and of the text below it
	maxShown    = 2000 // bytes of a name
	usualWidth  = 1176 // of the frames, by which labels are cut until a script measures them
	charWidth   = 6.8
	outlined    = 0.2 // percent: a narrower box would be all outline
)

//go:embed assets/flame.css
var style string

//go:embed assets/flame.js
var script string

// picture is a flame graph while it is being written.
type picture struct {
	Picture
	w      *bufio.Writer
	frames []Frame
	stacks []byte // to be read back
	pruned bool
	inTime bool // the x axis is time
	gone   []Gone
	out    LeftOut
	deep   int      // the last row
	top    int      // where the frames begin
	title  []string // in lines
	facts  []string
	notes  [][]string
}

// SVG draws the frames of t into one file that needs nothing else.
func (t *Tree) SVG(w io.Writer, p Picture, maxFrames int) error {
	pic := newPicture(w, p)
	var beside sync.WaitGroup
	beside.Go(func() { pic.stacks, pic.pruned = t.stored(maxFrames) })
	pic.frames, pic.out = t.Frames(maxFrames)
	if p.Palette == Diff {
		pic.gone = t.Gone(maxGone)
	}
	beside.Wait()
	return pic.write()
}

func newPicture(w io.Writer, p Picture) *picture {
	return &picture{Picture: p, w: bufio.NewWriterSize(w, 1<<16)}
}

func (p *picture) write() error {
	for i := range p.frames {
		p.deep = max(p.deep, p.frames[i].Row)
	}
	p.facts = wrap(slices.Concat(p.Facts, p.legend()), " · ", lineLength)
	p.title = wrap(strings.Fields(report.Line(p.Title)), " ", titleLength)
	p.top = 6 + titleLine*len(p.title) + factsLine*len(p.facts) + 10
	p.notes = p.footnotes()
	p.head()
	p.printf("<g class=\"body\">\n")
	p.boxes()
	p.axis()
	p.strip()
	p.remarks()
	p.printf("</g>\n<script><![CDATA[%s]]></script>\n</svg>\n", script)
	return p.w.Flush()
}

// legend says what the colours mean, where they mean something.
func (p *picture) legend() []string {
	switch {
	case p.Palette == Diff:
		return []string{p.Unit.Format(p.frames[root].BaseTotal) + " in the base", "orange grew, blue shrank"}
	case p.Palette == State && p.frames[root].Stuck > 0:
		return []string{"dark orange: " + count(p.frames[root].Stuck, "call") + " stuck"}
	case p.Palette == State:
		return []string{"no call is stuck"}
	}
	return nil
}

// bottom is where the frames end, and the line of times below them.
func (p *picture) bottom() int {
	y := p.top + rowHeight*(p.deep+1)
	if p.inTime {
		y += factsLine
	}
	return y
}

func (p *picture) height() int {
	h := p.bottom() + 8
	if len(p.gone) > 0 {
		h += stripHeight
	}
	for _, note := range p.notes {
		h += factsLine * len(note)
	}
	return h
}

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(p.w, format, args...) }

func (p *picture) head() {
	p.printf(`<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" class="flame" width="100%%" height="%d" font-family="%s" font-size="12"`,
		p.height(), fonts)
	p.printf(` data-top="%d" data-unit="%s" data-total="%s" data-icicle="%t" data-keep-end="%t" data-palette="%s">`+"\n",
		p.top, text(string(p.Unit)), plain(nil, p.frames[root].Total), p.Icicle, p.KeepEnd, text(string(p.Palette)))
	p.printf("<title>%s</title>\n", text(p.Title))
	p.printf("<metadata><folded xmlns=\"urn:mcpdiag:folded\" title=\"%s\" unit=\"%s\" samples=\"%s\" pruned=\"%t\">%s</folded></metadata>\n",
		text(p.Title), text(string(p.Unit)), plain(nil, p.Observed), p.pruned, escaper.Replace(string(p.stacks)))
	p.printf("<style>%s</style>\n", style)
	p.printf(`<rect class="paper" width="100%%" height="100%%" fill="#fdfcfa"/>` + "\n")
	p.lines(2+titleLine, titleLine, `class="ink title" font-size="16" font-weight="600" fill="#24211d"`, " ", p.title)
	p.lines(3+titleLine*len(p.title)+factsLine, factsLine, `class="faint facts" fill="#6b6459"`, " · ", p.facts)
}

// lines writes text in lines short enough for a narrow screen; a script may
// join them again with sep where there is room.
func (p *picture) lines(y, height int, attributes, sep string, lines []string) {
	p.printf(`<g %s data-sep="%s" data-y="%d" data-line="%d">`, attributes, sep, y, height)
	for i, line := range lines {
		p.printf(`<text x="1%%" y="%d">%s</text>`, y+height*i, text(line))
	}
	p.printf("</g>\n")
}

const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Verdana, sans-serif"

func (p *picture) boxes() {
	p.printf(`<svg class="frames" x="1%%" y="%d" width="98%%" height="%d" role="tree" aria-label="%s" fill="#1d1811">`+"\n",
		p.top, rowHeight*(p.deep+1), text(p.Title))
	for i := range p.frames {
		p.box(&p.frames[i])
	}
	p.printf("</svg>\n")
}

// box draws a frame. One with a label is a picture of its own, for that cuts
// the label off at its edge wherever it is shown; the many without are only a rectangle.
func (p *picture) box(f *Frame) {
	total := p.frames[root].Total
	x, width := 100*share(f.Start, total), 100*share(f.Total, total)
	if f.Parent < 0 {
		width = 100
	}
	if width == 0 {
		return
	}
	row := p.deep - f.Row
	if p.Icicle {
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

// cut cuts a name to what fits into a box of so many percent, "" where that is too little.
func (p *picture) cut(f *Frame, width float64) string {
	columns := int((width/100*usualWidth - 8) / charWidth)
	if columns < 3 {
		return ""
	}
	return cell(shown(f), columns, p.KeepEnd)
}

// cell cuts a name to so many columns, at its end or at its beginning.
func cell(name string, columns int, keepEnd bool) string {
	name = report.Line(name)
	if !keepEnd || report.Width(name) <= columns {
		return report.Cell(name, columns)
	}
	end := []rune(name)
	for report.Width(string(end)) > columns-1 {
		end = end[1:]
	}
	return "…" + string(end)
}

// focus says which frame is in the order of the Tab key: the root, until the reader goes on.
func focus(f *Frame) int {
	if f.Parent < 0 {
		return 0
	}
	return -1
}

// own is the frame's own weight, by which the table sorts.
func own(f *Frame) string {
	if f.Self == 0 {
		return ""
	}
	return ` data-self="` + string(plain(nil, f.Self)) + `"`
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
	return ` stroke="#000" stroke-opacity=".16"`
}

// label returns the name of f and what is to be said of it, escaped.
func (p *picture) label(f *Frame) (name, says string) {
	total := p.frames[root].Total
	says = p.Unit.Format(f.Total) + ", " + report.Percent(share(f.Total, total))
	if f.Self > 0 && f.Self < f.Total {
		says += ", " + p.Unit.Format(f.Self) + " of it self"
	}
	if p.Palette == Diff {
		says += ", " + report.Signed(100*p.change(f), func(v float64) string { return fmt.Sprintf("%.2f", v) }) + " % against the base"
	}
	if f.Stuck > 0 {
		says += ", " + count(f.Stuck, "call") + " stuck"
	}
	return text(shown(f)), text(says)
}

// shown is the name of a frame as people read it.
func shown(f *Frame) string {
	switch {
	case f.Parent < 0:
		return "all"
	case f.Name == "":
		return "(unnamed)"
	}
	if len(f.Name) > maxShown {
		return strings.ToValidUTF8(f.Name[:maxShown], "") + "…"
	}
	return f.Name
}

// change is how much a frame grew since the base, as a share of the whole.
func (p *picture) change(f *Frame) float64 {
	whole := &p.frames[root]
	return share(f.Total-f.BaseTotal, max(whole.Total, whole.BaseTotal))
}

func (p *picture) footnotes() [][]string {
	notes := p.Warnings
	if p.out.Frames > 0 {
		notes = append([]string{fmt.Sprintf("%s narrower frames, %s of the whole, left out",
			number(float64(p.out.Frames)), report.Percent(p.out.Share))}, notes...)
	}
	var lines [][]string
	for _, note := range notes {
		lines = append(lines, wrap(strings.Fields(note), " ", lineLength))
	}
	return lines
}

// remarks writes the notes below the frames, and the findings for the table.
func (p *picture) remarks() {
	y := p.bottom() + factsLine
	if len(p.gone) > 0 {
		y += stripHeight
	}
	for _, note := range p.notes {
		p.lines(y, factsLine, `class="faint note" font-size="11" fill="#6b6459"`, " ", note)
		y += factsLine * len(note)
	}
	p.printf("<g class=\"findings\">")
	for _, finding := range p.Findings {
		p.printf("<desc>%s</desc>", text(finding))
	}
	p.printf("</g>\n")
}

// percent writes a share of the width: a hundred-thousandth of a percent is
// less than a thousandth of a pixel.
func percent(v float64) string { return string(plain(nil, float64(int64(v*1e5+0.5))/1e5)) }

// escaper makes text safe in an element and in an attribute of XML. The sanitizer has made
// visible what may not stand in XML at all.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func text(s string) string { return escaper.Replace(report.Line(s)) }

// wrap joins words into lines of at most width columns.
func wrap(words []string, sep string, width int) []string {
	var lines []string
	for _, word := range words {
		last := len(lines) - 1
		if last >= 0 && report.Width(lines[last]+sep+word) <= width {
			lines[last] += sep + word
			continue
		}
		lines = append(lines, report.Cell(word, width))
	}
	return lines
}
