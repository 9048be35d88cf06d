package poll

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// crowd is a view of many targets, some of which fail, whose calls have hostile names.
func crowd(n int) *Live {
	var targets []*url.URL
	for i := range n {
		targets = append(targets, &url.URL{Scheme: "http", Host: fmt.Sprintf("node-%d-of-a-long-name.example:3100", i), Path: "/debug/snapshot"})
	}
	l := NewLive(targets)
	for i, target := range targets {
		s := &snapshot.Snapshot{
			ActiveSessions: new(int64(1 << 40)), HeapUsedMB: new(1e9 + float64(i)), HandlerQueue: map[string]int64{"q\x1b[2J\n日本語日本語日本語": 1 << 50},
			ToolCallStack: []snapshot.Call{{ID: "c", Name: "\x1b]0;x\x07\r\u202e" + strings.Repeat("日", 200), DurationMs: new(float64(1e12))}},
			Poll:          &snapshot.Poll{At: snapshot.Time{Time: time.Unix(int64(1000+i), 0)}, LatencyMs: 1e6},
		}
		e := Event{Snapshot: s, Target: target.String(), Restart: "the pid\x1b[31m changed\n" + strings.Repeat("w", 300)}
		if i%7 == 0 {
			s.Poll.Error = "refused\r\n\x9b2J" + strings.Repeat("x", 300)
		}
		l.Add(e)
	}
	return l
}

func TestLiveShowsTheCallsThatHang(t *testing.T) {
	up, down := &url.URL{Scheme: "http", Host: "up:3100"}, &url.URL{Scheme: "http", Host: "down:3100"}
	l := NewLive([]*url.URL{up, down})
	poll := func() *snapshot.Poll {
		return &snapshot.Poll{At: snapshot.Time{Time: time.Unix(1000, 0)}, LatencyMs: 2}
	}
	l.Add(Event{Target: up.String(), Snapshot: &snapshot.Snapshot{
		HeapUsedMB: new(10.0), HeapSource: snapshot.HeapOfProcess, ActiveSessions: new(int64(2)), HandlerQueue: map[string]int64{"search": 3}, Poll: poll(),
		ToolCallStack: []snapshot.Call{{ID: "c1", Name: "search", DurationMs: new(20.0), SessionID: "s1"}, {ID: "c2", Name: "plan", DurationMs: new(41000.0), SessionID: "s2"}},
	}})
	failed := poll()
	failed.Error = "connection refused"
	l.Add(Event{Target: down.String(), Snapshot: &snapshot.Snapshot{Poll: failed}})
	var b strings.Builder
	if err := l.Write(&b, report.Painter(false), 80, 24, time.Unix(1001, 0)); err != nil {
		t.Fatal(err)
	}
	want := `mcpdiag poll · 2 polls · 1s · Ctrl-C ends
TARGET     FAILED  SESSIONS   MEMORY     CALLS  OLDEST    QUEUED    LATENCY
up:3100         0         2  10.0 MB  ▁      2  plan 41s  search:3      2ms
down:3100       1         -        -         -  -         -               -
TOOL     AGE  STATE  SESSION  CALL  TARGET
plan     41s  stuck  s2       c2    up:3100
search  20ms  -      s1       c1    up:3100
down:3100 fails: connection refused
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A run can end before the first poll does.
func TestLiveBeforeTheFirstPoll(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := NewLive([]*url.URL{{Scheme: "http", Host: "hangs:3100"}}).Write(&b, false, 80, 24, time.Now()); err != nil {
		t.Fatal(err)
	}
	if title, _, _ := strings.Cut(b.String(), "\n"); title != "mcpdiag poll · 0 polls · 0s · Ctrl-C ends" {
		t.Errorf("%q", title)
	}
}

// Whatever servers say, the view stays within the terminal.
func TestLiveKeepsToTheTerminal(t *testing.T) {
	for _, width := range []int{50, 80, 120} {
		for _, n := range []int{1, 3, 500} {
			const height = 24
			var b strings.Builder
			if err := crowd(n).Write(&b, report.Painter(false), width, height, time.Unix(2000, 0)); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			if len(lines) > height {
				t.Errorf("width %d, %d targets: %d lines, %d fit", width, n, len(lines), height)
			}
			for _, line := range lines {
				if report.Cut(line, width) != line {
					t.Errorf("width %d, %d targets: too wide: %q", width, n, line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' }) {
					t.Errorf("width %d, %d targets: control characters: %q", width, n, line)
				}
			}
			byNeed := []string{"OLDEST", "SESSIONS", "HEAP", "LATENCY", "FAILED", "QUEUED"}
			if !strings.Contains(lines[1], "TARGET") || !strings.Contains(lines[1], "CALLS") {
				t.Errorf("width %d: %s", width, lines[1])
			}
			for i, title := range byNeed[1:] {
				if strings.Contains(lines[1], title) && !strings.Contains(lines[1], byNeed[i]) {
					t.Errorf("width %d: %s is shown, and %s, which is needed more, is not: %s", width, title, byNeed[i], lines[1])
				}
			}
			if n > 20 && !strings.Contains(b.String(), " targets more") || !strings.Contains(b.String(), "fails: refused") {
				t.Errorf("width %d, %d targets: it does not say what is missing:\n%s", width, n, b.String())
			}
		}
	}
}
