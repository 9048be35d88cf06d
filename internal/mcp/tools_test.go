package mcp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
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
		end     int64 // the page at which the time is up, 0 for none
		warning string
		pages   int64
	}{
		"the same": {func(int) string { return `{"tools":[` + tool + `],"nextCursor":"same"}` }, 0, "repeats its pages", 2},
		"a circle": {func(n int) string { return fmt.Sprintf(`{"tools":[%s],"nextCursor":"%d"}`, tool, n%2) }, 0, "repeats its pages", 3},
		"endless":  {func(n int) string { return fmt.Sprintf(`{"tools":[%s],"nextCursor":"%d"}`, tool, n) }, 5, "before the deadline", 5},
		"large pages": {func(n int) string {
			return fmt.Sprintf(`{"tools":[%s],"x":"%s","nextCursor":"%d"}`, tool, strings.Repeat("x", 8<<20), n)
		}, 0, "is larger than 32 MiB", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pages atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
				n := pages.Add(1)
				if n == tc.end {
					cancel()
				}
				answerJSON(w, a, tc.page(int(n)))
			})
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
