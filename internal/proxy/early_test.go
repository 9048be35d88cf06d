package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// answersEarly is a server that answers before the request has come, and still reads it.
type answersEarly struct {
	status int
	read   sync.WaitGroup
}

func (s *answersEarly) RoundTrip(r *http.Request) (*http.Response, error) {
	s.read.Go(func() { _, _ = io.Copy(io.Discard, r.Body) })
	header := http.Header{"Mcp-Session-Id": r.Header["Mcp-Session-Id"]}
	return &http.Response{StatusCode: s.status, ContentLength: 2, Body: io.NopCloser(strings.NewReader("no")), Header: header}, nil
}

// TestAnsweredEarly: a call whose last bytes pass when the server has answered
// already, or while it does, is not in flight afterwards.
func TestAnsweredEarly(t *testing.T) {
	t.Parallel()
	messages := map[string]string{"call": callOf(1, "t"), "initialize": initialize}
	for _, status := range []int{http.StatusOK, http.StatusUnauthorized, http.StatusNotFound} {
		server := &answersEarly{status: status}
		p := New(Config{To: &url.URL{Scheme: "http", Host: "server"}, Guard: guard.Guard{Private: true}})
		p.forward.transport = server
		pass := func(message, session string, during, after func(send func())) {
			body, in := io.Pipe()
			r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", body)
			r.Header.Set("Mcp-Session-Id", session)
			send := func() { _, _ = io.WriteString(in, message) }
			var sent sync.WaitGroup
			sent.Go(func() { during(send) })
			p.ServeHTTP(httptest.NewRecorder(), r)
			sent.Wait()
			after(send)
			_ = in.Close()
			server.read.Wait()
		}
		nothing, now := func(func()) {}, func(send func()) { send() }
		for kind, message := range messages {
			pass(message, "after "+kind, nothing, now)
			for i := range 50 {
				pass(message, "while "+kind+string(rune('a'+i)), now, nothing)
			}
		}
		if d := p.Snapshot(); len(d.ToolCallStack) != 0 {
			t.Errorf("%d: %s", status, counts(d))
		}
	}
}
