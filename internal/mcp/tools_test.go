package mcp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// answerJSON answers a request with a result.
func answerJSON(w http.ResponseWriter, a asked, result string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+a.ID+`,"result":`+result+`}`)
}

// TestEndlessListing checks that a listing without an end gives the tools found.
func TestEndlessListing(t *testing.T) {
	t.Parallel()
	const tool = `{"name":"echo","inputSchema":{"type":"object"}}`
	for name, tc := range map[string]struct {
		page    func(n int) string
		timeout time.Duration
		warning string
		pages   int64
	}{
		"the same": {func(int) string { return `{"tools":[` + tool + `],"nextCursor":"same"}` }, time.Minute, "repeats its pages", 2},
		"a circle": {func(n int) string { return fmt.Sprintf(`{"tools":[%s],"nextCursor":"%d"}`, tool, n%2) }, time.Minute, "repeats its pages", 3},
		"endless":  {func(n int) string { return fmt.Sprintf(`{"tools":[%s],"nextCursor":"%d"}`, tool, n) }, 300 * time.Millisecond, "before the deadline", 1 << 30},
		"large pages": {func(n int) string {
			return fmt.Sprintf(`{"tools":[%s],"x":"%s","nextCursor":"%d"}`, tool, strings.Repeat("x", 8<<20), n)
		}, time.Minute, "is larger than 32 MiB", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pages atomic.Int64
			s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
				answerJSON(w, a, tc.page(int(pages.Add(1))))
			})
			ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
			defer cancel()
			tools, err := s.Tools(ctx)
			if n := pages.Load(); err != nil || len(tools) == 0 || tools[0].Name != "echo" || n > tc.pages {
				t.Errorf("%d tools of %d pages, %v", len(tools), n, err)
			}
			if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], tc.warning) {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// TestEmptyCursor checks that an empty cursor is sent back, as any other.
func TestEmptyCursor(t *testing.T) {
	t.Parallel()
	s, srv := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
		page := `{"tools":[{"name":"first","inputSchema":{"type":"object"}}],"nextCursor":""}`
		if strings.Contains(a.Body, "cursor") {
			page = `{"tools":[{"name":"second","inputSchema":{"type":"object"}}]}`
		}
		answerJSON(w, a, page)
	})
	tools, err := s.Tools(t.Context())
	if err != nil || len(tools) != 2 || tools[1].Name != "second" {
		t.Errorf("%+v, %v, asked %+v", tools, err, srv.seen())
	}
}
