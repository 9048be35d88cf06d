package fastconn

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// TestLargeRequest checks that a request larger than the buffers of a connection arrives complete.
func TestLargeRequest(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<20)
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // until nothing more fits on the way
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != large {
			t.Errorf("%d bytes came of %d, %v", len(body), len(large), err)
		}
		_, _ = io.WriteString(w, "ok")
	})
	conn := New(newClient(t, client.Config{Timeout: time.Minute}), u.String())
	for range 3 {
		if code, body, err := ask(t.Context(), conn, http.MethodPost, u.String(), large); err != nil || code != 200 || body != "ok" {
			t.Errorf("%d %q %v", code, body, err)
		}
	}
}

// TestNobodyReads checks that a request to a server that does not read ends at its
// deadline, and that the error names the stage.
func TestNobodyReads(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	address := clienttest.Speak(t, func(net.Conn) { <-hold })
	conn := New(newClient(t, client.Config{}), address)
	large := strings.Repeat("x", 16<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, _, err := ask(ctx, conn, http.MethodPost, address, large)
	if !client.IsTimeout(err) || !strings.Contains(err.Error(), string(client.StageSend)) {
		t.Errorf("error %v", err)
	}
}

// TestEarlyAnswer checks that an answer counts that is sent before the request was
// read to its end.
func TestEarlyAnswer(t *testing.T) {
	address := clienttest.Speak(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for range 3 {
			if _, err := http.ReadRequest(r); err != nil { // the header alone
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			_, _ = io.CopyN(io.Discard, r, 4)
		}
	})
	conn := New(newClient(t, client.Config{Timeout: time.Minute}), address)
	for range 3 {
		if code, body, err := ask(t.Context(), conn, http.MethodPost, address, "ping"); err != nil || code != 200 || body != "ok" {
			t.Errorf("%d %q %v", code, body, err)
		}
	}
}

// TestReset checks that a reset while a request is sent is reported as one.
func TestReset(t *testing.T) {
	address := clienttest.Speak(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	conn := New(newClient(t, client.Config{Timeout: time.Minute}), address)
	if _, _, err := ask(t.Context(), conn, http.MethodPost, address, strings.Repeat("x", 64<<20)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("error %v", err)
	}
}
