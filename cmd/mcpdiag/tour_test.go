package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

func newTour(t *testing.T) *tour {
	t.Helper()
	a := sealedApp()
	a.stdout, a.stderr = a.guard(io.Discard), a.guard(io.Discard)
	return &tour{a: a, self: os.Args[0], dir: t.TempDir(), url: "http://127.0.0.1:1", pid: os.Getpid()}
}

// A step that fails ends the tour, and with it the steps that would go on.
func TestTourLeavesNoStepRunning(t *testing.T) {
	tour := newTour(t)
	if _, err := tour.walk(t.Context()); err == nil || !strings.Contains(err.Error(), "mcpdiag loadtest ended with exit code 1") {
		t.Errorf("%v", err)
	}
	if len(tour.started) != 3 {
		t.Errorf("%d steps were started", len(tour.started))
	}
	for _, s := range tour.started {
		select {
		case <-s.done:
		default:
			t.Errorf("%s still runs", s.args[0])
		}
	}
}

func TestTourMustFindTheLeak(t *testing.T) {
	done := make(chan struct{})
	close(done)
	for code, wantErr := range map[int]bool{exitFinding: false, exitOK: true, exitFailure: true, exitUsage: true} {
		err := newTour(t).showLeak(&step{args: []string{"diff"}, code: code, done: done}, "")
		if (err != nil) != wantErr {
			t.Errorf("exit code %d: %v", code, err)
		}
	}
}

// What the user has set reaches neither a sealed command nor its children.
func TestSealed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(localConfig, []byte("format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MCPDIAG_TOKEN", "sentinel")
	t.Setenv("MCPDIAG_TARGET", "none")
	var out, errs strings.Builder
	if code := sealedApp().run(t.Context(), []string{"diff", "no.json", "no.json"}, &out, &errs); code != exitFailure {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if token := sealedApp().getenv("MCPDIAG_TOKEN"); token != "" {
		t.Errorf("it sees the token %s", token)
	}
	env := sealedApp().childEnv()
	for _, want := range []string{"MCPDIAG_TOKEN=", "MCPDIAG_TARGET=", "MCPDIAG_CONFIG=" + os.DevNull} {
		if !slices.Contains(env, want) {
			t.Errorf("children do not get %s", want)
		}
	}
	if env := (&app{}).childEnv(); env != nil {
		t.Errorf("children of others get %q", env)
	}
}
