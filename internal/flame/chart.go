package flame

import (
	"errors"
	"io"
	"slices"
	"time"
)

// errNoTime is what becomes of outputs that show time, where the input has none.
var errNoTime = errors.New("only a trace tells when calls were made; this input has stacks alone")

// Flamechart draws the calls of a trace in the order of time: the x axis is the
// window, and calls that overlap stand above one another.
func (p *Profile) Flamechart(w io.Writer, picture Picture, maxFrames int) error {
	if p.calls == nil || len(p.calls.spans) == 0 {
		return errNoTime
	}
	c := newChart(p.calls.spans, maxFrames)
	if p.Watch.To.After(p.Watch.From) {
		c.from, c.to = p.Watch.From, p.Watch.To
	}
	pic := newPicture(w, picture)
	pic.inTime = true
	pic.frames, pic.out = c.frames(), c.out
	pic.stacks, pic.pruned = p.Tree().stored(maxFrames)
	return pic.write()
}

// axisParts is into how many parts the line of times cuts the window.
const axisParts = 4

// axis says below the frames at what time each place is, from the first poll on.
// A script sets it to what is in view.
func (p *picture) axis() {
	if !p.inTime {
		return
	}
	p.printf(`<g class="axis faint" font-size="11" fill="#6b6459">`)
	for i := range axisParts + 1 {
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case axisParts:
			anchor = "end"
		}
		part := float64(i) / axisParts
		p.printf(`<text x="%s%%" y="%d" text-anchor="%s">%s</text>`, percent(1+98*part), p.bottom()-4, anchor,
			text(p.Unit.Format(p.frames[root].Total*part)))
	}
	p.printf("</g>\n")
}

// chart lays out calls in time.
type chart struct {
	from, to time.Time
	under    map[int][]*bar // the calls that a call made, 0 for those that nobody did
	out      LeftOut
	list     []Frame
}

// A bar is a call with what is on it.
type bar struct {
	Span
	row, rows int       // its row above that of its parent, and how many it needs
	until     time.Time // the end of the last call on it
}

func newChart(spans []Span, limit int) *chart {
	c := &chart{under: map[int][]*bar{}}
	kept, out := longest(spans, limit)
	c.out = out
	known := map[int]bool{}
	for _, s := range kept {
		known[s.Serial] = true
	}
	for _, s := range kept {
		if c.from.IsZero() || s.Begin.Before(c.from) {
			c.from = s.Begin
		}
		if s.End.After(c.to) {
			c.to = s.End
		}
		parent := s.Parent
		if !known[parent] {
			parent = 0
		}
		c.under[parent] = append(c.under[parent], &bar{Span: s})
	}
	c.stack(0)
	return c
}

// longest keeps the longest spans, in the order of time.
func longest(spans []Span, limit int) (kept []Span, out LeftOut) {
	if limit <= 0 || len(spans) <= limit {
		return spans, out
	}
	lengths := make([]time.Duration, len(spans))
	var all, left time.Duration
	for i, s := range spans {
		lengths[i] = s.End.Sub(s.Begin)
		all += lengths[i]
	}
	slices.Sort(lengths)
	least := lengths[len(lengths)-limit]
	for _, s := range spans {
		if length := s.End.Sub(s.Begin); length >= least && len(kept) < limit {
			kept = append(kept, s)
		} else {
			out.Frames++
			left += length
		}
	}
	out.Weight, out.Share = millis(left), share(float64(left), float64(all))
	return kept, out
}

// stack puts the calls on parent into rows, each into the lowest ones that are
// free while it lasts, and returns how many rows that takes and how long.
func (c *chart) stack(parent int) (rows int, until time.Time) {
	var free []time.Time // since when, by row
	for _, b := range c.under[parent] {
		above, end := c.stack(b.Serial)
		b.rows, b.until = 1+above, b.End
		if end.After(b.until) {
			b.until = end
		}
		b.row = firstFree(free, b)
		for len(free) < b.row+b.rows {
			free = append(free, time.Time{})
		}
		for row := b.row; row < b.row+b.rows; row++ {
			free[row] = b.until
		}
		if b.until.After(until) {
			until = b.until
		}
	}
	return len(free), until
}

func firstFree(free []time.Time, b *bar) int {
	for row := 0; ; row++ {
		fits := true
		for i := row; i < min(row+b.rows, len(free)); i++ {
			fits = fits && !free[i].After(b.Begin)
		}
		if fits {
			return row
		}
	}
}

// frames lists the bars as boxes, each after the call that made it.
func (c *chart) frames() []Frame {
	c.list = []Frame{{Parent: -1, Total: millis(c.to.Sub(c.from))}}
	c.add(0, 0, 0)
	return c.list
}

func (c *chart) add(serial, parent, row int) {
	for _, b := range c.under[serial] {
		begin, end := c.clip(b.Begin), c.clip(b.End)
		length := millis(end.Sub(begin))
		f := Frame{
			Name: b.Name, Parent: parent, Depth: c.list[parent].Depth + 1, Row: row + 1 + b.row,
			Start: millis(begin.Sub(c.from)), Self: length, Total: length,
		}
		c.list = append(c.list, f)
		c.add(b.Serial, len(c.list)-1, f.Row)
	}
}

func (c *chart) clip(t time.Time) time.Time {
	if t.Before(c.from) {
		return c.from
	}
	if t.After(c.to) {
		return c.to
	}
	return t
}
