package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

//go:embed assets/page.css
var pageStyle string

//go:embed assets/page.html
var pageText string

// Page is a self-contained HTML page: it loads nothing, runs no script, and adapts
// to the theme and the width of the screen. Parts appear in the order of their addition.
type Page struct {
	Title    string
	Subtitle string
	Badge    string // the verdict, in a word or two
	Style    Style  // of the badge: Good, Caution or Bad

	template *template.Template
	parts    []template.HTML
	err      error
}

// Fact is a single figure with its name.
type Fact struct{ Name, Value string }

// Link is a file beside the page.
type Link struct{ Name, File string }

// Facts adds the main figures.
func (p *Page) Facts(facts ...Fact) { p.add("facts", facts) }

// Heading begins a section.
func (p *Page) Heading(s string) { p.add("heading", s) }

// Code adds preformatted text, such as a command.
func (p *Page) Code(s string) { p.add("code", s) }

// Links adds links to files beside the page.
func (p *Page) Links(links ...Link) { p.add("links", links) }

// Paragraph adds a paragraph in a style.
func (p *Page) Paragraph(style Style, s string) {
	p.add("paragraph", struct {
		Style Style
		Text  string
	}{style, s})
}

// List adds a bulleted list.
func (p *Page) List(style Style, points ...string) {
	if len(points) == 0 {
		return
	}
	p.add("list", struct {
		Style  Style
		Points []string
	}{style, points})
}

// Table adds a table. The columns in right are right-aligned, the rows in mark are highlighted.
func (p *Page) Table(right map[int]bool, header []string, rows [][]string, mark map[int]bool) {
	p.add("table", struct {
		Right, Mark map[int]bool
		Header      []string
		Rows        [][]string
	}{right, mark, header, rows})
}

// image is a picture with an alternative for narrow screens.
type image struct {
	Wide   template.URL
	Narrow template.Srcset
	Alt    string
}

// Picture adds an SVG that scrolls on narrow screens. As an image it runs no script
// and loads nothing, whatever it contains.
func (p *Page) Picture(alt string, svg []byte) {
	p.add("picture", image{Wide: template.URL(dataURL(svg)), Alt: alt}) //nolint:gosec // base64
}

// Sizes of a chart, for wide and for narrow screens.
const (
	chartWide, chartWideHigh     = 900, 380
	chartNarrow, chartNarrowHigh = 420, 320
)

// Chart adds a chart, drawn for wide and for narrow screens.
func (p *Page) Chart(c Chart) {
	c.Width, c.Height = chartWide, chartWideHigh
	wide := chartURL(c)
	c.Width, c.Height = chartNarrow, chartNarrowHigh
	p.add("chart", image{template.URL(wide), template.Srcset(chartURL(c)), c.Title + ": " + c.Subtitle}) //nolint:gosec // base64
}

func chartURL(c Chart) string {
	var b bytes.Buffer
	_ = c.WriteSVG(&b) // a Buffer does not fail
	return dataURL(b.Bytes())
}

func dataURL(svg []byte) string {
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
}

// add renders a part. Write returns the first error.
func (p *Page) add(part string, data any) {
	var b strings.Builder
	if err := p.parsed().ExecuteTemplate(&b, part, data); err != nil && p.err == nil {
		p.err = err
	}
	p.parts = append(p.parts, template.HTML(b.String())) //nolint:gosec // the template has escaped it
}

func (p *Page) parsed() *template.Template {
	if p.template == nil {
		functions := template.FuncMap{"line": Line, "class": styleClass}
		p.template = template.Must(template.New("page").Funcs(functions).Parse(pageText))
	}
	return p.template
}

// Write writes the page, which is valid XML as well as HTML.
func (p *Page) Write(w io.Writer) error {
	if p.err != nil {
		return p.err
	}
	var b bytes.Buffer
	err := p.parsed().Execute(&b, struct {
		*Page
		Styles template.CSS
		Parts  []template.HTML
	}{p, template.CSS(pageStyle), p.parts}) //nolint:gosec // our own styles
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func styleClass(s Style) string {
	switch s {
	case Good:
		return "good"
	case Caution:
		return "caution"
	case Bad:
		return "bad"
	case Faint:
		return "faint"
	case Plain, Bold:
	}
	return ""
}
