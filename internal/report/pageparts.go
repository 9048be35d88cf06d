package report

import (
	"encoding/base64"
	"fmt"
	"net/url"
)

// Code adds preformatted text, such as a command.
func (p *Page) Code(s string) {
	fmt.Fprintf(&p.body, "<pre tabindex=\"0\">%s</pre>\n", text(s))
}

// Picture adds an SVG that scrolls on narrow screens. As an image it runs no script
// and loads nothing, whatever it contains.
func (p *Page) Picture(alt string, svg []byte) {
	fmt.Fprintf(&p.body, "<div class=\"wide\" tabindex=\"0\"><img src=\"data:image/svg+xml;base64,%s\" alt=\"%s\"/></div>\n",
		base64.StdEncoding.EncodeToString(svg), attr(alt))
}

// Link is a file beside the page.
type Link struct{ Name, File string }

// Links adds links to files beside the page.
func (p *Page) Links(links ...Link) {
	p.body.WriteString("<ul>\n")
	for _, l := range links {
		fmt.Fprintf(&p.body, "<li>%s: <a href=\"./%s\">%s</a></li>\n", text(l.Name), attr(url.PathEscape(l.File)), text(l.File))
	}
	p.body.WriteString("</ul>\n")
}
