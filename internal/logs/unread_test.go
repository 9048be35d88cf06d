package logs

import (
	"os"
	"strings"
	"testing"
)

// TestUnread: a document is no log, however many of its lines are indented, and its
// words are no errors. A log with long stack traces is one.
func TestUnread(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const trace = "2026-11-25T09:00:32Z ERROR it failed\n  at a (a.js:1:2)\n  at b (b.js:1:2)\n  at c (c.js:1:2)\nhello\n"
	for name, c := range map[string]struct{ log, want string }{
		"README":             {string(readme), "unread"},
		"prose":              {"# Errors\n\nWhat to do about errors:\n\n    error: x\n    Error: y\n\nNothing.\n", "unread"},
		"stack traces":       {strings.Repeat(trace, 20), "errors"},
		"indented text only": {"  a\n  b\n", "ok"},
	} {
		r := read(t, c.log)
		r.Judge(nil)
		if got := r.Report(); string(got.Verdict) != c.want {
			t.Errorf("%s: verdict %s: %s", name, got.Verdict, got.Headline)
		}
	}
}
