package picture

import (
	"io"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Chart draws calls in the order of time: the x axis is the window from from to to,
// and calls that overlap stand above one another. t goes into the file.
func Chart(w io.Writer, t *stacks.Tree, spans []fold.Span, from, to time.Time, p Picture, maxFrames int) error {
	c := newChart(spans, maxFrames)
	if to.After(from) {
		c.from, c.to = from, to
	}
	pic := newPicture(w, p)
	pic.inTime = true
	pic.frames, pic.out = c.frames(), c.out
	pic.stored = store(t, maxFrames)
	return pic.write()
}

// axisParts is the number of parts of the time axis.
const axisParts = 4

// axis draws the times since the first poll below the frames. The script sets
// them to the part in view.
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
			text(p.Unit.Format(p.frames[0].Total*part)))
	}
	p.printf("</g>\n")
}

// chart lays out calls in time.
type chart struct {
	from, to time.Time
	under    map[int][]*bar // calls by parent, 0 for those without
	out      LeftOut
	list     []Frame
}

// bar is a call with the calls above it.
type bar struct {
	fold.Span
	row, rows int       // row above that of its parent, and number of rows
	until     time.Time // the end of the last call above it
}

func newChart(spans []fold.Span, limit int) *chart {
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

// longest returns the longest spans, in the order of time.
func longest(spans []fold.Span, limit int) (kept []fold.Span, out LeftOut) {
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
	out.Weight, out.Share = report.InMillis(left), stacks.Share(float64(left), float64(all))
	return kept, out
}

// stack assigns rows to the calls of parent, each the lowest that are free while
// the call lasts. It returns the number of rows and the end of the last call.
func (c *chart) stack(parent int) (rows int, until time.Time) {
	var free []time.Time // when each row becomes free
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

// frames lists the bars as boxes, each after its parent.
func (c *chart) frames() []Frame {
	c.list = []Frame{{Parent: -1, Total: report.InMillis(c.to.Sub(c.from))}}
	c.add(0, 0, 0)
	return c.list
}

func (c *chart) add(serial, parent, row int) {
	for _, b := range c.under[serial] {
		begin, end := c.clip(b.Begin), c.clip(b.End)
		length := report.InMillis(end.Sub(begin))
		f := Frame{
			Name: b.Name, Parent: parent, Depth: c.list[parent].Depth + 1, Row: row + 1 + b.row,
			Start: report.InMillis(begin.Sub(c.from)), Self: length, Total: length,
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
