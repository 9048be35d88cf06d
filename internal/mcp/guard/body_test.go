package guard

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// TestBodies: a body that does not come ends, and a long answer to one that came does not.
func TestBodies(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // without reading the body
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "slow", http.StatusRequestTimeout)
			return
		}
		select {
		case <-time.After(time.Hour):
		case <-r.Context().Done():
			t.Error("the request was cancelled")
		}
	}
	for _, tt := range []struct {
		request string
		status  int
		after   time.Duration
		closes  bool
	}{
		{"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na", 200, time.Hour, false},
		{"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na", 408, bodyTime, true},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na", 200, bodyTime, true},
		{"POST / HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na", 403, bodyTime, true},
	} {
		t.Run(tt.request, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := clienttest.NewMemory()
				srv := &http.Server{Handler: (&Guard{Private: true}).Protect(http.HandlerFunc(answer)), ReadHeaderTimeout: time.Second, IdleTimeout: 10 * time.Hour}
				go srv.Serve(l)
				defer srv.Close()
				conn, err := l.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				begin := time.Now()
				fmt.Fprint(conn, tt.request)
				in := bufio.NewReader(conn)
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); resp.StatusCode != tt.status || took != tt.after {
					t.Errorf("%d after %s; want %d after %s", resp.StatusCode, took, tt.status, tt.after)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				begin = time.Now()
				if _, _ = in.ReadByte(); time.Since(begin) < bodyTime != tt.closes {
					t.Errorf("the connection was closed after %s", time.Since(begin))
				}
			})
		})
	}
}
