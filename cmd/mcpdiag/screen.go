package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// screen redraws a live view in place on standard error.
type screen struct {
	a     *app
	lines int // of the current view
	drawn time.Time
}

// frame is the minimum time between two drawings.
const frame = 100 * time.Millisecond

// draw replaces the view by the output of write, which gets the size of the terminal.
// It skips a view that follows too soon, and ignores errors.
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

// line replaces the view by one line, cut to the width of the terminal.
func (s *screen) line(text string) {
	s.draw(func(w io.Writer, _ report.Painter, width, _ int) error {
		_, err := fmt.Fprintln(w, report.Cut(text, width))
		return err
	})
}

// clear erases the view, if there is one.
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
