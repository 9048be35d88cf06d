package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// TestRefused: a refused request reaches neither the server nor the proxy's own
// pages, and no answer of the proxy invites pages of other origins.
func TestRefused(t *testing.T) {
	t.Parallel()
	reached := false
	_, url := before(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), Config{})
	for _, path := range []string{"/mcp", "/debug/snapshot", "/metrics", "/health"} {
		req, _ := http.NewRequest(http.MethodGet, url+path, nil)
		req.Host = "evil.example"
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || reached || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d, server reached %t", path, resp.StatusCode, reached)
		}
	}
	if resp, err := http.Post(url+"/debug/snapshot", "", nil); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp, err)
	}
}

// TestHostileNames: names that could move a cursor, or are a megabyte long, are harmless.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	_, url := before(t, newFake(), Config{})
	for i, name := range []string{"\x1b[2J", "\u009b2J", "\x7f", "\u202eabc", "\r\nok", "\n::error::x", strings.Repeat("x", 1<<20), "\xff", `"}\`} {
		body, _ := json.Marshal(name)
		ask(t, url, "", fmt.Sprintf(`{"id":%d,"method":"tools/call","params":{"name":%s}}`, i, body))
	}
	ask(t, url, "", `{"id":"\u001b[31m","method":"tools/call","params":{"name":"\ud800\u001b"}}`)
	_, _, doc := get(t, url+"/debug/snapshot")
	s, err := snapshot.Decode([]byte(doc))
	if err != nil || len(s.Warnings) > 0 {
		t.Errorf("the document: %v %q", err, s.Warnings)
	}
	_, _, metrics := get(t, url+"/metrics")
	for what, text := range map[string]string{"document": doc, "metrics": metrics} {
		if strings.ContainsAny(text, "\x1b\x7f\u009b\u202e\r") && what == "document" || len(text) > 64<<10 {
			t.Errorf("the %s has controls, or %d bytes", what, len(text))
		}
	}
}

// scripted returns the address of a server that answers with these bytes.
func scripted(t *testing.T, answer string) *url.URL {
	t.Helper()
	return raw(t, func(c net.Conn) { _, _ = io.WriteString(c, answer) })
}

// raw serves connections by hand: net/http cannot send bad HTTP.
func raw(t *testing.T, answer func(c net.Conn)) *url.URL {
	t.Helper()
	to, err := url.Parse(clienttest.Speak(t, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
			answer(c)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

const jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// A server that misbehaves shows to the client as it is, is
// counted as an error, and holds nothing back.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(c net.Conn)
		status int
		cut    bool // the client sees that the answer is not whole
		failed string
	}{
		{"nothing", func(net.Conn) {}, 502, false, "502"},
		{"no HTTP", func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n") }, 502, false, "502"},
		{"huge header", func(c net.Conn) {
			fmt.Fprint(c, jsonHead+"X: "+strings.Repeat("x", 2<<20)+"\r\n\r\n")
		}, 502, false, "502"},
		{"length too long", func(c net.Conn) { fmt.Fprint(c, jsonHead+"Content-Length: 100\r\n\r\n{\"id\":1") }, 200, true, "no_answer"},
		{"length too short", func(c net.Conn) { fmt.Fprint(c, jsonHead+"Content-Length: 5\r\n\r\n{\"id\":1,\"result\":{}}") }, 200, false, "no_answer"},
		{"reset in mid-body", func(c net.Conn) {
			fmt.Fprint(c, jsonHead+"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n")
			_ = c.(*net.TCPConn).SetLinger(0)
		}, 200, true, "no_answer"},
		{"no length, closed", func(c net.Conn) { fmt.Fprint(c, jsonHead+"\r\n{\"id\":1,\"result\":{}}") }, 200, false, ""},
		{"429", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n")
		}, 429, false, "429"},
		{"login page", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
		}, 200, false, "no_answer"},
		{"a byte at a time", func(c net.Conn) {
			fmt.Fprint(c, jsonHead+"Transfer-Encoding: chunked\r\n\r\n")
			for _, b := range []byte(`{"id":1,"result":{}}`) {
				fmt.Fprintf(c, "1\r\n%c\r\n", b)
			}
			fmt.Fprint(c, "0\r\n\r\n")
		}, 200, false, ""},
		{"redirect", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")
		}, 307, false, "no_answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, url := serve(t, Config{To: raw(t, tt.answer)})
			req := request(t.Context(), http.MethodPost, url, "", callOf(1, "t"))
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || (err != nil) != tt.cut {
				t.Errorf("the client got %d, %v", resp.StatusCode, err)
			}
			d := eventually(t, p, "counted", func(d *Document) bool { return *d.CallsTotal == 1 })
			if *d.ErrorsTotal == 1 != (tt.failed != "") || len(d.ToolCallStack) != 0 {
				t.Errorf("%s, want a failure %q", counts(d), tt.failed)
			}
			if _, _, metrics := get(t, url+"/metrics"); !strings.Contains(metrics, fmt.Sprintf(`error_type=%q`, tt.failed)) {
				t.Errorf("the metrics have no error_type %q", tt.failed)
			}
		})
	}
}

// TestHostileStreams: endless streams pass through and take no memory.
func TestHostileStreams(t *testing.T) { // not parallel: it reads the size of the heap
	processtest.NeedsThorough(t)
	for name, piece := range map[string]string{
		"a line that never ends":  "data: " + strings.Repeat("x", 1<<16),
		"a flood of comments":     strings.Repeat(": x\n\n", 1<<13),
		"a message without end":   `data: {"id":` + strings.Repeat("[", 1<<16),
		"endpoints without end":   strings.Repeat("data: /x\n", 1<<13),
		"a field name as long":    strings.Repeat("y", 1<<16),
		"a name that never ends":  `data: {"params":{"name":"` + strings.Repeat("z", 1<<16),
		"a string of backslashes": `data: {"id":"` + strings.Repeat(`\\\"`, 1<<14),
	} {
		t.Run(name, func(t *testing.T) {
			const size = 16 << 20
			server := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for n := 0; n < size; n += len(piece) {
					_, _ = io.WriteString(w, piece)
				}
			})
			_, url := before(t, server, Config{})
			resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodPost, url, "", callOf(1, "t")))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			if err != nil || n < size || mem.HeapAlloc > size*3/4 {
				t.Errorf("%d bytes, %v, heap %d MB", n, err, mem.HeapAlloc>>20)
			}
		})
	}
}

// TestCompressed: compressed replies are read, a bomb not to its end.
func TestCompressed(t *testing.T) {
	t.Parallel()
	packers := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotli.BestSpeed) },
		"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	}
	for name, packer := range packers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packed := func(data []byte) []byte {
				var b bytes.Buffer
				z := packer(&b)
				_, _ = z.Write(data)
				_ = z.Close()
				return b.Bytes()
			}
			answers := [][]byte{packed([]byte(`{"id":1,"result":{"isError":true}}`)), packed([]byte(`{"id":1,"result":{}}`)), packed(make([]byte, 2*leastInflated)), []byte("not packed")}
			next := 0
			p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", name)
				_, _ = w.Write(answers[next])
			}), Config{})
			for i, wantErrors := range []int64{1, 1, 1, 2} { // the client can read the bomb
				next = i
				req := request(t.Context(), http.MethodPost, url, "", callOf(1, "t"))
				req.Header.Set("Accept-Encoding", name)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				back, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if !bytes.Equal(back, answers[i]) {
					t.Errorf("answer %d changed: %d bytes, want %d", i, len(back), len(answers[i]))
				}
				if d := eventually(t, p, "counted", func(d *Document) bool { return *d.CallsTotal == int64(i+1) }); *d.ErrorsTotal != wantErrors {
					t.Errorf("answer %d: %s, want %d errors", i, counts(d), wantErrors)
				}
			}
		})
	}
}

// TestLongCompressed: an answer is read however long it is, unless it is a bomb.
func TestLongCompressed(t *testing.T) {
	t.Parallel()
	text := make([]byte, leastInflated)
	for i, r := 0, rand.New(rand.NewPCG(1, 1)); i < len(text); i++ {
		text[i] = 'a' + byte(r.IntN(16))
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = fmt.Fprintf(z, `{"id":1,"result":{"text":"%s","isError":true}}`, text)
	_ = z.Close()
	p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}), Config{})
	ask(t, url, "", callOf(1, "t"))
	eventually(t, p, "counted", func(d *Document) bool { return *d.CallsTotal == 1 })
	if _, _, metrics := get(t, url+"/metrics"); !strings.Contains(metrics, `error_type="tool_error"`) {
		t.Errorf("the answer was not read to its end:\n%s", metrics)
	}
}

// TestReasons: a server that cannot be spoken to is refused with the reason.
func TestReasons(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that the proxy ends
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := serverOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) }))
	for name, want := range map[string]string{
		secure.URL:              "the certificate is signed by an unknown authority; --cacert FILE trusts it",
		plain.String():          "it switches protocols although nobody asked",
		"https://" + plain.Host: "the server does not speak TLS; try http:// instead of https://",
	} {
		to, err := url.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		_, address := serve(t, Config{To: to})
		if status, _, text := ask(t, address, "", callOf(1, "t")); status != http.StatusBadGateway || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q, want %q", name, status, text, want)
		}
	}
}

// TestOutage: an outage is reported, and traffic goes on when the server is back.
func TestOutage(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", processtest.FreeAddress(t)) // a port that nobody else takes while it is closed
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: newFake()}}
	server.Start()
	to, _ := url.Parse(server.URL)
	var reported []string
	p, front := serve(t, Config{To: to, OnChange: func(u snapshot.Upstream, _ time.Duration) {
		reported = append(reported, fmt.Sprintf("failing %t, outage %d: %s", u.Failing, u.Outages, u.LastError))
	}})
	initSession(t, front)
	server.Close()
	for range 3 {
		if status, _, body := ask(t, front, "", callOf(1, "ok")); status != http.StatusBadGateway || !strings.Contains(body, "connection refused") {
			t.Errorf("with the server down: %d %s", status, body)
		}
	}
	if l, err = net.Listen("tcp", to.Host); err != nil {
		t.Skipf("the port was taken: %v", err)
	}
	again := &httptest.Server{Listener: l, Config: &http.Server{Handler: newFake()}}
	again.Start()
	defer again.Close()
	if status, _, _ := ask(t, front, "", callOf(2, "ok")); status != http.StatusOK {
		t.Errorf("with the server back: %d", status)
	}
	ask(t, front, "secret-1", callOf(3, "ok"))
	d := p.Snapshot()
	if d.Upstream.Failing || d.Upstream.Outages != 1 || d.Upstream.Failures != 3 || *d.ActiveSessions != 0 || d.Proxy.ExpiredTotal != 1 {
		t.Errorf("%s, upstream %+v", counts(d), d.Upstream)
	}
	if want := "[failing true, outage 1: connection refused failing false, outage 1: connection refused]"; fmt.Sprint(reported) != want {
		t.Errorf("reported %v", reported)
	}
}
