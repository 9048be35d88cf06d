package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
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

// A first target that hangs does not keep the summary of the others back, nor pass for healthy.
func TestPollBesideATargetThatHangs(t *testing.T) {
	t.Parallel()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hangs.Close)
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"toolCallStack": []}`) }))
	t.Cleanup(answers.Close)
	o := invoke(t, "poll", hangs.URL, answers.URL, "--interval", "10ms", "--duration", "1s", "-o", t.TempDir()+"/trace.ndjson")
	o.wants(t, exitOK, answers.URL+" ")
	if !strings.Contains(o.out, answers.URL) || !strings.Contains(o.err, "no poll was answered before the run ended; the server may hang") {
		t.Errorf("stdout %s\nstderr %.300s", o.out, o.err)
	}
	invoke(t, "poll", hangs.URL, answers.URL, "--interval", "10ms", "--duration", "1s", "-o", t.TempDir()+"/trace.ndjson", "--format", "github").
		wants(t, exitOK, "::warning title=mcpdiag poll target "+report.WorkflowProperty(hangs.URL))
}
