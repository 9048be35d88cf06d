package fold

import (
	"cmp"
	"slices"
	"time"
)

// Span is the place of a call in time.
type Span struct {
	Serial, Parent            int // number of the call and of its parent, 0 if there is none
	Target, Session, ID, Name string
	Begin, End                time.Time
}

// span records the place of a call in time. It ended between the last poll that
// saw it and the next one.
func (c *Calls) span(t *target, fl *flight, now time.Time) {
	if !c.keep {
		return
	}
	if len(c.Spans) >= maxSpans {
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
	c.Spans = append(c.Spans, s)
}

// order sorts the spans by time: calls end in any order.
func (c *Calls) order() {
	slices.SortFunc(c.Spans, func(a, b Span) int {
		return cmp.Or(a.Begin.Compare(b.Begin), cmp.Compare(a.Serial, b.Serial))
	})
}
