package client

import (
	"bufio"
	"bytes"
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
)

// ask does one exchange over c.
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

// A connection is used again whatever the form of the answers, and what is
// answered is what net/http says was.
func TestConn(t *testing.T) {
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
	c := newClient(t, Config{Header: http.Header{"Authorization": {"Bearer SENTINEL"}}, Origins: []*url.URL{u}, Agent: "mcpdiag/1", Timeout: time.Minute})
	conn := c.NewConn(u.String())
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

// What is no answer is an error that says at which stage, and the next exchange goes on.
func TestConnErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		want   string
	}{
		"nothing":              {"", "closed the connection while waiting for the answer"},
		"no HTTP":              {"220 mail\r\n\r\n", "not HTTP/1.1"},
		"no status":            {"HTTP/1.1 two OK\r\n\r\n", "not HTTP/1.1"},
		"a field that is none": {"HTTP/1.1 200 OK\r\n no field\r\n\r\n", "not HTTP/1.1"},
		"two lengths":          {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "two lengths"},
		"a length below 0":     {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "length is no number"},
		"another coding":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "not chunked"},
		"too short":            {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "closed the connection while reading the answer"},
		"a chunk too short":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", "closed the connection while reading"},
		"a chunk of no size":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nab", "chunks are not in order"},
		"a chunk too long":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "chunks are not in order"},
		"10 MB of trailer":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 10_000) + "\r\n", "too much between its chunks"},
		"10 MB of extensions":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 10_000) + "0\r\n\r\n", "too much between its chunks"},
		"10 MB of header":      {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 10_000) + "\r\n", "header is larger than"},
		"interim for ever":     {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100), "too many interim"},
		"beyond the limit":     {"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + strings.Repeat("x", 3000), "larger than 2048 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			address := speak(t, func(conn net.Conn) {
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
			conn := newClient(t, Config{MaxBody: 2048}).NewConn(address)
			if _, _, err := ask(t.Context(), conn, http.MethodGet, address, ""); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if code, body, err := ask(t.Context(), conn, http.MethodGet, address+"/well", ""); err != nil || code != 200 || body != "ok" {
				t.Errorf("after it: %d %q %v", code, body, err)
			}
		})
	}
}

// TestConnSmallChunks: chunks of one byte are no excess, however many.
func TestConnSmallChunks(t *testing.T) {
	address := speak(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\na\r\n", 50_000)+"0\r\nX-Sum: 1\r\n\r\n")
	})
	conn := newClient(t, Config{}).NewConn(address)
	if _, body, err := ask(t.Context(), conn, http.MethodGet, address, ""); err != nil || len(body) != 50_000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestConnDeadlineAndInterrupt(t *testing.T) {
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	conn := newClient(t, Config{}).NewConn(u.String())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := ask(ctx, conn, http.MethodGet, u.String(), ""); !IsTimeout(err) {
		t.Errorf("error %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, conn.Interrupt)
	time.AfterFunc(20*time.Millisecond, stop)
	if _, _, err := ask(ctx, conn, http.MethodGet, u.String(), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Over TLS as without; a server of HTTP/2 is left to net/http.
func TestConnTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Config{CACert: ca})
	conn := c.NewConn(srv.URL)
	if _, proto, err := ask(t.Context(), conn, http.MethodGet, srv.URL, ""); err != nil || proto != "HTTP/1.1" || conn.Timing().TLS <= 0 {
		t.Errorf("%q, %v, %+v", proto, err, conn.Timing())
	}
	if !c.Direct(srv.URL) {
		t.Error("nothing was asked yet, and a connection is refused")
	}
	if res, err := c.Get(t.Context(), srv.URL); err != nil || string(res.Body) != "HTTP/2.0" || c.Direct(srv.URL) {
		t.Errorf("a server of HTTP/2 may be spoken to directly: %v, %v", res, err)
	}
	untrusted := newClient(t, Config{}).NewConn(srv.URL)
	if _, _, err := ask(t.Context(), untrusted, http.MethodGet, srv.URL, ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v", err)
	}
}

// A connection that the server closed while it was idle is no failure.
func TestConnClosedWhileIdle(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", "y") })
	conn := newClient(t, Config{}).NewConn(u.String())
	for range 2 {
		if _, _, err := ask(t.Context(), conn, http.MethodGet, u.String(), ""); err != nil {
			t.Error(err)
		}
		_ = conn.wire.(*net.TCPConn).CloseWrite()
		_, _ = conn.wire.Read(make([]byte, 1))
		conn.used = time.Now().Add(-time.Hour)
	}
}

// What net/http takes for an answer, Conn takes for the same, and it never runs on for ever.
func FuzzConnResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n01\r\nk\r\n0\r\nTrailer: x\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 404 Not Found\nContent-Length:1\n\nx",
	} {
		f.Add([]byte(s))
	}
	c, err := New(Config{MaxBody: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		conn := c.NewConn("http://server/")
		ours, its := net.Pipe()
		conn.wire, conn.in = ours, make([]byte, 16)
		go func() { _, _ = its.Write(data); _ = its.Close() }()
		req := &http.Request{Method: http.MethodPost, URL: conn.target}
		resp, err := conn.response.read(conn, req)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(resp.Body)
		}
		conn.drop()
		if err != nil {
			return
		}
		want, wantErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), req)
		for wantErr == nil && want.StatusCode < 200 {
			return // net/http's reader leaves interim answers to its caller
		}
		if wantErr != nil {
			return // it is stricter about what a header may hold
		}
		body, bodyErr := io.ReadAll(want.Body)
		if bodyErr == nil && (want.StatusCode != resp.StatusCode || !bytes.Equal(got, body)) {
			t.Errorf("%d %q, net/http has %d %q", resp.StatusCode, got, want.StatusCode, body)
		}
	})
}
