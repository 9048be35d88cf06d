package picture

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// MaxFrames is the default for the largest number of boxes in a picture.
const MaxFrames = 5000

// Root is the side of the picture on which the root is drawn.
type Root int

// The sides. Auto puts the root on top of a picture that is taller than a screen,
// so that the first screen shows something.
const (
	Auto Root = iota
	Bottom
	Top
)

// Picture is how a flame graph is drawn.
type Picture struct {
	Title    string
	Facts    []string // under the title
	Unit     stacks.Unit
	Palette  Palette
	Root     Root
	KeepEnd  bool     // labels that are too long lose their beginning
	Findings []string // for the table
	Warnings []string
	Observed float64 // samples behind the weights
}

// Sizes in pixels. All positions along the x axis are in percent, so that the
// picture fills any width.
const (
	usualWidth  = 1200 // of the picture where no script runs
	screenRows  = 45   // rows of frames that fit on a screen
	rowHeight   = 18
	boxHeight   = 17
	titleLine   = 20
	factsLine   = 16
	titleLength = 110  // columns of the title
	lineLength  = 170  // columns of other text
	maxShown    = 2000 // bytes of a name
	charWidth   = 6.8
	outlined    = 0.2 // percent: a narrower box would be all outline
)

//go:embed assets/flame.css
var style string

//go:embed assets/flame.js
var script string

// picture is a flame graph while it is written.
type picture struct {
	Picture
	w      *bufio.Writer
	frames []Frame
	stored stored
	icicle bool // the root is on top
	inTime bool // the x axis is time
	gone   []Gone
	out    LeftOut
	deep   int // the last row
	top    int // where the frames begin
	title  []string
	facts  []string
	notes  [][]string
}

// SVG draws the frames of t.
func SVG(w io.Writer, t *stacks.Tree, p Picture, maxFrames int) error {
	pic := newPicture(w, p)
	var storing sync.WaitGroup
	storing.Go(func() { pic.stored = store(t, maxFrames) })
	pic.frames, pic.out = layout(t, maxFrames, true)
	if p.Palette == Diff {
		pic.gone = Vanished(t, MaxGone)
	}
	storing.Wait()
	return pic.write()
}

func newPicture(w io.Writer, p Picture) *picture {
	return &picture{Picture: p, w: bufio.NewWriterSize(w, 1<<16)}
}

func (p *picture) write() error {
	for i := range p.frames {
		p.deep = max(p.deep, p.frames[i].Row)
	}
	p.icicle = p.Root == Top || p.Root == Auto && p.deep > screenRows && !p.inTime
	p.facts = report.WrapWords(slices.Concat(p.Facts, p.legend()), " · ", lineLength)
	p.title = report.WrapWords(strings.Fields(report.Line(p.Title)), " ", titleLength)
	p.top = 6 + titleLine*len(p.title) + factsLine*len(p.facts) + 8
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

// legend explains the colours that have a meaning.
func (p *picture) legend() []string {
	switch {
	case p.Palette == Diff:
		return []string{p.Unit.Format(p.frames[0].BaseTotal) + " in the base", "orange grew, blue shrank"}
	case p.Palette == State && p.frames[0].Stuck > 0:
		return []string{"dark orange: " + stacks.Plural(float64(p.frames[0].Stuck), "call") + " stuck"}
	case p.Palette == State:
		return []string{"no call is stuck"}
	}
	return nil
}

// bottom is where the frames, and the time axis below them, end.
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

// head writes everything above the frames. The script replaces the fixed size and
// the viewBox by the width of the window.
func (p *picture) head() {
	p.printf(`<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" class="flame" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="%s" font-size="12"`,
		usualWidth, p.height(), fonts)
	p.printf(` data-top="%d" data-unit="%s" data-total="%s" data-icicle="%t" data-keep-end="%t" data-palette="%s" data-left="%d">`+"\n",
		p.top, text(string(p.Unit)), stacks.AppendNumber(nil, p.frames[0].Total), p.icicle, p.KeepEnd, text(string(p.Palette)), p.out.Frames)
	p.printf("<title>%s</title>\n", text(p.Title))
	p.printf("<metadata><folded xmlns=\"urn:mcpdiag:folded\" title=\"%s\" unit=\"%s\" samples=\"%s\" pruned=\"%t\" columns=\"%d\" encoding=\"gzip\">%s</folded></metadata>\n",
		text(p.Title), text(string(p.Unit)), stacks.AppendNumber(nil, p.Observed), p.stored.pruned, p.stored.columns, p.stored.text)
	p.printf("<style>%s</style>\n", style)
	p.printf(`<rect class="paper" width="100%%" height="100%%" fill="#fdfcfa"/>` + "\n")
	p.lines(2+titleLine, titleLine, `class="ink title" font-size="16" font-weight="600" fill="#24211d"`, " ", p.title)
	p.lines(3+titleLine*len(p.title)+factsLine, factsLine, `class="faint facts" fill="#6b6459"`, " · ", p.facts)
}

// lines writes lines of text. The script breaks them again to fit the window,
// where sep stands between two words.
func (p *picture) lines(y, height int, attributes, sep string, lines []string) {
	p.printf(`<g %s data-sep="%s" data-y="%d" data-line="%d">`, attributes, sep, y, height)
	for i, line := range lines {
		p.printf(`<text x="1%%" y="%d">%s</text>`, y+height*i, text(line))
	}
	p.printf("</g>\n")
}

const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Verdana, sans-serif"

func (p *picture) footnotes() [][]string {
	notes := p.Warnings
	if p.out.Frames > 0 {
		notes = append([]string{fmt.Sprintf("%s narrower frames, %s of the whole, left out; search does not find them",
			stacks.Number(float64(p.out.Frames)), report.Percent(p.out.Share))}, notes...)
	}
	var lines [][]string
	for _, note := range notes {
		lines = append(lines, report.WrapWords(strings.Fields(note), " ", lineLength))
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
func percent(v float64) string {
	return string(stacks.AppendNumber(nil, float64(int64(v*1e5+0.5))/1e5))
}

// text makes text safe in an element and in an attribute of XML. The sanitizer
// replaces characters that XML does not allow.
func text(s string) string { return html.EscapeString(report.Line(s)) }
