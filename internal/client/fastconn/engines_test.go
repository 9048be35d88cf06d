package fastconn

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
)

// engines calls test with a Conn and with net/http, with and without a log: none
// of them may change how a request behaves.
func engines(t *testing.T, target string, test func(t *testing.T, rt http.RoundTripper)) {
	t.Helper()
	for name, log := range map[string]func(string){"quiet": nil, "logged": func(string) {}} {
		c := newClient(t, client.Config{Timeout: 5 * time.Second, Log: log})
		t.Run("net/http "+name, func(t *testing.T) { test(t, c.HTTP().Transport) })
		t.Run("fastconn "+name, func(t *testing.T) {
			if !Suits(c, target) {
				t.Fatal("fastconn is not used")
			}
			test(t, New(c, target))
		})
	}
}

// post does one exchange with a body that can be sent again.
func post(ctx context.Context, rt http.RoundTripper, target, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(content), errors.Join(err, resp.Body.Close())
}

// TestSwitchingProtocols checks that 101 ends an exchange at once.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	address := clienttest.Speak(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		<-done
	})
	engines(t, address, func(t *testing.T, rt http.RoundTripper) {
		for range 2 {
			start := time.Now()
			code, body, err := post(t.Context(), rt, address, "ping")
			if code != http.StatusSwitchingProtocols || body != "" || err != nil || time.Since(start) > 4*time.Second {
				t.Errorf("%d %q, error %v", code, body, err)
			}
		}
	})
}

// TestClosedWhileIdle checks that a request is sent again on a new connection if
// the server closes the reused one without an answer, and only then.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	address := clienttest.Speak(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for n := 0; ; n++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			requests.Add(1)
			if n == 1 || string(body) == "die" {
				return // without an answer
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	engines(t, address, func(t *testing.T, rt http.RoundTripper) {
		for range 3 {
			if code, body, err := post(t.Context(), rt, address, "ping"); code != 200 || body != "ok" || err != nil {
				t.Errorf("%d %q, error %v", code, body, err)
			}
		}
		before := requests.Load()
		if _, _, err := post(t.Context(), rt, address, "die"); err == nil {
			t.Error("a request without an answer succeeded")
		}
		if n := requests.Load() - before; n > 2 {
			t.Errorf("the request was sent %d times", n)
		}
	})
}

// TestPackedAnswers checks that answers are unpacked though it was not asked for.
func TestPackedAnswers(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("Accept-Encoding is %q", got)
		}
		how := strings.TrimPrefix(r.URL.Path, "/")
		w.Header().Set("Content-Encoding", strings.TrimPrefix(how, "raw-"))
		var pack io.WriteCloser
		switch how {
		case "gzip", "GZIP", "x-gzip":
			pack = gzip.NewWriter(w)
		case "deflate":
			pack = zlib.NewWriter(w)
		case "raw-deflate": // without the format of zlib
			pack, _ = flate.NewWriter(w, flate.BestSpeed)
		case "deflate, gzip":
			outer := gzip.NewWriter(w)
			defer func() { _ = outer.Close() }()
			pack = zlib.NewWriter(outer)
		case "br":
			pack = brotli.NewWriter(w)
		case "zstd":
			pack, _ = zstd.NewWriter(w)
		default:
			return
		}
		_, _ = io.WriteString(pack, strings.Repeat("pong", 1000))
		_ = pack.Close()
	})
	engines(t, u.String(), func(t *testing.T, rt http.RoundTripper) {
		for _, how := range []string{"gzip", "GZIP", "x-gzip", "deflate", "raw-deflate", "deflate, gzip", "br", "zstd"} {
			if code, body, err := post(t.Context(), rt, u.String()+"/"+url.PathEscape(how), "ping"); code != 200 || body != strings.Repeat("pong", 1000) || err != nil {
				t.Errorf("%s: %d, %d bytes, error %v", how, code, len(body), err)
			}
		}
		var protocol *client.ProtocolError
		if _, _, err := post(t.Context(), rt, u.String()+"/lzma", "ping"); !errors.As(err, &protocol) || !strings.Contains(err.Error(), `the Content-Encoding "lzma"`) {
			t.Errorf("lzma: error %v", err)
		}
	})
}

// TestPackedStreams checks that what a server packed is read before the stream ends.
func TestPackedStreams(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		how := strings.TrimPrefix(r.URL.Path, "/")
		var pack interface {
			io.Writer
			Flush() error
		}
		switch how {
		case "gzip":
			pack = gzip.NewWriter(w)
		case "deflate":
			pack = zlib.NewWriter(w)
		case "br":
			pack = brotli.NewWriter(w)
		case "zstd":
			pack, _ = zstd.NewWriter(w)
		}
		w.Header().Set("Content-Encoding", how)
		_, _ = io.WriteString(pack, "data: {}\n\n")
		_ = pack.Flush()
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	engines(t, u.String(), func(t *testing.T, rt http.RoundTripper) {
		for _, how := range []string{"gzip", "deflate", "br", "zstd"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, u.String()+"/"+how, nil)
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 10)
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "data: {}\n\n" {
				t.Errorf("%s: %q, error %v", how, got, err)
			}
			cancel()
			_ = resp.Body.Close()
		}
	})
}

// TestAnswersOfOtherProtocols checks that the error names what answered.
func TestAnswersOfOtherProtocols(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"220 mail.example ESMTP\r\n":                    "the answer is not HTTP/1.1",
		"\x00\x00\x18\x04\x00\x00\x00\x00\x00\n":        "only HTTP/2",
		"\x15\x03\x01\x00\x02\x02\x0a":                  "https:// instead",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n": "Content-Length",
	} {
		address := clienttest.Speak(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
		})
		engines(t, address, func(t *testing.T, rt http.RoundTripper) {
			var protocol *client.ProtocolError
			if _, _, err := post(t.Context(), rt, address, "ping"); !errors.As(err, &protocol) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %q", answer, err, want)
			}
		})
	}
}

// FuzzResponse checks that answers read as net/http reads them, and that each ends.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n01\r\nk\r\n0\r\nTrailer: x\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 404 Not Found\nContent-Length:1\n\nx",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 1, 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: +5\r\n\r\n", "HTTP/1.1 199 \r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	c := newClient(f, client.Config{MaxBody: 1 << 16})
	f.Fuzz(func(t *testing.T, data []byte) {
		conn := New(c, "http://server/")
		ours, theirs := net.Pipe()
		conn.wire, conn.in = ours, bufio.NewReaderSize(ours, 16)
		go func() { _, _ = theirs.Write(data); _ = theirs.Close() }()
		req := &http.Request{Method: http.MethodPost, URL: conn.target}
		resp, err := conn.response.read(conn, req)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(resp.Body)
		}
		conn.drop()
		want, wantErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), req)
		if err != nil || wantErr != nil || want.StatusCode < 200 {
			return // the reader of net/http leaves interim answers to its caller
		}
		body, bodyErr := io.ReadAll(want.Body)
		if bodyErr == nil && (want.StatusCode != resp.StatusCode || !bytes.Equal(got, body)) {
			t.Errorf("%d %q, net/http has %d %q", resp.StatusCode, got, want.StatusCode, body)
		}
	})
}

// BenchmarkRoundTrip compares a Conn with net/http. The server is in the same
// process and costs the same for both.
func BenchmarkRoundTrip(b *testing.B) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\nok"
	address := clienttest.Speak(b, func(c net.Conn) {
		in := make([]byte, 4096)
		for {
			if _, err := c.Read(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, answer)
		}
	})
	c := newClient(b, client.Config{})
	for name, rt := range map[string]http.RoundTripper{"fastconn": New(c, address), "nethttp": c.HTTP().Transport} {
		b.Run("engine="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := post(b.Context(), rt, address, "ping"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
