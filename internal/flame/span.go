package flame

import (
	"cmp"
	"slices"
	"time"
)

// Span is a call's place in time.
type Span struct {
	Serial, Parent            int // the number of the call, and of the one that made it, 0 where there is none
	Target, Session, ID, Name string
	Begin, End                time.Time
}

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
	if between := now.Sub(fl.last); between > 0 && !t.hole {
		end = end.Add(between / 2)
	}
	s := Span{Serial: fl.serial, Target: t.name, Session: fl.session, ID: fl.id, Name: fl.name, Begin: fl.begin, End: end}
	if fl.parent != nil {
		s.Parent = fl.parent.serial
	}
	c.spans = append(c.spans, s)
}

// order puts the spans into the order of time: calls end in any order.
func (c *calls) order() {
	slices.SortFunc(c.spans, func(a, b Span) int {
		return cmp.Or(a.Begin.Compare(b.Begin), cmp.Compare(a.Serial, b.Serial))
	})
}
