package flame

import (
	"cmp"
	"slices"
	"time"
)

// span remembers a call's place in time. It ended between the last poll that
// saw it and the next one.
func (c *calls) span(t *target, fl *flight, now time.Time) {
	if !c.keep {
		return
	}
	if len(c.spans) >= maxSpans {
		c.dropped++
		return
	}
	end := fl.last
	if between := now.Sub(fl.last); between > 0 {
		end = end.Add(between / 2)
	}
	depth := 0
	for p := fl.parent; p != nil; p = p.parent {
		depth++
	}
	c.spans = append(c.spans, Span{t.name, fl.session, fl.id, fl.node, depth, fl.begin, end})
}

// order puts the spans into the order of time: calls end in any order.
func (c *calls) order() {
	slices.SortFunc(c.spans, func(a, b Span) int {
		return cmp.Or(a.Begin.Compare(b.Begin), cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.Depth, b.Depth), b.End.Compare(a.End), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Node, b.Node))
	})
}
