package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Chart is a line chart as a self-contained SVG with a light and a dark theme.
type Chart struct {
	Title, Subtitle string
	YUnit           string
	YWhole          bool // Y is a count: ticks are whole
	XSeconds        bool // X is a time in seconds; else a count
	XUnit           string
	Lines           []ChartLine
	Marks           []ChartMark
	Bands           []ChartBand
	Areas           []ChartArea
	Width, Height   int // 0: 900 by 420
}

// ChartLine is one line; its points are in order of X.
type ChartLine struct {
	Name   string
	Points [][2]float64
	Dashed bool // computed, not measured
	Thin   bool // secondary
}

// ChartMark is an event: a vertical line with a label.
type ChartMark struct {
	X    float64
	Text string
}

// ChartArea is the area between two lines, such as a confidence interval.
type ChartArea struct {
	Line          int // the line that gives the colour
	Lower, Higher [][2]float64
}

// ChartBand is a shaded interval of X, such as a round of load.
type ChartBand struct{ From, To float64 }

// lineColors is the size of the palette: eight colours that remain distinguishable
// on light and dark backgrounds and with colour blindness (Okabe and Ito 2008, adapted).
const lineColors = 8

const chartStyle = `
:root{--ground:#fff;--ink:#1c2128;--faint:#656d76;--grid:#e3e6ea;--band:#0000000a;
--c0:#0b63b5;--c1:#c4540a;--c2:#0a7f5c;--c3:#a2307e;--c4:#8a6a00;--c5:#2c93c9;--c6:#7350b8;--c7:#5b6570}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--ink:#e3e8ee;--faint:#98a2ad;--grid:#2a3038;--band:#ffffff0d;
--c0:#58a6ff;--c1:#f0883e;--c2:#3fc79a;--c3:#e07cc0;--c4:#d9b53c;--c5:#7cc7ee;--c6:#b19af0;--c7:#a5afba}}
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--faint)}
.t{font-size:16px;font-weight:600;fill:var(--ink)}.e{text-anchor:end}.m{text-anchor:middle}
.g{stroke:var(--grid);stroke-width:1}.k{stroke:var(--faint);stroke-width:1;stroke-dasharray:3 3}
.l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.n{stroke-width:1.25}.d{stroke-dasharray:7 5}
`

// WriteSVG writes the chart. A chart without points shows a note.
func (c Chart) WriteSVG(w io.Writer) error {
	p := c.plot()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="%[3]s">`+"\n",
		p.width, p.height, text(c.Title))
	b.WriteString("<style>" + chartStyle + "</style>\n")
	b.WriteString(`<rect width="100%" height="100%" fill="var(--ground)"/>` + "\n")
	fmt.Fprintf(&b, `<text class="t" x="16" y="28">%s</text>`+"\n", text(c.Title))
	if c.Subtitle != "" {
		fmt.Fprintf(&b, `<text x="16" y="48">%s</text>`+"\n", text(Cut(c.Subtitle, (p.width-32)/7)))
	}
	if p.empty {
		fmt.Fprintf(&b, `<text class="m" x="%d" y="%d">nothing to draw</text>`+"\n", p.width/2, p.height/2)
	} else {
		c.axes(&b, p)
		c.areas(&b, p)
		c.lines(&b, p)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// plot maps values to positions in the picture.
type plot struct {
	width, height            int
	left, right, top, bottom float64
	x0, x1, y0, y1           float64
	xStep, yStep             float64
	empty                    bool
	legend                   []legendEntry // one for each line
}

// legendEntry is the position of a line's name in the legend; row 0 is the top.
type legendEntry struct {
	name string
	x    float64
	row  int
}

const legendRow = 18 // the height of a row of the legend

// placeLegend arranges the names of the lines in rows and moves the chart below them.
func (c Chart) placeLegend(p *plot) {
	at, row := p.left, 0
	for _, l := range c.Lines {
		name := Cell(l.Name, min(32, int((p.right-p.left-40)/7.2)))
		room := 40 + 7.2*float64(Width(name))
		if at > p.left && at+room > p.right {
			at, row = p.left, row+1
		}
		p.legend = append(p.legend, legendEntry{name, at, row})
		at += room
	}
	p.height += row * legendRow
	p.top += float64(row * legendRow)
	p.bottom += float64(row * legendRow)
}

func (c Chart) plot() plot {
	p := plot{width: c.Width, height: c.Height, left: 76, top: 86, x0: math.Inf(1), x1: math.Inf(-1), y0: math.Inf(1), y1: math.Inf(-1)}
	if p.width == 0 {
		p.width, p.height = 900, 420
	}
	p.right, p.bottom = float64(p.width)-24, float64(p.height)-40
	c.placeLegend(&p)
	for _, l := range c.Lines {
		for _, v := range l.Points {
			if finite(v[0]) && finite(v[1]) {
				p.x0, p.x1 = min(p.x0, v[0]), max(p.x1, v[0])
				p.y0, p.y1 = min(p.y0, v[1]), max(p.y1, v[1])
			}
		}
	}
	if p.empty = p.x0 > p.x1; p.empty {
		return p
	}
	if p.x1 == p.x0 {
		p.x1++
	}
	p.scaleY(c.YWhole)
	p.xStep = niceStep((p.x1-p.x0)/max(2, (p.right-p.left)/110), c.XSeconds)
	return p
}

// scaleY starts at 0 unless that flattens the line. It spans at least a tenth of
// the value, so that noise on a steady level does not look like growth.
func (p *plot) scaleY(whole bool) {
	if least := 0.1 * p.y1; p.y1-p.y0 < least {
		middle := (p.y0 + p.y1) / 2
		p.y0, p.y1 = middle-least/2, middle+least/2
	}
	if p.y1 == p.y0 {
		p.y1 = p.y0 + 1
	}
	if p.y0 > 0 && p.y0 < 0.5*p.y1 {
		p.y0 = 0
	}
	p.yStep = niceStep((p.y1-p.y0)/5, false)
	if whole {
		p.yStep = max(p.yStep, 1)
	}
	p.y0, p.y1 = math.Floor(p.y0/p.yStep)*p.yStep, math.Ceil(p.y1/p.yStep)*p.yStep
}

func (p plot) x(v float64) float64 { return p.left + (v-p.x0)/(p.x1-p.x0)*(p.right-p.left) }
func (p plot) y(v float64) float64 { return p.bottom - (v-p.y0)/(p.y1-p.y0)*(p.bottom-p.top) }

// niceStep returns the smallest round step above raw: 1, 2 or 5 times a power of
// ten, or a unit of a clock.
func niceStep(raw float64, seconds bool) float64 {
	if seconds && raw > 10 {
		for _, s := range []float64{15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200} {
			if s >= raw {
				return s
			}
		}
		return math.Ceil(raw/86400) * 86400
	}
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= raw {
			return f * power
		}
	}
	return 10 * power
}

func (c Chart) axes(b *strings.Builder, p plot) {
	for _, band := range c.Bands {
		from, to := p.x(max(band.From, p.x0)), p.x(min(band.To, p.x1))
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--band)"/>`+"\n", from, p.top, max(to-from, 0), p.bottom-p.top)
	}
	for _, v := range ticks(p.y0, p.y1+p.yStep/2, p.yStep) {
		fmt.Fprintf(b, `<path class="g" d="M%.1f %.1fH%.1f"/><text class="e" x="%.1f" y="%.1f">%s</text>`+"\n",
			p.left, p.y(v), p.right, p.left-8, p.y(v)+4, label(v, p.yStep))
	}
	fmt.Fprintf(b, `<text class="e" x="%.1f" y="%.1f">%s</text>`+"\n", p.left-8, p.top-14, text(c.YUnit))
	for _, v := range ticks(math.Ceil(p.x0/p.xStep-0.02)*p.xStep, p.x1, p.xStep) {
		name := label(v, p.xStep)
		if c.XSeconds {
			name = clock(v)
		}
		fmt.Fprintf(b, `<path class="g" d="M%.1f %.1fv5"/><text class="m" x="%.1f" y="%.1f">%s</text>`+"\n", p.x(v), p.bottom, p.x(v), p.bottom+20, name)
	}
	if c.XUnit != "" {
		fmt.Fprintf(b, `<text class="e" x="%.1f" y="%.1f">%s</text>`+"\n", p.right, p.bottom+34, text(c.XUnit))
	}
	c.marks(b, p)
}

// marks draws the events and omits labels that would overlap.
func (c Chart) marks(b *strings.Builder, p plot) {
	free := p.left
	for _, m := range c.Marks {
		x, name := p.x(m.X), Cell(m.Text, 24)
		fmt.Fprintf(b, `<path class="k" d="M%.1f %.1fV%.1f"/>`, x, p.top, p.bottom)
		if x >= free {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, x+4, p.top+12, text(name))
			free = x + 6 + 7.2*float64(Width(name))
		}
		b.WriteByte('\n')
	}
}

// ticks returns the values of an axis. A step may be too small to change a large value.
func ticks(from, to, step float64) []float64 {
	var values []float64
	for v := from; v <= to && len(values) < 40 && v+step > v; v += step {
		values = append(values, v)
	}
	return values
}

// label formats a value with the decimals of its step.
func label(v, step float64) string {
	decimals := max(0, -int(math.Floor(math.Log10(step))))
	return strconv.FormatFloat(v+0, 'f', decimals, 64)
}

// clock formats seconds, as in 90s, 5m or 1h30m.
func clock(seconds float64) string {
	s := time.Duration(math.Round(seconds*1000)) * time.Millisecond
	out := s.String()
	if s >= time.Minute {
		out = strings.TrimSuffix(out, "0s")
	}
	if s >= time.Hour && strings.HasSuffix(out, "h0m") {
		out = strings.TrimSuffix(out, "0m")
	}
	if strings.HasSuffix(out, "m") || strings.HasSuffix(out, "h") || s < time.Minute {
		return out
	}
	return s.String()
}

// areas draws the areas, below the lines.
func (c Chart) areas(b *strings.Builder, p plot) {
	for _, a := range c.Areas {
		outline := slices.Clone(a.Lower)
		for _, v := range slices.Backward(a.Higher) {
			outline = append(outline, v)
		}
		fmt.Fprintf(b, `<path d="%sZ" fill="var(--c%d)" fill-opacity="0.18"/>`+"\n", p.path(outline), a.Line%lineColors)
	}
}

// lines draws the lines and the legend above them.
func (c Chart) lines(b *strings.Builder, p plot) {
	const first = 67 // Y of the first legend row
	for i, l := range c.Lines {
		class := "l"
		if l.Thin {
			class += " n"
		}
		if l.Dashed {
			class += " d"
		}
		stroke := fmt.Sprintf(`class="%s" stroke="var(--c%d)"`, class, i%lineColors)
		fmt.Fprintf(b, `<path %s d="%s"/>`+"\n", stroke, p.path(l.Points))
		for _, v := range isolated(l.Points) {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="var(--c%d)"/>`+"\n", p.x(v[0]), p.y(v[1]), i%lineColors)
		}
		e := p.legend[i]
		y := first + float64(e.row*legendRow)
		fmt.Fprintf(b, `<path %s d="M%.1f %.1fh20"/><text x="%.1f" y="%.1f">%s</text>`+"\n", stroke, e.x, y, e.x+26, y+4.5, text(e.name))
	}
}

// isolated returns the points without a neighbour, of which a path draws nothing.
func isolated(points [][2]float64) (alone [][2]float64) {
	drawn := func(i int) bool { return i >= 0 && i < len(points) && finite(points[i][0]) && finite(points[i][1]) }
	for i, v := range points {
		if drawn(i) && !drawn(i-1) && !drawn(i+1) {
			alone = append(alone, v)
		}
	}
	return alone
}

func (p plot) path(points [][2]float64) string {
	var b strings.Builder
	pen := byte('M')
	for _, v := range points {
		if !finite(v[0]) || !finite(v[1]) {
			pen = 'M' // after a gap
			continue
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", pen, p.x(v[0]), p.y(v[1]))
		pen = 'L'
	}
	return b.String()
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// text escapes foreign text for content and attributes of XML. Characters that XML does
// not allow become visible escapes.
func text(s string) string { return html.EscapeString(Line(s)) }
