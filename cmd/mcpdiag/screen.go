package main

import (
	"bytes"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// screen redraws a live view in place on the terminal of standard error.
type screen struct {
	a     *app
	lines int // of the view that stands there
	drawn time.Time
}

// frame is the least time between two drawings.
const frame = 100 * time.Millisecond

// draw replaces the view by what write makes of the terminal's size, unless it
// was drawn a moment ago. The view is for looking at: what goes wrong is no error.
func (s *screen) draw(write func(w io.Writer, paint report.Painter, width, height int) error) {
	if time.Since(s.drawn) < frame {
		return
	}
	s.drawn = time.Now()
	width, height := s.a.size(s.a.stderr)
	var b bytes.Buffer
	s.erase(&b)
	start := b.Len()
	if err := write(&b, s.a.painter(s.a.stderr), width-1, height-1); err != nil {
		return
	}
	s.lines = bytes.Count(b.Bytes()[start:], []byte("\n"))
	_, _ = s.a.stderr.Write(b.Bytes())
}

// clear takes the view away, if one stands there.
func (s *screen) clear() {
	if s.lines == 0 {
		return
	}
	var b bytes.Buffer
	s.erase(&b)
	s.lines = 0
	_, _ = s.a.stderr.Write(b.Bytes())
}

func (s *screen) erase(b *bytes.Buffer) {
	for range s.lines {
		b.WriteString("\x1b[1A\x1b[2K")
	}
	b.WriteString("\r")
}
