package flame

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

var idle = regexp.MustCompile("^" + regexp.QuoteMeta(stacks.Idle) + "$")

const maxHot = 10 // functions that are listed

// Hot adds up CPU profiles of a server and draws them, without idle time.
func Hot(title string, profiles ...[]byte) (*stacks.Hot, error) {
	c := Collector{}
	for _, data := range profiles {
		if err := c.Read(bytes.NewReader(data), "the CPU profile"); err != nil {
			return nil, err
		}
	}
	p, err := c.Profile()
	if err != nil {
		return nil, err
	}
	p = p.Reshape(Shape{Ignore: idle})
	tree := p.Tree()
	hot := &stacks.Hot{}
	for _, s := range sums(tree) {
		if s.self > 0 && !stacks.OfRuntime(s.name) {
			hot.Functions = append(hot.Functions, stacks.HotFunction{Name: s.name, Share: s.self / tree.Total()})
		}
	}
	if len(hot.Functions) == 0 {
		return nil, errors.New("the CPU profile is empty: the server was idle")
	}
	slices.SortFunc(hot.Functions, func(a, b stacks.HotFunction) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	hot.Functions = hot.Functions[:min(len(hot.Functions), maxHot)]
	findings, err := p.Findings(tree)
	if err != nil {
		return nil, err
	}
	for i := range findings {
		hot.Findings = append(hot.Findings, findings[i].Says+": "+findings[i].Do)
	}
	pic := p.Picture(p.Facts(tree))
	pic.Title = title
	var svg bytes.Buffer
	err = picture.SVG(&svg, tree, pic, picture.MaxFrames)
	hot.Picture = svg.Bytes()
	return hot, err
}
