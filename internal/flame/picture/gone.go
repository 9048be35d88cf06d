package picture

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Limits of the strip of vanished frames.
const (
	MaxGone     = 200 // vanished frames that are shown
	stripHeight = 2*rowHeight + 8
)

// Gone is a frame that only the base has, with the frames below it.
type Gone struct {
	Path      []string `json:"path"`
	BaseTotal float64  `json:"baseTotal"`
}

// Vanished lists the frames that only the base has, the widest first, without those
// above them.
func Vanished(t *stacks.Tree, limit int) []Gone {
	var gone []Gone
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		if n.Total == 0 && n.BaseTotal > 0 && (t.Nodes[n.Parent].Total > 0 || n.Parent == stacks.Root) {
			gone = append(gone, Gone{t.Path(int32(i)), n.BaseTotal})
		}
	}
	slices.SortStableFunc(gone, func(a, b Gone) int { return cmp.Compare(b.BaseTotal, a.BaseTotal) })
	return gone[:min(len(gone), limit)]
}

// strip draws the vanished frames below the others, which leave no place for them.
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
	x, scale := 0.0, 100/max(sum, p.frames[0].BaseTotal)
	for _, g := range p.gone {
		width := g.BaseTotal * scale
		name := text(g.Path[len(g.Path)-1])
		says := text(strings.Join(g.Path, " > ")) + ", gone, was " + text(p.Unit.Format(g.BaseTotal)+", "+
			report.Percent(stacks.Share(g.BaseTotal, p.frames[0].BaseTotal)))
		p.printf(`<svg class="g" x="%s%%" width="%s%%" height="%d" role="img" aria-label="%s"><title>%s</title>`,
			percent(x), percent(width), boxHeight, says, says)
		p.printf(`<rect width="100%%" height="%d" rx="2" fill="#9cc4ea" stroke="#2f6ea8" stroke-dasharray="3 2"/>`, boxHeight)
		p.printf(`<text x="4" y="12.5">%s</text></svg>`+"\n", name)
		x += width
	}
	p.printf("</svg>\n")
}
