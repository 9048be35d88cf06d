package flame

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	maxGone     = 200 // frames that vanished which are shown
	stripHeight = 2*rowHeight + 8
)

// Gone is a frame that the base had and that is there no more, with the frames under it.
type Gone struct {
	Path      []string `json:"path"`
	BaseTotal float64  `json:"baseTotal"`
}

// Gone lists the frames that vanished, the widest first, without those under them.
func (t *Tree) Gone(limit int) []Gone {
	var gone []Gone
	for i := 1; i < len(t.chains); i++ {
		c := &t.chains[i]
		if c.total == 0 && c.baseTotal > 0 && (t.chains[c.parent].total > 0 || c.parent == root) {
			gone = append(gone, Gone{t.pathTo(int32(i), 1), c.baseTotal})
		}
	}
	slices.SortStableFunc(gone, func(a, b Gone) int { return cmp.Compare(b.BaseTotal, a.BaseTotal) })
	return gone[:min(len(gone), limit)]
}

// pathTo returns the names from the root to a frame of a chain: the frame
// number count of it.
func (t *Tree) pathTo(i int32, count int) []string {
	var path []string
	for ; i > root; i = t.chains[i].parent {
		chain := t.of(&t.chains[i])
		if count > 0 {
			chain, count = chain[:count], 0
		}
		for _, name := range slices.Backward(chain) {
			path = append(path, t.name(name))
		}
	}
	slices.Reverse(path)
	return path
}

// strip draws the frames that vanished below the others: there is no place for
// them among those that are there.
func (p *picture) strip() {
	if len(p.gone) == 0 {
		return
	}
	sum := 0.0
	for _, g := range p.gone {
		sum += g.BaseTotal
	}
	y := p.bottom() + 4
	p.printf(`<text class="faint" x="1%%" y="%d" fill="#6b6459">Gone since the base: %s</text>`+"\n", y+13, text(p.Unit.Format(sum)))
	p.printf(`<svg class="gone" x="1%%" y="%d" width="98%%" height="%d" fill="#10263a">`+"\n", y+rowHeight, boxHeight)
	x, scale := 0.0, 100/max(sum, p.frames[root].BaseTotal)
	for _, g := range p.gone {
		width := g.BaseTotal * scale
		name := text(g.Path[len(g.Path)-1])
		says := text(strings.Join(g.Path, " > ")) + ", gone, was " + text(p.Unit.Format(g.BaseTotal)+", "+
			report.Percent(share(g.BaseTotal, p.frames[root].BaseTotal)))
		p.printf(`<svg class="g" x="%s%%" width="%s%%" height="%d" role="img" aria-label="%s"><title>%s</title>`,
			percent(x), percent(width), boxHeight, says, says)
		p.printf(`<rect width="100%%" height="%d" rx="2" fill="#9cc4ea" stroke="#2f6ea8" stroke-dasharray="3 2"/>`, boxHeight)
		p.printf(`<text x="4" y="12.5">%s</text></svg>`+"\n", name)
		x += width
	}
	p.printf("</svg>\n")
}
