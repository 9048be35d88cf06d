package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
)

// Page is a report as one HTML page that loads nothing from anywhere: light or
// dark as its reader is, for phones and for print. All text in it is escaped for
// the place where it stands.
type Page struct {
	Title    string
	Verdict  Style // Good, Caution or Bad
	Word     string
	Sentence string
	Facts    []string // under it, in small
	Sections []PageSection
}

// PageSection is a part of a page.
type PageSection struct {
	Title    string
	Text     []string // paragraphs
	Pictures []PagePicture
	Table    *PageTable
	Lists    []PageList
	Code     []string // commands, one a block
	Links    []PageLink
}

// PagePicture is an SVG, and another for narrow screens where there is one.
type PagePicture struct {
	Alt          string
	Wide, Narrow []byte
	Scroll       bool // it has a least width, and scrolls where the screen is narrower
}

// PageTable is a table.
type PageTable struct {
	Header []string
	Right  []bool // columns of numbers
	Rows   [][]string
}

// PageList is a heading with points.
type PageList struct {
	Title  string
	Points []string
}

// PageLink points to a file beside the page.
type PageLink struct{ Name, File string }

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean": Line,
	"data":  func(svg []byte) template.URL { return template.URL(dataURL(svg)) },       //nolint:gosec // base64 is harmless in an attribute
	"set":   func(svg []byte) template.Srcset { return template.Srcset(dataURL(svg)) }, //nolint:gosec // likewise
	"right": func(t *PageTable, i int) bool { return i < len(t.Right) && t.Right[i] },
	"class": func(s Style) string {
		return map[Style]string{Good: "good", Caution: "caution", Bad: "bad"}[s]
	},
}).Parse(pageTemplate))

// dataURL is a picture as an address that holds it. In an image no script runs
// and nothing is loaded, whatever is in it.
func dataURL(svg []byte) string {
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
}

// WriteHTML writes the page.
func (p Page) WriteHTML(w io.Writer) error {
	hash := sha256.Sum256([]byte(pageStyle))
	return pages.Execute(w, map[string]any{
		"Page":  p,
		"Style": template.CSS(pageStyle), //nolint:gosec // our own
		"Hash":  base64.StdEncoding.EncodeToString(hash[:]),
	})
}
