package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
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

// countdown shows on a terminal how much of a known time is left, until stop is called.
// Elsewhere it prints one line.
func (a *app) countdown(doing string, length time.Duration) (stop func()) {
	if !a.live() {
		a.note("%s: %s", doing, report.Duration(length))
		return func() {}
	}
	end := time.Now().Add(length)
	return a.showEverySecond(0, func() string { return doing + ": " + timeLeft(end, time.Now()) })
}

// showEverySecond shows a line on a terminal, from a delay on, until stop is called.
func (a *app) showEverySecond(delay time.Duration, line func() string) (stop func()) {
	view := &screen{a: a}
	done := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		next := time.NewTimer(delay)
		defer next.Stop()
		for {
			select {
			case <-done:
				view.clear()
				return
			case <-next.C:
			}
			view.line(line())
			next.Reset(time.Second)
		}
	})
	return func() {
		close(done)
		shown.Wait()
	}
}

// reading is a file that shows on a terminal how much of it has been read.
type reading struct {
	io.ReadCloser
	done atomic.Int64
	stop func()
}

func (a *app) newReading(f io.ReadCloser, name string, size int64) *reading {
	r, start := &reading{ReadCloser: f}, time.Now()
	r.stop = sync.OnceFunc(a.showEverySecond(time.Second, func() string { return progress(report.Line(name), r.done.Load(), size, time.Since(start)) }))
	return r
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.done.Add(int64(n))
	return n, err
}

func (r *reading) Close() error {
	r.stop()
	return r.ReadCloser.Close()
}

// timeLeft returns the time until end as a text, in whole seconds.
func timeLeft(end, now time.Time) string {
	left := end.Sub(now).Round(time.Second)
	if left <= 0 {
		return "about to end"
	}
	return report.Duration(left) + " left"
}

// writeTimeLeft writes the line of a live view for a run that ends at a known time.
func writeTimeLeft(w io.Writer, end time.Time) error {
	if end.IsZero() {
		return nil
	}
	_, err := fmt.Fprintln(w, timeLeft(end, time.Now()))
	return err
}

// endOf returns the end of a run of that length or number of steps that begins now, the
// earlier one; zero if it has none.
func endOf(length time.Duration, count int, interval time.Duration) time.Time {
	steps := time.Duration(count) * interval
	if length == 0 || steps > 0 && steps < length {
		length = steps
	}
	if length == 0 {
		return time.Time{}
	}
	return time.Now().Add(length)
}
