package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// callSearch sends a call of search in the revision without sessions. It ends with ctx.
func callSearch(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": modern, "Mcp-Method": "tools/call", "Mcp-Name": "search",
	} {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = res.Body.Close()
	}
}

// TestCancel closes the answer to a call: 2026-07-28 wants the call cancelled.
func TestCancel(t *testing.T) {
	t.Parallel()
	running := func(n int) func(*snapshot.Snapshot) bool {
		return func(s *snapshot.Snapshot) bool { return len(s.ToolCallStack) == n }
	}
	for name, tc := range map[string]struct {
		faults  []string
		service time.Duration
	}{
		"healthy":     {nil, time.Minute},
		cancelIgnored: {[]string{cancelIgnored}, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(New(Config{ServiceTime: tc.service, Faults: tc.faults}).Handler())
			t.Cleanup(srv.Close)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				callSearch(ctx, t, srv.URL)
			}()
			begin := time.Now()
			eventually(t, srv.URL, running(1))
			cancel()
			<-done
			eventually(t, srv.URL, running(0))
			if took := time.Since(begin); len(tc.faults) > 0 && took < tc.service {
				t.Errorf("the call ended after %s, though it takes %s", took, tc.service)
			}
		})
	}
}

func TestCheckFault(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"session-lost": "",
		"sesion-lost":  `there is no fault "sesion-lost" (did you mean "session-lost"?); there are ` + strings.Join(FaultNames(), ", "),
		"x":            `there is no fault "x"; there are ` + strings.Join(FaultNames(), ", "),
	} {
		got := ""
		if err := CheckFault(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if names := FaultNames(); !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
}
