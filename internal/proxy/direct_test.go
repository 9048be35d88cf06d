package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// scripted is a server whose connections each follow a script: what to say to
// each request, until there is no more, which closes the connection.
type scripted struct {
	url      *url.URL
	dials    atomic.Int64
	requests atomic.Int64
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func newScripted(t *testing.T, script ...string) *scripted {
	t.Helper()
	l, at := listener(t)
	s := &scripted{}
	s.url, _ = url.Parse(at)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.dials.Add(1)
			go s.follow(conn, script)
		}
	}()
	return s
}

func (s *scripted) follow(conn net.Conn, script []string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, answer := range script {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		s.requests.Add(1)
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func directTo(t *testing.T, to *url.URL) *direct {
	t.Helper()
	d, ok := newForwarder(&Config{To: to}, NewLedger()).transport.(*direct)
	if !ok {
		t.Skip("connections to the server are net/http's on this system")
	}
	return d
}

// trip does an exchange and returns what came, or the error.
func trip(ctx context.Context, d *direct, to *url.URL, method, body string) (string, error) {
	req, _ := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(body))
	resp, err := d.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, b), err
}

func (d *direct) idles() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.idle)
}

// TestDirectReuse: how an answer ends says whether its connection is used again.
func TestDirectReuse(t *testing.T) {
	for _, tt := range []struct {
		name, method, answer, want string
		idle                       int
	}{
		{"length", "POST", okAnswer, "200 ok", 1},
		{"chunks", "POST", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "200 ok", 1},
		{"empty", "POST", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "202 ", 1},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", "204 ", 1},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "200 ", 1},
		{"early hints", "POST", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + okAnswer, "200 ok", 1},
		{"close", "POST", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "200 ok", 0},
		{"old", "POST", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", 0},
		{"more than was asked", "POST", okAnswer + okAnswer, "200 ok", 0},
		{"until closed", "POST", "HTTP/1.1 200 OK\r\n\r\nok", "200 ok", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScripted(t, tt.answer)
			d := directTo(t, s.url)
			got, err := trip(t.Context(), d, s.url, tt.method, "")
			if got != tt.want || err != nil || d.idles() != tt.idle {
				t.Errorf("got %q, %v, %d connections are kept, want %q, %d", got, err, d.idles(), tt.want, tt.idle)
			}
		})
	}
}

// TestDirectClosed: a connection that the server closed while it was idle, or
// on which it says what nobody asked, is no failure of the next call.
func TestDirectClosed(t *testing.T) {
	for name, script := range map[string][]string{"closed": {okAnswer}, "unasked": {okAnswer, okAnswer + okAnswer, okAnswer}} {
		s := newScripted(t, script...)
		d := directTo(t, s.url)
		for i := range 5 {
			if got, err := trip(t.Context(), d, s.url, "POST", "x"); got != "200 ok" || err != nil {
				t.Errorf("%s: call %d: %q, %v", name, i, got, err)
			}
			time.Sleep(10 * time.Millisecond) // the end arrives
		}
		if n := s.requests.Load(); n != 5 {
			t.Errorf("%s: the server got %d requests of 5 calls", name, n)
		}
	}
}

// TestDirectOnce: what the server may have done is not asked again; what only reads is.
func TestDirectOnce(t *testing.T) {
	for _, tt := range []struct {
		method string
		want   string
		asked  int64
	}{{"POST", "", 2}, {"DELETE", "", 2}, {"GET", "200 ok", 3}} {
		s := newScripted(t, okAnswer, "")
		d := directTo(t, s.url)
		if got, err := trip(t.Context(), d, s.url, tt.method, ""); got != "200 ok" {
			t.Fatal(got, err)
		}
		got, err := trip(t.Context(), d, s.url, tt.method, "")
		if got != tt.want || (err == nil) != (tt.want != "") || s.requests.Load() != tt.asked {
			t.Errorf("%s: %q, %v, the server was asked %d times", tt.method, got, err, s.requests.Load())
		}
	}
}

// TestDirectRefuses: a server may not switch protocols, nor have a header without end.
func TestDirectRefuses(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHeader),
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("y", 1000)+"\r\n\r\n", maxHeader/1000),
	} {
		s := newScripted(t, answer)
		if got, err := trip(t.Context(), directTo(t, s.url), s.url, "POST", ""); err == nil {
			t.Errorf("%.30q is taken as %.30q", answer, got)
		}
	}
}

// TestDirectCancelled: who no longer waits ends the exchange, and the connection with it.
func TestDirectCancelled(t *testing.T) {
	for name, script := range map[string]string{"before the answer": "HTTP/1.1 200 OK\r\n", "in its body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"} {
		hang := make(chan bool)
		l, at := listener(t)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, script)
			_, _ = conn.Read(make([]byte, 1)) // until the other side closes
			close(hang)
		}()
		to, _ := url.Parse(at)
		d := directTo(t, to)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if got, err := trip(ctx, d, to, "POST", ""); err == nil {
			t.Errorf("%s: it is %q", name, got)
		}
		<-hang
		if d.idles() != 0 {
			t.Errorf("%s: the connection is kept", name)
		}
		cancel()
		l.Close()
	}
}

// TestDirectIdle: connections that are idle for long are closed.
func TestDirectIdle(t *testing.T) {
	s := newScripted(t, okAnswer, okAnswer)
	d := directTo(t, s.url)
	if got, err := trip(t.Context(), d, s.url, "POST", ""); got != "200 ok" {
		t.Fatal(got, err)
	}
	d.mu.Lock()
	d.idle[0].since = time.Now().Add(-2 * idleWire)
	d.mu.Unlock()
	d.closeIdle()
	if _, err := trip(t.Context(), d, s.url, "POST", ""); err != nil || s.dials.Load() != 2 {
		t.Errorf("%v, %d connections", err, s.dials.Load())
	}
}
