package main

import (
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// A terminal that takes nothing, as one is after Ctrl-S, does not hold up the polls.
func TestPollViewOnAPausedTerminal(t *testing.T) {
	t.Parallel()
	paused, terminal := io.Pipe()
	a := sealedApp()
	a.stderr = a.guard(terminal)
	target := &url.URL{Scheme: "http", Host: "server"}
	v := newPollView(a, []*url.URL{target}, time.Time{})
	v.screen = &screen{a: a}
	go v.follow()
	for range 100 {
		v.show(poll.Event{Target: target.String(), Snapshot: &snapshot.Snapshot{Poll: &snapshot.Poll{At: snapshot.Time{Time: time.Now()}}}})
	}
	var shown strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, paused)
	}()
	v.end()
	_ = terminal.Close()
	<-read
	if !strings.Contains(shown.String(), "100 polls") {
		t.Errorf("the last state is not shown: %s", shown.String())
	}
}
