package engine

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// A line shows the rate since the line before, however often the figures change.
func TestLiveLineRate(t *testing.T) {
	l := NewLive(&plan.Plan{Stages: []plan.Stage{{Users: 20, Duration: 30 * time.Second}}, Rounds: 1})
	for _, want := range []string{"171 calls  17.1/s", "366 calls  19.5/s", "3,366 calls  300/s"} {
		var done int64
		for i, c := range strings.ReplaceAll(strings.Fields(want)[0], ",", "") {
			_, done = i, 10*done+int64(c-'0')
		}
		from := l.last
		for i := range 10 { // all calls end early; the last seconds have none
			l.Add(Progress{Users: 20, Elapsed: from.Elapsed + time.Duration(i+1)*time.Second, Done: done})
		}
		if line := l.Line(); !strings.Contains(line, want) {
			t.Errorf("the line %q has no %q", line, want)
		}
	}
}

func TestLive(t *testing.T) {
	plan := &plan.Plan{Stages: []plan.Stage{{Users: 10, Duration: 90 * time.Second}}, Warmup: 10 * time.Second, Rounds: 1}
	l := NewLive(plan)
	l.Add(Progress{Users: 4, Elapsed: 24 * time.Second, Done: 2400})
	l.Add(Progress{Users: 10, Elapsed: 25 * time.Second, Done: 2500, Failed: 3, P50: 5 * time.Millisecond, P99: 40 * time.Millisecond})
	var b strings.Builder
	if err := l.Write(&b, false, 79); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("█", 10) + strings.Repeat("░", 30) + "   25 %  1m15s left\n10 users  2,500 calls  100/s  p50 5ms  p99 40ms  failed 3\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	for _, width := range []int{1, 10, 30, 200} {
		b.Reset()
		if err := l.Write(&b, true, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
			plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(line, "")
			if report.Width(plain) > max(width, 20) {
				t.Error(fmt.Errorf("in %d columns the line is %q", width, plain))
			}
		}
	}
}
