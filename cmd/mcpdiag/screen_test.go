package main

import (
	"strings"
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for want, end := range map[string]time.Time{"27s left": now.Add(27*time.Second + 300*time.Millisecond), "about to end": now.Add(-time.Second), "1m30s left": now.Add(90 * time.Second)} {
		if got := timeLeft(end, now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, test := range []struct {
		length, interval time.Duration
		count            int
		want             time.Duration
	}{{time.Minute, time.Second, 10, 10 * time.Second}, {time.Minute, time.Second, 0, time.Minute}, {0, time.Second, 5, 5 * time.Second}} {
		if got := time.Until(endOf(test.length, test.count, test.interval)).Round(time.Second); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
	if !endOf(0, 0, time.Second).IsZero() {
		t.Error("a run without an end has one")
	}
}

// A command that takes a known time says so, off a terminal on one line.
func TestCountdownLine(t *testing.T) {
	t.Parallel()
	a := sealedApp()
	var out strings.Builder
	a.stderr = a.guard(&out)
	a.countdown("recording", 30*time.Second)()
	if err := a.stderr.Flush(); err != nil || out.String() != "recording: 30s\n" {
		t.Errorf("%v %q", err, out.String())
	}
}

// The progress of logs is in per cent where the size is known.
func TestLogProgress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		done, total int64
		want        string
	}{{50 << 20, 200 << 20, "reading logs: 25 % of 200.0 MB, 30s left"}, {200 << 20, 200 << 20, "reading logs: 100 % of 200.0 MB, about to end"}, {0, 200 << 20, "reading logs: 0"}, {50 << 20, 0, "reading logs: 50.0 MB"}} {
		if got := progress("logs", test.done, test.total, 10*time.Second); !strings.HasPrefix(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
