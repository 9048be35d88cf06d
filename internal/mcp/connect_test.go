package mcp

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// TestVersionHeaderWithoutSession checks that a server without session ids gets the
// revision that was agreed on with every message after initialize.
func TestVersionHeaderWithoutSession(t *testing.T) {
	t.Parallel()
	srv := &server{}
	ep := srv.start(t, oddServer{version: rev0618}.ServeHTTP)
	if _, _, err := use(t, ep); err != nil {
		t.Fatal(err)
	}
	for _, a := range srv.seen() {
		want := rev0618
		switch a.RPC {
		case "server/discover":
			want = Modern
		case "initialize":
			want = ""
		}
		if got := a.Header.Get("Mcp-Protocol-Version"); got != want {
			t.Errorf("%s: MCP-Protocol-Version %q, want %q", a.RPC, got, want)
		}
	}
}

// sseServer speaks HTTP+SSE at /sse. Its stream begins with first.
type sseServer struct {
	first    string
	endpoint string // "" is /messages
	name     string // of the event that names it
	answers  string // name of the events that answer
	anyVerb  bool   // POST opens the stream too
	leftOpen bool   // the answer to a POST has no end
	queue    chan string
}

func (s *sseServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/messages":
		var m struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.Unmarshal(body, &m)
		result := `{}`
		switch m.Method {
		case "initialize":
			result = `{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"old","version":"1"}}`
		case "tools/list":
			result = `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
		}
		if m.ID != nil {
			s.queue <- `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`
		}
		w.WriteHeader(http.StatusAccepted)
		if s.leftOpen {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	case r.URL.Path != "/sse" || r.Method != http.MethodGet && !s.anyVerb:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		stream(w, s.first+"event: "+cmp.Or(s.name, "endpoint")+"\ndata: "+cmp.Or(s.endpoint, "/messages")+"\n\n")
		for {
			select {
			case <-r.Context().Done():
				return
			case text := <-s.queue:
				stream(w, "event: "+cmp.Or(s.answers, "message")+"\ndata: "+text+"\n\n")
			}
		}
	}
}

// TestHTTPSSE checks that the endpoint is waited for, and that a POST that opens the
// stream does not hold up the negotiation.
func TestHTTPSSE(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*sseServer{
		"plain":             {},
		"ping first":        {first: "event: ping\ndata: {}\n\n"},
		"retry first":       {first: "retry: 3000\n\n"},
		"comment first":     {first: ": hello\n\n"},
		"stream for a POST": {anyVerb: true},
		"POST left open":    {leftOpen: true},
		"spaces":            {endpoint: "  /messages\t"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.queue = make(chan string, 10)
			ep := serveSSE(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			start := time.Now()
			session, err := Connect(ctx, ep, "")
			if err != nil {
				t.Fatal(err)
			}
			if !session.Era().SSE || time.Since(start) >= probeHTTP {
				t.Errorf("%+v after %s", session.Era(), time.Since(start))
			}
			if tools, err := session.Tools(ctx); err != nil || len(tools) != 1 {
				t.Errorf("%v, %v", tools, err)
			}
			session.Abandon()
		})
	}
}

// TestSSEThatIsNotUnderstood checks that the errors of servers over HTTP+SSE quote the
// event or the address that clients do not understand.
func TestSSEThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]*sseServer{
		`no answer to the request for an endpoint event in time; the event "Endpoint" with "/messages" came`:                                         {name: "Endpoint"},
		`no answer to initialize in time; clients ignore its event "response": "{\"jsonrpc\"`:                                                        {answers: "response"},
		`malformed answer: the endpoint of the stream is no address: "/mess\tages"`:                                                                  {endpoint: "/mess\tages"},
		`malformed answer: the stream gives an endpoint on another server, "http://else.example/messages?sessionId=REDACTED", which is not followed`: {endpoint: "http://else.example/messages?sessionId=17"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s.queue = make(chan string, 10)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := Open(ctx, serveSSE(t, s), Era{Version: rev1105, SSE: true}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func serveSSE(t *testing.T, h http.Handler) Endpoint {
	t.Helper()
	ep := new(server).start(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		r.Body = io.NopCloser(strings.NewReader(a.Body))
		h.ServeHTTP(w, r)
	})
	ep.URL += "/sse"
	return ep
}

// TestFallbackError checks that the error of the fallback is reported too.
func TestFallbackError(t *testing.T) {
	t.Parallel()
	ep := new(server).start(t, func(w http.ResponseWriter, r *http.Request, _ asked) {
		if r.Method == http.MethodGet {
			stream(w, "event: other\ndata: x\n\n")
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	_, err := Connect(t.Context(), ep, "")
	if err == nil || !strings.Contains(err.Error(), "405 Method Not Allowed") || !strings.Contains(err.Error(), `over HTTP+SSE (--protocol 2024-11-05): malformed answer: the event stream ended before its endpoint event; the event "other" with "x" came before`) {
		t.Errorf("error %v", err)
	}
}

// TestSameFallbackError checks that a hint is not given twice.
func TestSameFallbackError(t *testing.T) {
	t.Parallel()
	for get, end := range map[int]string{404: "; the same over HTTP+SSE (--protocol 2024-11-05)", 405: "over HTTP+SSE (--protocol 2024-11-05): the server answered 405 Method Not Allowed"} {
		ep := new(server).start(t, func(w http.ResponseWriter, r *http.Request, _ asked) {
			w.WriteHeader(map[string]int{http.MethodPost: 404, http.MethodGet: get}[r.Method])
		})
		_, err := Connect(t.Context(), ep, "")
		if err == nil || strings.Count(err.Error(), "usually at /mcp") != 1 || !strings.HasSuffix(err.Error(), end) {
			t.Errorf("GET answered %d: error %v", get, err)
		}
	}
}

// pipeServer returns an Endpoint of servers over standard streams. Each one reads
// lines and answers with what reply returns, until that is an error.
func pipeServer(t *testing.T, reply func(started int64, m *message) (string, error)) Endpoint {
	t.Helper()
	var starts atomic.Int64
	return Endpoint{Start: func(context.Context) (io.ReadWriteCloser, error) {
		n := starts.Add(1)
		ours, its := net.Pipe()
		t.Cleanup(func() { _, _ = ours.Close(), its.Close() })
		go func() {
			defer its.Close()
			in := bufio.NewScanner(its)
			for in.Scan() {
				m, _, err := parseMessage(in.Bytes())
				if err != nil {
					return
				}
				text, err := reply(n, m)
				if err != nil {
					return
				}
				if _, err := io.WriteString(its, text); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// stdioResult returns the usual answer to a request.
func stdioResult(m *message) string {
	switch m.Method {
	case "initialize":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"pipe","version":"1"}}}`, m.ID)
	case "tools/call":
		return result(string(m.ID))
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
}

var errEnd = errors.New("the server ends")

// TestProbeIsIsolated checks that a process that does not survive server/discover, or
// hangs at it, is started again for the handshake, unless it runs already.
func TestProbeIsIsolated(t *testing.T) {
	t.Parallel()
	for name, atProbe := range map[string]func() error{
		"exits": func() error { return errEnd },
		"hangs": func() error { <-t.Context().Done(); return errEnd },
	} {
		for _, running := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, running %t", name, running), func(t *testing.T) {
				t.Parallel()
				ep := pipeServer(t, func(_ int64, m *message) (string, error) {
					switch {
					case m.Method == "server/discover":
						return "", atProbe()
					case len(m.ID) == 0:
						return "", nil
					}
					return stdioResult(m) + "\n", nil
				})
				ep.Running = running
				s, err := Connect(t.Context(), ep, "")
				if err != nil || s.Era().Version != Legacy {
					t.Fatalf("%+v, %v", s, err)
				}
				if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil || res.Text != "done" {
					t.Errorf("%+v, %v", res, err)
				}
			})
		}
	}
}

// TestProbeOverHTTP checks that whatever becomes of server/discover, initialize has
// its turn.
func TestProbeOverHTTP(t *testing.T) {
	t.Parallel()
	for name, atProbe := range map[string]http.HandlerFunc{
		"closes": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"resets": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		},
		"breaks HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "220 ready\r\n")
			_ = conn.Close()
		},
		"breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"jsonrpc":`)
			panic(http.ErrAbortHandler)
		},
		"floods": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 2000 {
				if _, err := fmt.Fprintf(w, "data: %01000d\n", 0); err != nil {
					return
				}
			}
		},
		"is a login page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>log in</html>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &server{}
			ep := srv.start(t, func(w http.ResponseWriter, r *http.Request, a asked) {
				if a.RPC == "server/discover" {
					atProbe(w, r)
					return
				}
				oddServer{version: rev0618}.ServeHTTP(w, r, a)
			})
			ep.MaxMessage = 1 << 20
			if _, _, err := use(t, ep); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerThatHangsAtTheProbe: the error of a server that answers nothing after
// server/discover names the revision that does without it.
func TestServerThatHangsAtTheProbe(t *testing.T) {
	inVirtualTime(t, "one request at a time", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Connect(ctx, Endpoint{HTTP: &http.Client{Transport: hangsAt(http.MethodPost)}, URL: "http://server/mcp"}, "")
		if err = client.Cause(err); !client.IsTimeout(err) || !strings.Contains(err.Error(), "no answer to server/discover before: --protocol 2025-11-25 does not send that") {
			t.Errorf("error %v", err)
		}
	})
}

// TestModernOnlyOverStdio checks that a running server without initialize is found to
// be modern.
func TestModernOnlyOverStdio(t *testing.T) {
	t.Parallel()
	ep := pipeServer(t, func(_ int64, m *message) (string, error) {
		if m.Method == "server/discover" {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"supportedVersions":["2026-07-28"]}}`+"\n", m.ID), nil
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", m.ID), nil
	})
	for _, ep.Running = range []bool{false, true} {
		if s, err := Connect(t.Context(), ep, ""); err != nil || s.Era().Version != Modern {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// TestRunningServerOfAnotherRevision: a server that runs already and does not speak the
// revision asked for is asked over the same streams what it speaks.
func TestRunningServerOfAnotherRevision(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ speaks, asked, want string }{
		{Legacy, Modern, "the server speaks MCP 2025-11-25, not 2026-07-28"},
		{Modern, Legacy, "the server speaks MCP 2026-07-28, not 2025-11-25"},
		{Modern, Modern, ""},
		{Legacy, Legacy, ""},
		{"", Modern, ""}, // it may speak the revision without saying so
	} {
		ep := pipeServer(t, func(started int64, m *message) (string, error) {
			switch {
			case started > 1:
				return "", errEnd
			case len(m.ID) == 0:
				return "", nil
			case m.Method == "server/discover" && test.speaks == Modern:
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"supportedVersions":["2026-07-28"]}}`+"\n", m.ID), nil
			case m.Method == "initialize" && test.speaks != Legacy:
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", m.ID), nil
			}
			return stdioResult(m) + "\n", nil
		})
		start, stream := ep.Start, io.ReadWriteCloser(nil)
		ep.Running = true
		ep.Start = func(ctx context.Context) (c io.ReadWriteCloser, err error) {
			if stream == nil {
				stream, err = start(ctx)
			}
			return stream, err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s, err := Connect(ctx, ep, test.asked)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v: error %v", test, err)
			}
			continue
		}
		if err != nil || s.Era().Version != test.asked {
			t.Errorf("%+v: %+v, %v", test, s, err)
			continue
		}
		if res, err := s.Call(ctx, anyTool, jsontext.Value(`{}`)); err != nil || res.Text != "done" {
			t.Errorf("%+v: %+v, %v", test, res, err)
		}
	}
}

// TestStdioForms checks that the error of a server whose messages are not lines says
// what came instead, and that other forms work.
func TestStdioForms(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		form func(text string) string
		want string // in the error; "" for success
	}{
		"line":      {func(s string) string { return s + "\n" }, ""},
		"CRLF":      {func(s string) string { return s + "\r\n" }, ""},
		"log lines": {func(s string) string { return "starting\n\n" + s + "\n" }, ""},
		"BOM":       {func(s string) string { return byteOrderMark + s + "\n" }, ""},
		"array":     {func(s string) string { return "[" + s + "]\n" }, ""},
		"no id, an error": {func(string) string {
			return `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}` + "\n"
		}, "an answer came with the id null (JSON-RPC error -32700: Parse error)"},
		"no id":          {func(s string) string { return strings.Replace(s, `"id":`, `"ID":`, 1) + "\n" }, `that are no messages: 1, the first is "{\"jsonrpc\"`},
		"an echo":        {func(string) string { return `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}` + "\n" }, `that are no messages: 1, the first is "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize`},
		"log of objects": {func(string) string { return `{"level":30,"msg":"ready"}` + "\n" }, `that are no messages: 1, the first is "{\"level\":30`},
		"Content-Length": {func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }, `the first is "Content-Length: `},
		"same line":      {func(s string) string { return "[INFO] answering: " + s + "\n" }, `the first is "[INFO] answering: `},
		"pretty":         {func(s string) string { return strings.ReplaceAll(s, ",", ",\n") + "\n" }, `that are no messages: 6, the first is "{`},
		"no line end":    {func(s string) string { return s }, `its output ends in a line without an end: "{`},
		"CR":             {func(s string) string { return s + "\r" }, `its output ends in a line without an end: "{`},
		"UTF-16":         {func(s string) string { return strings.ReplaceAll(s, "", "\x00")[1:] + "\n\x00" }, "the first is text in UTF-16"},
		"another id":     {func(s string) string { return strings.Replace(s, `"id":`, `"id":77`, 1) + "\n" }, "an answer came with the id 77"},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			ep := pipeServer(t, func(_ int64, m *message) (string, error) {
				if len(m.ID) == 0 {
					return "", nil
				}
				return tc.form(stdioResult(m)), nil
			})
			ep.Running = true
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err := Connect(ctx, ep, "")
			if tc.want == "" && err != nil {
				t.Error(err)
			}
			if tc.want != "" && (err == nil || !client.IsTimeout(err) || !strings.HasPrefix(err.Error(), "initialize: no answer to initialize in time; ") || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// TestMaxMessage checks that the limit on a message is that of the Endpoint.
func TestMaxMessage(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 20<<20)
	ep := pipeServer(t, func(_ int64, m *message) (string, error) {
		switch {
		case len(m.ID) == 0:
			return "", nil
		case m.Method == "tools/call":
			return strings.Replace(result(string(m.ID)), "done", large, 1) + "\n", nil
		}
		return stdioResult(m) + "\n", nil
	})
	for _, ep.MaxMessage = range []int64{0, 64 << 20} {
		s, err := Connect(t.Context(), ep, "")
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
		if ep.MaxMessage == 0 && (err == nil || !strings.Contains(err.Error(), "--max-body")) || ep.MaxMessage > 0 && (err != nil || len(res.Text) != len(large)) {
			t.Errorf("limit %d: %d bytes, %v", ep.MaxMessage, len(res.Text), err)
		}
	}
}

// TestCutOffStream checks that a stream that cannot be resumed is reported as cut off.
func TestCutOffStream(t *testing.T) {
	t.Parallel()
	s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
		if a.Method == http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		stream(w, "id: 1\nretry: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n")
	})
	_, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
	if err == nil || !strings.Contains(err.Error(), `the stream ended after event "1", before the answer, and could not be resumed: the server answered 405`) {
		t.Errorf("error %v", err)
	}
}

// TestListen checks the standalone stream: opened with the session, its requests
// answered, and a server without it respected.
func TestListen(t *testing.T) {
	t.Parallel()
	replies := make(chan string, 1)
	s, srv := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		switch {
		case a.Method == http.MethodGet:
			stream(w, `data: {"jsonrpc":"2.0","id":"p","method":"ping"}`+"\n\n")
			<-r.Context().Done()
		case a.RPC == "":
			replies <- a.Body
			w.WriteHeader(http.StatusAccepted)
		default:
			answerJSON(w, a, `{"content":[]}`)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := s.Listen(ctx, nil)
	if got := waitFor(t.Context(), replies); got != `{"jsonrpc":"2.0","id":"p","result":{}}` {
		t.Errorf("reply %s", got)
	}
	if _, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil {
		t.Errorf("a call beside the stream: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("after its end: %v", err)
	}
	for _, a := range srv.seen() {
		if a.Method == http.MethodGet && (a.Header.Get("Mcp-Session-Id") != "SESSION-1" || a.Header.Get("Accept") != "text/event-stream") {
			t.Errorf("header %v", a.Header)
		}
	}
	without, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, _ asked) { w.WriteHeader(http.StatusMethodNotAllowed) })
	if err := <-without.Listen(t.Context(), nil); !errors.Is(err, ErrNoStream) {
		t.Errorf("405: %v", err)
	}
}
