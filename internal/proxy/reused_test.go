package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// TestReusedConnectionsThatEnd: an idempotent request that the server did not answer
// because it closed the connection of an earlier one is repeated on a new connection.
// One on a new connection is not, nor one that the server may have carried out.
func TestReusedConnectionsThatEnd(t *testing.T) {
	t.Parallel()
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"result":{}}`
	for name, tc := range map[string]struct {
		answers int // on each connection
		end     func(net.Conn)
		body    string // none is DELETE
		want    int
	}{
		"closes":            {1, func(net.Conn) {}, list, 200},
		"resets":            {1, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, list, 200},
		"closes one way":    {1, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); _, _ = io.Copy(io.Discard, c) }, list, 200},
		"DELETE":            {1, func(net.Conn) {}, "", 200},
		"batch":             {1, func(net.Conn) {}, "[" + list + "," + `{"method":"notifications/initialized"}` + "]", 200},
		"answers partially": {1, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 2") }, list, 502},
		"never answers":     {0, func(net.Conn) {}, list, 502},
		"call":              {1, func(net.Conn) {}, callOf(1, "t"), 502},
		"call in a batch":   {1, func(net.Conn) {}, "[" + list + "," + callOf(1, "t") + "]", 502},
		"initialize":        {1, func(net.Conn) {}, initialize, 502},
		"unknown method":    {1, func(net.Conn) {}, `{"id":1,"method":"x"}`, 502},
		"answer":            {1, func(net.Conn) {}, `{"id":1,"result":{}}`, 502},
		"no JSON":           {1, func(net.Conn) {}, "x", 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to, _ := url.Parse(clienttest.Speak(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for i := 0; ; i++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.Header.Values("Idempotency-Key") != nil {
						t.Errorf("header %v", req.Header)
					}
					if i == tc.answers {
						tc.end(c)
						return
					}
					_, _ = io.WriteString(c, answer)
				}
			}))
			p := New(Config{To: to, Guard: guard.Guard{Private: true}})
			status := 200
			for range 4 {
				method := "POST"
				if tc.body == "" {
					method = "DELETE"
				}
				w := httptest.NewRecorder()
				p.ServeHTTP(w, httptest.NewRequest(method, "http://localhost/mcp", strings.NewReader(tc.body)))
				if w.Code != 200 {
					status = w.Code
				}
				if strings.Contains(w.Body.String(), "not valid HTTP") != (name == "answers partially" && w.Code != 200) {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
			if status != tc.want {
				t.Errorf("status %d", status)
			}
		})
	}
}
