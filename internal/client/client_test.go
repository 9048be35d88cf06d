package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *url.URL {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return parse(t, srv.URL)
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func afterRequest(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4<<10))
		_, _ = io.WriteString(conn, text)
	}
}

func TestGet(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "mcpdiag/1" || r.Header.Get("Accept") != "application/json, text/plain;q=0.9, */*;q=0.1" {
			t.Errorf("header %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, "{}")
	})
	c := newClient(t, Config{Agent: "mcpdiag/1"})
	res, err := c.Get(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Body) != "{}" {
		t.Errorf("%q", res.Body)
	}
	if tm := res.Timing; tm.Reused || tm.Connect <= 0 || tm.FirstByte < tm.Connect {
		t.Errorf("timing %+v", tm)
	}
	if res, err = c.Get(t.Context(), u.String()); err != nil || !res.Timing.Reused || res.Timing.Connect != 0 {
		t.Errorf("second exchange: %+v, %v", res, err)
	}
}

// TestGetErrors checks that each failure names its stage and what to try.
func TestGetErrors(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	refused := "http://" + processtest.FreeAddress(t)
	status := func(code int, header, body string) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if name, value, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}).String()
	}
	for name, tc := range map[string]struct {
		url   string
		stage Stage
		want  string
	}{
		"nobody there": {refused, StageConnect, `connection refused; is the server running? "mcpdiag demo --serve" starts one to try`},
		"no such host": {"http://nobody.invalid", StageDNS, `there is no host "nobody.invalid"; check the name`},
		"no answer":    {serve(t, hang).String(), StageAnswer, "no answer within 500ms (waiting for the answer); the server may hang; --timeout allows more"},
		"a body bit by bit": {serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}).String(), StageBody, "no answer within 500ms (reading the answer)"},
		"closed at once":     {clienttest.Speak(t, afterRequest("")), StageAnswer, "the server closed the connection while waiting for the answer; its log may say why"},
		"closed in mid-body": {clienttest.Speak(t, afterRequest("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")), StageBody, "the server closed the connection while reading the answer"},
		"reset in mid-body": {clienttest.Speak(t, func(conn net.Conn) {
			afterRequest("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")(conn)
			_ = conn.(*net.TCPConn).SetLinger(0)
		}), StageBody, "the server reset the connection while reading the answer"},
		"no HTTP":               {clienttest.Speak(t, afterRequest("220 mail.example.com ESMTP\r\n")), StageAnswer, "the answer is not HTTP/1.1"},
		"10 MB of header":       {clienttest.Speak(t, afterRequest("HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Filler: "+strings.Repeat("x", 990)+"\r\n", 10_000)+"\r\n{}")), StageAnswer, "header is larger than 256 KiB"},
		"a header without end":  {clienttest.Speak(t, afterRequest("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))), StageAnswer, "header is larger than 256 KiB"},
		"TLS to a plain server": {strings.Replace(serve(t, hang).String(), "http:", "https:", 1), StageTLS, "the server does not speak TLS; try http:// instead of https://"},
		"500":                   {status(500, "", "boom\n at line 1"), "", `the server answered 500 Internal Server Error (boom at line 1)`},
		"401":                   {status(401, "", ""), "", "the server answered 401 Unauthorized; --token-file or --header sends credentials"},
		"401 with a challenge":  {status(401, `WWW-Authenticate: Bearer error="invalid_token"`, ""), "", `401 Unauthorized; it asks for Bearer error="invalid_token"; --token-file or --header sends`},
		"403 with a scope":      {status(403, `WWW-Authenticate: Bearer error="insufficient_scope", scope="files:read"`, ""), "", `scope="files:read"; --token-file`},
		"101":                   {clienttest.Speak(t, afterRequest("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")), "", "101 Switching Protocols; no other protocol was asked for"},
		"404 with a page":       {status(404, "", "<html>no</html>"), "", "the server answered 404 Not Found; is this the right path?"},
		"429":                   {status(429, "Retry-After: 7", ""), "", "the server answered 429 Too Many Requests; the server limits the rate"},
		"302":                   {status(302, "Location: https://u:p@else.example/x?token=SENTINEL", ""), "", "the server answered 302 Found, to https://REDACTED@else.example/x?token=REDACTED, which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := 10 * time.Second
			if strings.Contains(tc.want, "500ms") {
				timeout = 500 * time.Millisecond
			}
			_, err := newClient(t, Config{Timeout: timeout}).Get(t.Context(), tc.url)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if len(err.Error()) > 400 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			exchange, ok := errors.AsType[*Error](err)
			if (tc.stage != "") != ok || ok && exchange.Stage != tc.stage {
				t.Errorf("error %#v, want stage %q", err, tc.stage)
			}
		})
	}
}

func TestGetInterrupted(t *testing.T) {
	asked := make(chan bool, 1)
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := newClient(t, Config{}).Get(ctx, u.String())
	if err == nil || err.Error() != "interrupted while waiting for the answer" || IsTimeout(err) {
		t.Errorf("error %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "1e9": 0, "Fri, 01 Jan 1999 00:00:00 GMT": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {header}}); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	if got := RetryAfter(http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}); got <= 50*time.Minute {
		t.Errorf("an hour from now: %s", got)
	}
}

// TestMaxBody checks that the limit counts decoded bytes, and is exact.
func TestMaxBody(t *testing.T) {
	const limit = 1 << 20
	zipped := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, n))
		_ = z.Close()
		return b.Bytes()
	}
	for name, tc := range map[string]struct {
		answer func(w http.ResponseWriter)
		ok     bool
	}{
		"at the limit": {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, limit)) }, true},
		"one beyond":   {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, limit+1)) }, false},
		"without end": {func(w http.ResponseWriter) {
			for err := error(nil); err == nil; _, err = w.Write(make([]byte, 64<<10)) {
			}
		}, false},
		"zipped, at the limit": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(limit))
		}, true},
		"a bomb": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(20 << 20))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) { tc.answer(w) })
			res, err := newClient(t, Config{MaxBody: limit}).Get(t.Context(), u.String())
			if tc.ok {
				if err != nil || len(res.Body) != limit {
					t.Fatal(err)
				}
				return
			}
			if _, ok := errors.AsType[*TooLargeError](err); !ok || err.Error() != "the answer is larger than 1 MiB; --max-body raises the limit" {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestDecodeInvalid checks that a body that is not packed as its header says is told
// from a connection that ended.
func TestDecodeInvalid(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(decoders)) {
		for _, body := range []string{"not packed", "\x00", "\x1f\x8b\x08\x00\x00"} {
			plain, err := Decode(http.Header{"Content-Encoding": {name}}, io.NopCloser(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			var protocol *ProtocolError
			if _, err = io.ReadAll(plain); !errors.As(err, &protocol) || !strings.Contains(err.Error(), "not valid "+name) {
				t.Errorf("%s: %q: error %v", name, body, err)
			}
		}
		plain, err := Decode(http.Header{"Content-Encoding": {name}}, io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(plain); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, cut off: error %v", name, err)
		}
	}
}

// FuzzDecode checks that packed bodies, whatever their bytes, end.
func FuzzDecode(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(decoders)) {
		f.Add(name, []byte("not packed"))
		f.Add("identity, "+name, []byte{})
	}
	f.Add("br", []byte{0x0b, 0x03, 0x80, '{', '"', 'a', '"', ':', '1', '}', 0x03})
	f.Add("zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x11, 0x00, 0x00, '{', '}', 0x3f, 0x6c, 0x9f, 0x5d})
	f.Fuzz(func(t *testing.T, encoding string, data []byte) {
		plain, err := Decode(http.Header{"Content-Encoding": {encoding}}, io.NopCloser(bytes.NewReader(data)))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(plain, 1<<20)); errors.Is(err, io.EOF) {
			t.Errorf("%q is an error", err)
		}
		_ = plain.Close()
	})
}

// TestRedirectsAreNotFollowed checks that the target of a redirect receives no request.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var seen []string
	second := func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, fmt.Sprint(r.Method, r.URL, r.Header))
	}
	plain := serve(t, second)
	encrypted := httptest.NewTLSServer(http.HandlerFunc(second))
	defer encrypted.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		for name, to := range map[string]string{
			"another port":   plain.String() + "/x",
			"another host":   "http://localhost:" + plain.Port() + "/x",
			"another scheme": encrypted.URL,
			"a loop":         "/",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				t.Run(fmt.Sprint(code, " ", name, " ", method), func(t *testing.T) {
					asked := 0
					first := serve(t, func(w http.ResponseWriter, r *http.Request) {
						asked++
						if r.Header.Get("Authorization") != "Bearer SENTINEL" || r.Header.Get("X-Api-Key") != "SENTINEL" {
							t.Error("the origin got no credentials")
						}
						http.Redirect(w, r, to, code)
					})
					c := newClient(t, Config{
						Header:  http.Header{"Authorization": {"Bearer SENTINEL"}, "X-Api-Key": {"SENTINEL"}},
						Origins: []*url.URL{first},
					})
					req, err := http.NewRequestWithContext(t.Context(), method, first.String(), strings.NewReader("body"))
					if err != nil {
						t.Fatal(err)
					}
					resp, err := c.HTTP().Do(req)
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					if status, ok := errors.AsType[*StatusError](NewStatusError(resp, nil)); !ok || status.Code != code || status.Location == "" {
						t.Errorf("%v, want the redirect itself", status)
					}
					if asked != 1 {
						t.Errorf("the origin was asked %d times", asked)
					}
				})
			}
		}
	}
	if len(seen) > 0 {
		t.Errorf("the other server saw %d requests, such as %s", len(seen), seen[0])
	}
}

func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	origin := parse(t, "https://a.example:8443/mcp")
	p := &policy{cfg: Config{Origins: []*url.URL{origin, parse(t, "http://b.example/x")}}}
	for address, want := range map[string]bool{
		"https://a.example:8443/other": true, "http://a.example:8443": false, "https://a.example": false,
		"https://A.example:8443": false, "https://sub.a.example:8443": false, "http://b.example:80": true, "https://b.example": false,
	} {
		if got := p.isOrigin(parse(t, address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}

// TestOthersGetNoCredentials checks that other origins receive no configured header.
func TestOthersGetNoCredentials(t *testing.T) {
	var got []string
	h := func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"))
	}
	origin, other := serve(t, h), serve(t, h)
	c := newClient(t, Config{Header: http.Header{"Authorization": {"a"}, "X-Api-Key": {"b"}}, Origins: []*url.URL{origin}})
	for _, u := range []*url.URL{origin, other} {
		if _, err := c.Get(t.Context(), u.String()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"ab", ""}, got); diff != "" {
		t.Errorf("origin, other (-want +got)\n%s", diff)
	}
}

func TestLogHasNoSecrets(t *testing.T) {
	u := serve(t, func(http.ResponseWriter, *http.Request) {})
	var lines []string
	c := newClient(t, Config{
		Header: http.Header{"Authorization": {"Bearer SENTINEL"}}, Origins: []*url.URL{u},
		Log: func(line string) { lines = append(lines, line) },
	})
	if _, err := c.Get(t.Context(), "http://u:SENTINEL@"+u.Host+"/x?key=SENTINEL&a=b"); err != nil {
		t.Fatal(err)
	}
	want := "GET http://REDACTED@" + u.Host + "/x?key=REDACTED&a=b: 200 OK; dns "
	if len(lines) != 1 || !strings.HasPrefix(lines[0], want) || strings.Contains(lines[0], "SENTINEL") {
		t.Errorf("%q, want %q…", lines, want)
	}
}

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{"http://h": "http://h/mcp", "http://h/": "http://h/"} {
		if u, err := ParseTarget(in, MCPPath); err != nil || u.String() != want {
			t.Errorf("%q: %v, %v; want %q", in, u, err, want)
		}
	}
	for in, want := range map[string]string{
		"localhost:3100": "http://localhost:3100/p", "http://h": "http://h/p", "https://h/": "https://h/p", "h/x?a=b#c": "http://h/x?a=b",
		"[::1]:80": "http://[::1]:80/p", "http://h:1/mcp": "http://h:1/mcp",
		"": "", "ftp://h": "", "http://": "", "http://h:port": "", "file:///etc/passwd": "", "http://a b": "", "h:80\n": "",
	} {
		u, err := ParseTarget(in, "/p")
		if got := fmt.Sprint(u); want != "" && (err != nil || got != want) || want == "" && err == nil {
			t.Errorf("%q: %s, %v; want %q", in, got, err, want)
		}
	}
}

// TestMisspelledTarget names the right address where a part of :// is missing.
func TestMisspelledTarget(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http//localhost:7102": "http://localhost:7102", "https//h/mcp": "https://h/mcp", "http:/h": "http://h", "HTTP//h": "http://h", "http:h": "http://h", "http//127.0.0.1:1": "http://127.0.0.1:1",
		"http//[::1]:80": "http://[::1]:80", "http//u:sesame@h": "http://REDACTED@h", "http:8080": "", "http/mcp": "", "http.test//x": "", "https:443/mcp": "", "http://h//http//x": "",
	} {
		_, err := ParseTarget(in, "/p")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "did you mean "+want+"?") || strings.Contains(err.Error(), "sesame")) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestStopwatchIsZeroUntilWatched(t *testing.T) {
	var w Stopwatch
	if diff := cmp.Diff(Timing{}, w.timing); diff != "" {
		t.Error(diff)
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"localhost": true, "Demo.Localhost": true, "::ffff:127.0.0.1": true, "127.0.0.9": true, "::1": true, "10.0.0.1": false, "localhost.example.com": false, "": false} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}
