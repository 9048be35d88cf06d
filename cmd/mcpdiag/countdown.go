package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

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
			view.draw(func(w io.Writer, _ report.Painter, width, _ int) error {
				_, err := fmt.Fprintln(w, report.Cut(line(), width))
				return err
			})
			next.Reset(time.Second)
		}
	})
	return func() {
		close(done)
		shown.Wait()
	}
}

// largeInput is the size of a file whose reading is shown, in bytes.
const largeInput = 32 << 20

// reading is a file that shows how far it has been read.
type reading struct {
	io.ReadCloser
	view       *screen
	name       string
	size, done int64
	began      time.Time
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.done += int64(n); err != nil {
		r.view.clear()
		return n, err
	}
	r.view.draw(func(w io.Writer, _ report.Painter, width, _ int) error {
		_, err := fmt.Fprintln(w, report.Cut(r.state(time.Now()), width))
		return err
	})
	return n, nil
}

func (r *reading) Close() error {
	r.view.clear()
	return r.ReadCloser.Close()
}

// state returns how much has been read, and how long the rest takes at that speed.
func (r *reading) state(now time.Time) string {
	share, took := min(float64(r.done)/float64(r.size), 1), now.Sub(r.began) // a file may grow
	if share == 0 || took < time.Second {
		return "reading " + report.Line(r.name)
	}
	left := time.Duration(float64(took) * (1 - share) / share)
	return fmt.Sprintf("reading %s: %.0f %%, %s", report.Line(r.name), 100*share, timeLeft(now.Add(left), now))
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
