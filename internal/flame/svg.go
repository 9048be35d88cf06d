package flame

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strings"

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
	rowHeight  = 18
	boxHeight  = 17
	titleLine  = 26
	factsLine  = 16
	lineLength = 50  // columns of text that fit on a narrow screen
	labelled   = 1.6 // percent: a narrower box has no label until a script measures it
	outlined   = 0.2 // percent: a narrower box would be all outline
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
	gone   []Gone
	out    LeftOut
	deep   int // the last row
	top    int // where the frames begin
	facts  []string
	notes  []string
}

// SVG draws the frames of t into one file that needs nothing else.
func (t *Tree) SVG(w io.Writer, p Picture, maxFrames int) error {
	pic := newPicture(w, p)
	pic.frames, pic.out = t.Frames(maxFrames)
	pic.stacks, pic.pruned = t.stored(maxFrames)
	if p.Palette == Diff {
		pic.gone = t.Gone(maxGone)
	}
	return pic.write()
}

func newPicture(w io.Writer, p Picture) *picture {
	return &picture{Picture: p, w: bufio.NewWriterSize(w, 1<<16)}
}

func (p *picture) write() error {
	for i := range p.frames {
		p.deep = max(p.deep, p.frames[i].Row)
	}
	p.facts = wrap(p.Facts, " · ", lineLength)
	p.top = titleLine + factsLine*len(p.facts) + 10
	p.notes = p.footnotes()
	p.head()
	p.printf("<g class=\"body\">\n")
	p.boxes()
	p.strip()
	p.remarks()
	p.printf("</g>\n<script><![CDATA[%s]]></script>\n</svg>\n", script)
	return p.w.Flush()
}

func (p *picture) bottom() int { return p.top + rowHeight*(p.deep+1) }

func (p *picture) height() int {
	h := p.bottom() + 8 + factsLine*len(p.notes)
	if len(p.gone) > 0 {
		h += stripHeight
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
	p.printf("<metadata><folded xmlns=\"urn:mcpdiag:folded\" unit=\"%s\" samples=\"%s\" pruned=\"%t\">%s</folded></metadata>\n",
		text(string(p.Unit)), plain(nil, p.Observed), p.pruned, escaper.Replace(string(p.stacks)))
	p.printf("<style>%s</style>\n", style)
	p.printf(`<rect class="paper" width="100%%" height="100%%" fill="#fdfcfa"/>` + "\n")
	p.printf(`<text class="ink" x="1%%" y="22" font-size="16" font-weight="600" fill="#24211d">%s</text>`+"\n", text(p.Title))
	for i, line := range p.facts {
		p.printf(`<text class="faint" x="1%%" y="%d" fill="#6b6459">%s</text>`+"\n", titleLine+factsLine*(i+1)-3, text(line))
	}
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

// box draws a frame as a picture of its own, for that cuts its label off at
// its edge wherever it is shown.
func (p *picture) box(f *Frame) {
	total := p.frames[root].Total
	x, width := 100*share(f.Start, total), 100*share(f.Total, total)
	if width == 0 && f.Parent >= 0 {
		return
	}
	if f.Parent < 0 {
		width = 100
	}
	row, focus := p.deep-f.Row, -1
	if p.Icicle {
		row = f.Row
	}
	if f.Parent < 0 {
		focus = 0
	}
	name, says := p.label(f)
	p.printf(`<svg class="%s" x="%s%%" y="%d" width="%s%%" height="%d" tabindex="%d" role="treeitem" aria-level="%d" aria-label="%s"%s>`,
		class(f, p.Palette), percent(x), row*rowHeight, percent(width), boxHeight, focus, f.Depth+1, name+", "+says, own(f))
	p.printf("<title>%s\n%s</title>", name, says)
	p.printf(`<rect width="100%%" height="%d" rx="2" fill="%s"%s/>`, boxHeight, p.Palette.colour(f, p.change(f)), outline(width))
	if width >= labelled {
		p.printf(`<text x="4" y="12.5">%s</text>`, name)
	}
	p.printf("</svg>\n")
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
	return f.Name
}

// change is how much a frame grew since the base, as a share of the whole.
func (p *picture) change(f *Frame) float64 {
	whole := &p.frames[root]
	return share(f.Total-f.BaseTotal, max(whole.Total, whole.BaseTotal))
}

func (p *picture) footnotes() []string {
	var notes []string
	if p.out.Frames > 0 {
		notes = append(notes, fmt.Sprintf("%s narrower frames, %s of the whole, left out",
			number(float64(p.out.Frames)), report.Percent(p.out.Share)))
	}
	for _, w := range p.Warnings {
		notes = append(notes, wrap(strings.Fields(w), " ", lineLength)...)
	}
	return notes
}

// remarks writes the notes below the frames, and the findings for the table.
func (p *picture) remarks() {
	y := p.height() - factsLine*len(p.notes)
	for i, note := range p.notes {
		p.printf(`<text class="faint note" x="1%%" y="%d" font-size="11" fill="#6b6459">%s</text>`+"\n", y+factsLine*i+8, text(note))
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
