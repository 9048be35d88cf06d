package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// switching answers 101 to each request and keeps the connection open.
func switching(t *testing.T) string {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	return speak(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = c.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"))
		<-done
	})
}

// TestSwitchingProtocols checks that 101 ends an exchange at once, on both engines.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	address := switching(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := newClient(t, Config{Timeout: 10 * time.Second})
	_, err := c.Get(ctx, address)
	var status *HTTPError
	if !errors.As(err, &status) || status.Code != http.StatusSwitchingProtocols || !strings.Contains(err.Error(), "101 Switching Protocols") {
		t.Errorf("Get: error %v", err)
	}
	for range 2 {
		code, body, err := ask(ctx, c.NewConn(address), http.MethodPost, address, "ping")
		if code != http.StatusSwitchingProtocols || body != "" || err != nil {
			t.Errorf("Conn: %d %q, error %v", code, body, err)
		}
	}
	if ctx.Err() != nil {
		t.Error("an exchange lasted until its deadline")
	}
}

// FuzzResponseHead compares the reader of a response's head with that of net/http.
func FuzzResponseHead(f *testing.F) {
	for _, s := range []string{
		"200 OK\r\nContent-Length: 2", "101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade", "204 No Content\r\nConnection: close",
		"200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", "200\r\nContent-Length: +5", "200 OK\r\nX: a\r\n b\r\nContent-Length: 1",
		"302 Found\r\nLocation: //x", "199 \r\n", "200 OK\nContent-Length: 1, 1", "200 OK\r\nConnection: keep-alive, close",
	} {
		f.Add("HTTP/1.1 " + s + "\r\n\r\n")
	}
	f.Fuzz(func(t *testing.T, head string) {
		end := endOfHead([]byte(head))
		if end < 0 {
			return
		}
		ours := response{head: []byte(head[:end])}
		if ours.parse() != nil {
			return // it may be stricter
		}
		req := &http.Request{Method: http.MethodPost}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader([]byte(head[:end]))), req)
		if err != nil || theirs.StatusCode < 200 {
			return
		}
		defer theirs.Body.Close()
		if ours.StatusCode != theirs.StatusCode {
			t.Errorf("status %d, net/http reads %d", ours.StatusCode, theirs.StatusCode)
		}
		if ours.StatusCode != 204 && ours.StatusCode != 304 && ours.ContentLength != theirs.ContentLength {
			t.Errorf("length %d, net/http reads %d", ours.ContentLength, theirs.ContentLength)
		}
	})
}
