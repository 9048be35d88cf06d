package tour

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func newTour(t *testing.T, command func(args []string) (bool, error)) *tour {
	t.Helper()
	return &tour{url: "http://127.0.0.1:1", pid: 1, Config: Config{
		Dir: t.TempDir(), Out: io.Discard, Program: "mcpdiag",
		Command: func(ctx context.Context, args []string, _, _ io.Writer) (bool, error) {
			if args[1] == "poll" || args[1] == "monitor" {
				<-ctx.Done() // they run until they are stopped
			}
			return command(args)
		},
	}}
}

// A step that fails ends the tour, and with it the steps that would go on.
func TestTourLeavesNoStepRunning(t *testing.T) {
	t.Parallel()
	tour := newTour(t, func([]string) (bool, error) { return false, errors.New("ended with exit code 1") })
	if _, err := tour.walk(t.Context()); err == nil || !strings.Contains(err.Error(), "mcpdiag doctor ended with exit code 1") {
		t.Errorf("%v", err)
	}
	if len(tour.started) != 4 {
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

func TestTourMustFindTheFault(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	close(done)
	for name, test := range map[string]struct {
		step    step
		wantErr bool
	}{
		"found":   {step{found: true}, false},
		"nothing": {step{}, true},
		"failed":  {step{err: errors.New("ended with exit code 1")}, true},
	} {
		s := &step{args: []string{"diff"}, found: test.step.found, err: test.step.err, done: done}
		if err := newTour(t, nil).showFound(s, ""); (err != nil) != test.wantErr {
			t.Errorf("%s: %v", name, err)
		}
	}
}
