package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// talk is one connection to a proxy.
type talk struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dialProxy(t *testing.T, url string) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &talk{t: t, Conn: conn, in: bufio.NewReader(conn)}
}

// wireRequest is a request as it stands on the wire.
func wireRequest(method, body string) string {
	return fmt.Sprintf("%s /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, len(body), body)
}

func (c *talk) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Error(err)
	}
}

// answer reads an answer, whole.
func (c *talk) answer() string {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("after %q: %v", body, err)
	}
	return string(body)
}

// ended says whether the connection ends, without another word.
func (c *talk) ended() bool {
	n, err := c.in.Read(make([]byte, 1))
	return n == 0 && err != nil && !isTimeout(err)
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // net returns it bare
	return ok && ne.Timeout()
}

// parking is a proxy whose connections wait in a lot at once, before a server
// that answers with what it is sent.
func parking(t *testing.T, idle time.Duration) (l *lot, url string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = newLot(inner, idle)
	srv := &http.Server{IdleTimeout: 5 * time.Millisecond, ConnState: noteIdle, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); l.shut(); <-done })
	return l, "http://" + inner.Addr().String()
}

func (l *lot) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// waits waits until so many connections wait in the lot.
func waits(t *testing.T, l *lot, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); l.waiting() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections wait, not %d", l.waiting(), n)
		}
	}
}

// A connection that waits in the lot answers as if it had not.
func TestParked(t *testing.T) {
	l, url := parking(t, time.Minute)
	c := dialProxy(t, url)
	for i := range 3 {
		want := fmt.Sprint("message ", i)
		c.send(wireRequest("POST", want))
		if got := c.answer(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		waits(t, l, 1)
	}
	c.send(wireRequest("POST", "one") + wireRequest("POST", "two"))
	if one, two := c.answer(), c.answer(); one != "one" || two != "two" {
		t.Errorf("two at once are answered %q, %q", one, two)
	}
	waits(t, l, 1)
	for _, b := range []byte(wireRequest("POST", "byte by byte")) {
		c.send(string(b))
		time.Sleep(100 * time.Microsecond)
	}
	if got := c.answer(); got != "byte by byte" {
		t.Errorf("byte by byte is answered %q", got)
	}
	waits(t, l, 1)
	c.Close()
	waits(t, l, 0)
}

// What waits for too long is closed, and what waits when the proxy ends.
func TestParkedEnds(t *testing.T) {
	l, url := parking(t, 20*time.Millisecond)
	c := dialProxy(t, url)
	c.send(wireRequest("POST", "x"))
	c.answer()
	if !c.ended() || l.waiting() != 0 {
		t.Errorf("an idle connection stays; %d wait", l.waiting())
	}
	l.idle = time.Minute
	c = dialProxy(t, url)
	c.send(wireRequest("POST", "x"))
	c.answer()
	waits(t, l, 1)
	l.shut()
	if !c.ended() {
		t.Error("a connection outlives the proxy")
	}
}

// A connection on which a request has begun does not wait in the lot, where
// its beginning would be lost: it is closed.
func TestBegunIsNotParked(t *testing.T) {
	l, url := parking(t, time.Minute)
	c := dialProxy(t, url)
	c.send(wireRequest("POST", "x"))
	c.answer()
	c.send("PO")
	if !c.ended() || l.waiting() != 0 {
		t.Errorf("the beginning of a request is lost; %d wait", l.waiting())
	}
}
