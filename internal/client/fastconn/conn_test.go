package fastconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"encoding/pem"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// ask does one exchange on c.
func ask(ctx context.Context, c *Conn, method, target, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(content), errors.Join(err, resp.Body.Close())
}

// TestRoundTrip checks that a connection is reused whatever the form of the answers.
func TestRoundTrip(t *testing.T) {
	long := strings.Repeat("0123456789", 5000)
	var remotes []string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer SENTINEL" || r.Header.Get("User-Agent") != "mcpdiag/1" || string(body) != "ping" {
			t.Errorf("%v %q", r.Header, body)
		}
		remotes = append(remotes, r.RemoteAddr)
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/chunks":
			for part := range slices.Chunk([]byte(long), 777) {
				_, _ = w.Write(part)
				_ = http.NewResponseController(w).Flush()
			}
		case "/long":
			_, _ = io.WriteString(w, long)
		case "/500":
			w.WriteHeader(500)
		default:
			_, _ = io.WriteString(w, "pong")
		}
	})
	c := newClient(t, client.Config{Header: http.Header{"Authorization": {"Bearer SENTINEL"}}, Origins: []*url.URL{u}, Agent: "mcpdiag/1", Timeout: time.Minute})
	conn := New(c, u.String())
	for _, tc := range []struct {
		path, want string
		code       int
	}{{"/", "pong", 200}, {"/none", "", 204}, {"/chunks", long, 200}, {"/long", long, 200}, {"/500", "", 500}, {"/", "pong", 200}} {
		code, body, err := ask(t.Context(), conn, http.MethodPost, u.String()+tc.path, "ping")
		if err != nil || code != tc.code || body != tc.want {
			t.Errorf("%s: %d, %d bytes, %v", tc.path, code, len(body), err)
		}
		if tm := conn.Timing(); tm.FirstByte <= 0 || tm.Reused != (len(remotes) > 1) {
			t.Errorf("%s: %+v", tc.path, tm)
		}
	}
	if len(slices.Compact(remotes)) != 1 {
		t.Errorf("the connection was not used again: %v", remotes)
	}
	if _, _, err := ask(t.Context(), conn, http.MethodGet, "http://elsewhere.example/", ""); err == nil {
		t.Error("another server was asked over the connection")
	}
	conn.CloseIdleConnections()
}

// TestErrors checks that each broken answer is an error, after which the next
// exchange works.
func TestErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		want   string
	}{
		"nothing":             {"", "closed the connection while waiting for the answer"},
		"no HTTP":             {"220 mail\r\n\r\n", `it begins with "220 mail"`},
		"no status":           {"HTTP/1.1 two OK\r\n\r\n", "not HTTP/1.1"},
		"a broken field":      {"HTTP/1.1 200 OK\r\n no field\r\n\r\n", "not HTTP/1.1"},
		"two lengths":         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "multiple Content-Length"},
		"a length below 0":    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "bad Content-Length"},
		"another coding":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer encoding"},
		"too short":           {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "closed the connection while reading the answer"},
		"a chunk too short":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", "closed the connection while reading"},
		"a chunk of no size":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nab", "not HTTP/1.1"},
		"a chunk too long":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "malformed chunked encoding"},
		"10 MB of trailer":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 10_000) + "\r\n", "trailer is too large"},
		"10 MB of extensions": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 10_000) + "0\r\n\r\n", "too much non-data"},
		"10 MB of header":     {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 10_000) + "\r\n", "header is larger than"},
		"status 099":          {"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", "its status is 099"},
		"interim for ever":    {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100), "too many interim"},
		"beyond the limit":    {"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + strings.Repeat("x", 3000), "larger than 2048 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			address := clienttest.Speak(t, func(conn net.Conn) {
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				if req.URL.Path == "/well" {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					return
				}
				_, _ = io.WriteString(conn, tc.answer)
			})
			conn := New(newClient(t, client.Config{MaxBody: 2048}), address)
			if _, _, err := ask(t.Context(), conn, http.MethodGet, address, ""); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if code, body, err := ask(t.Context(), conn, http.MethodGet, address+"/well", ""); err != nil || code != 200 || body != "ok" {
				t.Errorf("after it: %d %q %v", code, body, err)
			}
		})
	}
}

// TestSmallChunks checks that many chunks of one byte are read.
func TestSmallChunks(t *testing.T) {
	address := clienttest.Speak(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\na\r\n", 50_000)+"0\r\nX-Sum: 1\r\n\r\n")
	})
	conn := New(newClient(t, client.Config{}), address)
	if _, body, err := ask(t.Context(), conn, http.MethodGet, address, ""); err != nil || len(body) != 50_000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestDeadlineAndInterrupt(t *testing.T) {
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	conn := New(newClient(t, client.Config{}), u.String())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := ask(ctx, conn, http.MethodGet, u.String(), ""); !client.IsTimeout(err) {
		t.Errorf("error %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, conn.Interrupt)
	time.AfterFunc(20*time.Millisecond, stop)
	if _, _, err := ask(ctx, conn, http.MethodGet, u.String(), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestTLS checks exchanges over TLS, and that servers of HTTP/2 are left to net/http.
func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, client.Config{CACert: ca})
	conn := New(c, srv.URL)
	if _, proto, err := ask(t.Context(), conn, http.MethodGet, srv.URL, ""); err != nil || proto != "HTTP/1.1" || conn.Timing().TLS <= 0 {
		t.Errorf("%q, %v, %+v", proto, err, conn.Timing())
	}
	if !Suits(c, srv.URL) {
		t.Error("nothing was asked yet, and a connection is refused")
	}
	if res, err := c.Get(t.Context(), srv.URL); err != nil || string(res.Body) != "HTTP/2.0" || Suits(c, srv.URL) {
		t.Errorf("a server of HTTP/2 may be spoken to directly: %v, %v", res, err)
	}
	untrusted := New(newClient(t, client.Config{}), srv.URL)
	if _, _, err := ask(t.Context(), untrusted, http.MethodGet, srv.URL, ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v", err)
	}
}
