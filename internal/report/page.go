package report

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
)

// Page is a self-contained HTML page: it loads nothing, runs no script, and adapts
// to the theme and the width of the screen. Parts appear in the order of their addition.
type Page struct {
	Title    string
	Subtitle string
	Badge    string // the verdict, in a word or two
	Style    Style  // of the badge: Good, Caution or Bad

	body strings.Builder
}

// pagePolicy allows only inline styles and embedded pictures.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

const pageStyle = `
:root{color-scheme:light dark;--ground:#fff;--raised:#f6f8fa;--ink:#1c2128;--faint:#59636e;--line:#d8dee4;--good:#17703a;--caution:#8a5a00;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--raised:#1b2027;--ink:#e3e8ee;--faint:#98a2ad;--line:#2f363f;--good:#58c27d;--caution:#e0ad3c;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:32px 0 10px}
p{margin:6px 0;overflow-wrap:anywhere}.faint{color:var(--faint)}
.badge{display:inline-block;margin:10px 0 0;padding:2px 12px;border-radius:12px;border:1px solid currentColor;font-weight:600}
.good{color:var(--good)}.caution{color:var(--caution)}.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:20px 0 0}
dl div{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:8px 12px}
dt{color:var(--faint);font-size:13px}dd{margin:0;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--faint);font-weight:600;font-size:13px;white-space:nowrap}
.num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
pre{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:10px 14px;margin:8px 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px}
.wide img{display:block;width:100%;min-width:860px;border:1px solid var(--line);border-radius:8px}
a{color:inherit}
td:not(.num):not(:empty){min-width:6em}td:last-child:not(.num):not(:empty){min-width:12em;overflow-wrap:anywhere}
.mark td{background:var(--raised);font-weight:600}
picture img{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:8px;margin:12px 0}
ul{margin:6px 0;padding-left:20px}li{overflow-wrap:anywhere}
@media (max-width:600px){main{padding:16px 12px 32px}h1{font-size:20px}th,td{padding:5px 6px}}
@media print{main{max-width:none}.wide{overflow:visible}.wide img{min-width:0}table{font-size:12px}th{font-size:11px}th,td{padding:4px 6px}picture,tr{break-inside:avoid}h2{break-after:avoid}}
`

// Fact is a single figure with its name.
type Fact struct{ Name, Value string }

// Facts adds the main figures.
func (p *Page) Facts(facts ...Fact) {
	p.body.WriteString("<dl>\n")
	for _, f := range facts {
		fmt.Fprintf(&p.body, "<div><dt>%s</dt><dd>%s</dd></div>\n", text(f.Name), text(f.Value))
	}
	p.body.WriteString("</dl>\n")
}

// Heading begins a section.
func (p *Page) Heading(s string) { fmt.Fprintf(&p.body, "<h2>%s</h2>\n", text(s)) }

// Paragraph adds a paragraph in a style.
func (p *Page) Paragraph(style Style, s string) {
	fmt.Fprintf(&p.body, "<p class=\"%s\">%s</p>\n", styleClass(style), text(s))
}

// List adds a bulleted list.
func (p *Page) List(style Style, points ...string) {
	if len(points) == 0 {
		return
	}
	fmt.Fprintf(&p.body, "<ul class=\"%s\">\n", styleClass(style))
	for _, s := range points {
		fmt.Fprintf(&p.body, "<li>%s</li>\n", text(s))
	}
	p.body.WriteString("</ul>\n")
}

// Table adds a table. The columns in right are right-aligned, the rows in mark are highlighted.
func (p *Page) Table(right map[int]bool, header []string, rows [][]string, mark map[int]bool) {
	p.body.WriteString("<div class=\"wide\"><table>\n")
	row := func(tag, class string, cells []string) {
		fmt.Fprintf(&p.body, "<tr class=\"%s\">", class)
		for i, cell := range cells {
			class := ""
			if right[i] {
				class = "num"
			}
			fmt.Fprintf(&p.body, "<%s class=\"%s\">%s</%[1]s>", tag, class, text(cell))
		}
		p.body.WriteString("</tr>\n")
	}
	row("th", "", header)
	for i, cells := range rows {
		class := ""
		if mark[i] {
			class = "mark"
		}
		row("td", class, cells)
	}
	p.body.WriteString("</table></div>\n")
}

// Sizes of a chart, for wide and for narrow screens.
const (
	chartWide, chartWideHigh     = 900, 380
	chartNarrow, chartNarrowHigh = 420, 320
)

// Chart adds a chart, drawn for wide and for narrow screens.
func (p *Page) Chart(c Chart) {
	wide, narrow := c, c
	wide.Width, wide.Height = chartWide, chartWideHigh
	narrow.Width, narrow.Height = chartNarrow, chartNarrowHigh
	fmt.Fprintf(&p.body, "<picture><source media=\"(max-width:600px)\" srcset=\"%s\"/><img src=\"%s\" alt=\"%s\"/></picture>\n",
		dataURL(narrow), dataURL(wide), attr(c.Title+": "+c.Subtitle))
}

func dataURL(c Chart) string {
	var b strings.Builder
	_ = c.WriteSVG(&b) // a Builder does not fail
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(b.String()))
}

// Write writes the page, which is valid XML as well as HTML.
func (p *Page) Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n")
	fmt.Fprintf(&b, "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\"/>\n", html.EscapeString(pagePolicy))
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<meta name=\"referrer\" content=\"no-referrer\"/>\n")
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style></head>\n<body><main>\n<h1>%[1]s</h1>\n", text(p.Title), pageStyle)
	if p.Subtitle != "" {
		fmt.Fprintf(&b, "<p class=\"faint\">%s</p>\n", text(p.Subtitle))
	}
	if p.Badge != "" {
		fmt.Fprintf(&b, "<p class=\"badge %s\">%s</p>\n", styleClass(p.Style), text(p.Badge))
	}
	b.WriteString(p.body.String())
	b.WriteString("</main></body></html>\n")
	_, err := io.WriteString(w, b.String())
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
