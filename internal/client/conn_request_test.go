package client

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that is larger than what the connection takes at once arrives whole.
func TestConnLargeRequest(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<20)
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // until nothing more fits on the way
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != large {
			t.Errorf("%d bytes came of %d, %v", len(body), len(large), err)
		}
		_, _ = io.WriteString(w, "ok")
	})
	conn := newClient(t, Config{Timeout: time.Minute}).NewConn(u.String())
	for range 3 {
		if code, body, err := ask(t.Context(), conn, http.MethodPost, u.String(), large); err != nil || code != 200 || body != "ok" {
			t.Errorf("%d %q %v", code, body, err)
		}
	}
}

// A server that reads nothing costs a request its deadline, and that it was never
// sent to its end is told.
func TestConnNobodyReads(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	address := speak(t, func(net.Conn) { <-hold })
	conn := newClient(t, Config{}).NewConn(address)
	large := strings.Repeat("x", 64<<20)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, err := ask(ctx, conn, http.MethodPost, address, large)
	if !IsTimeout(err) || !strings.Contains(err.Error(), string(StageSend)) {
		t.Errorf("error %v", err)
	}
}

// An answer that comes before the request was read to its end, and one that the
// server had sent already when the request was written, are answers.
func TestConnEarlyAnswer(t *testing.T) {
	address := speak(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for range 3 {
			if _, err := http.ReadRequest(r); err != nil { // the header alone
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			_, _ = io.CopyN(io.Discard, r, 4)
		}
	})
	conn := newClient(t, Config{Timeout: time.Minute}).NewConn(address)
	for range 3 {
		if code, body, err := ask(t.Context(), conn, http.MethodPost, address, "ping"); err != nil || code != 200 || body != "ok" {
			t.Errorf("%d %q %v", code, body, err)
		}
	}
}

// A server that resets the connection while a request is on its way is told as one.
func TestConnReset(t *testing.T) {
	address := speak(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	conn := newClient(t, Config{Timeout: time.Minute}).NewConn(address)
	if _, _, err := ask(t.Context(), conn, http.MethodPost, address, strings.Repeat("x", 64<<20)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("error %v", err)
	}
}
