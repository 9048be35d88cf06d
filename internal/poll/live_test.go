package poll

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

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
			for title, least := range map[string]int{"TARGET": 0, "SESSIONS": 60, "QUEUED": 90} {
				if strings.Contains(lines[1], title) != (width >= least) {
					t.Errorf("width %d: column %s: %s", width, title, lines[1])
				}
			}
			if n > 20 && !strings.Contains(b.String(), " targets more") || !strings.Contains(b.String(), "fails: refused") {
				t.Errorf("width %d, %d targets: it does not say what is missing:\n%s", width, n, b.String())
			}
		}
	}
}
