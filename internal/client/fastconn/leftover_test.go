package fastconn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// TestLeftover checks that data beyond an answer does not pass for the next answer.
func TestLeftover(t *testing.T) {
	base, _ := url.Parse(clienttest.Speak(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body := "answer to " + req.URL.Path
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", len(body), body)
		}
	}))
	conn := New(newClient(t, client.Config{Origins: []*url.URL{base}}), base.String())
	for i := range 3 {
		path := fmt.Sprintf("/%d", i)
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, base.String()+path, nil)
		resp, err := conn.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "answer to "+path {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
}

// TestGivenUp checks that a request on a connection that the server gave up meanwhile,
// by closing it or by saying so with a 408, goes once more on a new one, and that other
// answers count.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	for second, want := range map[string]int{
		"": 200,
		"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n": 200,
		"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n":                      408,
		"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n":              503,
	} {
		t.Run(second, func(t *testing.T) {
			t.Parallel()
			base, _ := url.Parse(clienttest.Speak(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", second} {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
				}
			}))
			conn := New(newClient(t, client.Config{Origins: []*url.URL{base}}), base.String())
			for i, want := range []int{200, want} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base.String(), nil)
				resp, err := conn.RoundTrip(req)
				if err != nil || resp.StatusCode != want {
					t.Fatalf("request %d: %v, %v", i+1, resp, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}

// TestLeftOpen waits once for the end of answers that a server leaves open, and no more.
func TestLeftOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.NewMemory()
		srv := &http.Server{ReadHeaderTimeout: time.Hour, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "data: {}\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})}
		go func() { _ = srv.Serve(l) }()
		base := &url.URL{Scheme: "http", Host: "memory", Path: "/"}
		conn := New(newClient(t, client.Config{Dial: l.Dial, Origins: []*url.URL{base}}), base.String())
		begin := time.Now()
		for range 10 {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base.String(), nil)
			resp, err := conn.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := resp.Body.Read(make([]byte, 100)); n == 0 {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if took := time.Since(begin); took != restTime*(64+32+16+8+4+2)/64+4*restLeast {
			t.Errorf("ten answers took %s", took)
		}
		conn.CloseIdleConnections()
		_ = srv.Close()
	})
}
