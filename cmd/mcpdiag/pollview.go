package main

import (
	"errors"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// pollView shows a run: a live view on a terminal, a line per poll elsewhere. It draws in
// its own goroutine, since a terminal can be paused.
type pollView struct {
	a      *app
	screen *screen // nil if standard error is not a terminal
	ends   time.Time
	ended  chan struct{}

	mu   sync.Mutex // guards live
	live *poll.Live
	news chan struct{} // there are polls that were not drawn
}

func newPollView(a *app, targets []*url.URL, ends time.Time) *pollView {
	v := &pollView{a: a, ends: ends, live: poll.NewLive(targets), news: make(chan struct{}, 1), ended: make(chan struct{})}
	if a.live() {
		v.screen = &screen{a: a}
		go v.follow()
	}
	return v
}

func (v *pollView) show(e poll.Event) {
	if v.screen == nil {
		v.a.note("%s", e.Line())
		for _, line := range e.Lines() {
			v.a.warn(line)
		}
		return
	}
	v.mu.Lock()
	v.live.Add(e)
	v.mu.Unlock()
	select {
	case v.news <- struct{}{}:
	default: // the pending frame will show this poll too
	}
}

// printed reports whether there was a line for each poll.
func (v *pollView) printed() bool { return v.screen == nil && !v.a.quiet }

func (v *pollView) follow() {
	defer close(v.ended)
	for range v.news {
		v.draw()
	}
}

func (v *pollView) draw() {
	v.screen.draw(func(w io.Writer, paint report.Painter, width, height int) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		return errors.Join(v.live.Write(w, paint, width, height-1, time.Now()), writeTimeLeft(w, v.ends))
	})
}

// end draws the last state. No poll may be shown after it.
func (v *pollView) end() {
	if v.screen == nil {
		return
	}
	close(v.news)
	<-v.ended
	v.screen.drawn = time.Time{}
	v.draw()
}
