package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// slowServer reads a request, then answers after an hour.
type slowServer struct{ got *int }

func (s slowServer) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := io.Copy(io.Discard, r.Body)
	*s.got = int(n)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Hour)
	return &http.Response{StatusCode: http.StatusOK, ContentLength: 2, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}}, nil
}

// TestSlowUploads: uploads that stall give up their connection after a while;
// slow and steady ones pass, and nothing limits the time of a response.
func TestSlowUploads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header string
		pieces int // of 10 bytes
		pause  time.Duration
		status int
		after  time.Duration
	}{
		{"stalls at once", "Content-Length: 50", 0, 0, 408, time.Minute},
		{"stalls", "Content-Length: 1000", 50, time.Second, 408, time.Minute + 5*time.Second},
		{"a byte now and then", "Content-Length: 50000", 1000, 10 * time.Second, 408, time.Minute + 600*time.Millisecond},
		{"slow and steady", "Content-Length: 20000", 2000, 90 * time.Millisecond, 200, 2000*90*time.Millisecond + time.Hour},
		{"slow and steady, large", "Content-Length: 100000", 10000, 90 * time.Millisecond, 200, 10000*90*time.Millisecond + time.Hour},
		{"small", "Content-Length: 10", 1, 0, 200, time.Hour},
		{"a fast beginning, then nothing", "Content-Length: 200000", 10000, 0, 408, time.Minute},
		{"chunks that stall", "Transfer-Encoding: chunked\r\n\r\n20", 1, 0, 408, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, begin := 0, time.Now()
				conn := servePipe(t, slowServer{&got})
				written := make(chan struct{})
				defer func() { conn.Close(); <-written }()
				go func() {
					defer close(written)
					fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", tt.header)
					for range tt.pieces {
						time.Sleep(tt.pause)
						if _, err := io.WriteString(conn, "0123456789"); err != nil {
							return
						}
					}
				}()
				in := bufio.NewReader(conn)
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); resp.StatusCode != tt.status || took != tt.after || tt.status == 200 && got != 10*tt.pieces {
					t.Errorf("%d after %s, the server got %d bytes; want %d after %s", resp.StatusCode, took, got, tt.status, tt.after)
				}
				if tt.status != 200 {
					wantClosed(t, in, resp)
				}
			})
		})
	}
}

// servePipe runs a proxy before server and returns a connection to it.
func servePipe(t *testing.T, server http.RoundTripper) net.Conn {
	p := New(Config{To: &url.URL{Scheme: "http", Host: "server"}, Guard: guard.Guard{Private: true}})
	p.forward.transport = server
	l := clienttest.NewMemory()
	srv := &http.Server{Handler: p, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	go srv.Serve(l)
	client, err := l.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return client
}

// wantClosed wants the connection to be closed after its response, though the client
// keeps it open.
func wantClosed(t *testing.T, in *bufio.Reader, resp *http.Response) {
	t.Helper()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	begin := time.Now()
	if _, err := in.ReadByte(); err == nil || time.Since(begin) > 2*time.Minute {
		t.Errorf("the connection was closed after %s: %v", time.Since(begin), err)
	}
}

// earlyServer answers before it has read the body, which it reads no further.
type earlyServer struct{}

func (earlyServer) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusRequestEntityTooLarge, ContentLength: 2, Body: io.NopCloser(strings.NewReader("no")), Header: http.Header{}}, nil
}

// TestBodiesThatNobodyReads: a body that the proxy answers without reading it, because a
// page of its own takes none or the server answers early, holds no connection for ever.
func TestBodiesThatNobodyReads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		request string
		status  int
		after   time.Duration // at most
	}{
		{"GET /metrics HTTP/1.1\r\nHost: localhost", 200, time.Minute},
		{"GET /debug/snapshot HTTP/1.1\r\nHost: localhost", 200, time.Minute},
		{"POST /health HTTP/1.1\r\nHost: localhost", 405, time.Minute},
		{"POST /mcp HTTP/1.1\r\nHost: evil.example", 403, time.Minute},
		{"POST /mcp HTTP/1.1\r\nHost: localhost", 413, 0},
	} {
		for _, length := range []string{"Content-Length: 100000", "Transfer-Encoding: chunked"} {
			t.Run(tt.request+", "+length, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					conn := servePipe(t, earlyServer{})
					written := make(chan struct{})
					defer func() { conn.Close(); <-written }()
					go func() {
						defer close(written)
						fmt.Fprintf(conn, "%s\r\n%s\r\n\r\n", tt.request, length)
						for range 1000 { // a byte every ten seconds
							time.Sleep(10 * time.Second)
							if _, err := io.WriteString(conn, "1"); err != nil {
								return
							}
						}
					}()
					in := bufio.NewReader(conn)
					resp, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Fatal(err)
					}
					if took := time.Since(begin); resp.StatusCode != tt.status || took > tt.after {
						t.Errorf("%d after %s; want %d within %s", resp.StatusCode, took, tt.status, tt.after)
					}
					wantClosed(t, in, resp)
				})
			})
		}
	}
}
