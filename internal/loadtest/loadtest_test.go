package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// inMemory serves h over pipes, so that it can be spoken to in virtual time.
func inMemory(t *testing.T, h http.Handler) *http.Client {
	t.Helper()
	conns := make(chan net.Conn)
	done := make(chan struct{})
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Hour}
	go srv.Serve(&pipeListener{conns, done})
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case conns <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		time.Sleep(time.Second) // until handlers whose client has gone have ended; no real time
	})
	return &http.Client{Transport: transport}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// stub is an MCP server with one tool, whose calls h answers.
type stub struct {
	sessions, closed atomic.Int64
	call             func(w http.ResponseWriter, r *http.Request, n int64, id string)
	calls            atomic.Int64
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.Unmarshal(body, &m)
	answer := func(result string) { fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result) }
	switch {
	case r.Method == http.MethodDelete:
		s.closed.Add(1)
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", fmt.Sprint("session-", s.sessions.Add(1)))
		answer(`{"protocolVersion":"2025-11-25","serverInfo":{"name":"stub"}}`)
	case m.Method == "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tools/list":
		answer(`{"tools":[{"name":"drop","annotations":{"destructiveHint":true}},{"name":"work","inputSchema":{"type":"object","required":["q"],"properties":{"q":{"type":"string"}}}}]}`)
	case m.Method == "tools/call":
		s.call(w, r, s.calls.Add(1), string(m.ID))
	default:
		http.Error(w, "unknown", http.StatusBadRequest)
	}
}

func done(w http.ResponseWriter, id string) {
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"done"}]}}`, id)
}

// A closed loop whose calls take 100 ms makes 600 of them a minute, no more and no less.
func TestClosedLoopInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{call: func(w http.ResponseWriter, _ *http.Request, _ int64, id string) {
			time.Sleep(100 * time.Millisecond)
			done(w, id)
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+50*time.Millisecond)
		defer cancel()
		res, err := Run(ctx, Config{Endpoint: mcp.Endpoint{HTTP: inMemory(t, s), URL: "http://server/mcp"}, Users: 3, Calls: 1_000_000, Rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		if res.Calls != 1800 || res.Succeeded != 1800 || !res.Interrupted || res.Verdict != VerdictOK {
			t.Errorf("%d calls, %d succeeded, interrupted %t", res.Calls, res.Succeeded, res.Interrupted)
		}
		if res.Sessions != (Sessions{Opened: 3, Closed: 3}) || s.closed.Load() != 3 || s.sessions.Load() != 3 {
			t.Errorf("sessions %+v; the server closed %d", res.Sessions, s.closed.Load())
		}
		if l := res.Latency; l.P50 < 99.9 || l.P50 > 100.1 || l.Max > 100.1 || res.UserMeans.Greatest != 100 || res.UserMeans.Least != 100 {
			t.Errorf("latency %+v, spread %+v", l, res.UserMeans)
		}
	})
}

// The delay stands between rounds, and is not counted.
func TestRoundsInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{call: func(w http.ResponseWriter, _ *http.Request, _ int64, id string) {
			time.Sleep(100 * time.Millisecond)
			done(w, id)
		}}
		start := time.Now()
		var reports int
		res, err := Run(t.Context(), Config{
			Endpoint: mcp.Endpoint{HTTP: inMemory(t, s), URL: "http://server/mcp"}, Users: 2, Calls: 10, Rounds: 3, Delay: time.Minute, Tool: "work",
			Progress: func(p Progress) {
				reports++
				if p.Planned != 60 || p.Done > 60 {
					t.Errorf("progress %+v", p)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Minute+3*time.Second {
			t.Errorf("the run took %s", took)
		}
		if res.Calls != 60 || res.DurationS != 3 || res.CallsPerSecond != 20 || res.Sessions.Opened != 6 || reports == 0 {
			t.Errorf("%+v after %d reports", res, reports)
		}
	})
}

// A server that leaves its stream open after the answer does not make the call longer.
func TestLatencyEndsWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{call: func(w http.ResponseWriter, r *http.Request, _ int64, id string) {
			time.Sleep(100 * time.Millisecond)
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: ")
			done(w, id)
			_, _ = io.WriteString(w, "\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}}
		res, err := Run(t.Context(), Config{Endpoint: mcp.Endpoint{HTTP: inMemory(t, s), URL: "http://server/mcp"}, Users: 1, Calls: 5, Rounds: 1, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if res.Succeeded != 5 || res.Latency.Max > 100.1 || res.DurationS > 1 {
			t.Errorf("%d succeeded, latency %+v, %g s in all", res.Succeeded, res.Latency, res.DurationS)
		}
	})
}

// Each kind of failure is counted apart, with an example.
func TestErrorKinds(t *testing.T) {
	s := &stub{call: func(w http.ResponseWriter, _ *http.Request, n int64, id string) {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "3600")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no such tool"}}`, id)
		case 4:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"isError":true,"content":[{"type":"text","text":%q}]}}`, id, "x"+strings.Repeat("é", 1000))
		case 5:
			_, _ = io.WriteString(w, "<html>log in</html>")
		case 6:
			http.Error(w, "no session", http.StatusNotFound) // a new one is opened
		default:
			done(w, id)
		}
	}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	res, err := Run(t.Context(), Config{Endpoint: mcp.Endpoint{HTTP: srv.Client(), URL: srv.URL}, Users: 1, Calls: 8, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	got := res.Errors
	got.Examples = nil
	if diff := cmp.Diff(Errors{Transport: 1, HTTP: 2, RPC: 1, Tool: 1, Malformed: 1}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if res.Calls != 8 || res.Succeeded != 2 || res.Failed != 6 || res.Sessions.Opened != 2 {
		t.Errorf("%+v", res)
	}
	for kind, want := range map[string]string{"http": "429", "transport": "EOF", "jsonrpc": "no such tool", "tool": "ééé", "malformed": "it is HTML"} {
		if text := res.Errors.Examples[kind]; !strings.Contains(text, want) || !utf8.ValidString(text) || len(text) > maxExample {
			t.Errorf("%s: %q", kind, text)
		}
	}
}

func TestNothingSucceeds(t *testing.T) {
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		want string // of the error
	}{
		"no MCP": {func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }, "speaking MCP to"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://else.example/?token=SECRET", http.StatusTemporaryRedirect)
		}, "to http://else.example/, which is not followed"},
		"an event of noise": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, ": noise\n\n")
		}, "the stream ended before the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.h)
			defer srv.Close()
			c := srv.Client()
			c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			res, err := Run(t.Context(), Config{Endpoint: mcp.Endpoint{HTTP: c, URL: srv.URL + "/mcp?token=SECRET"}, Users: 1, Calls: 1, Rounds: 1})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error()+res.URL, "SECRET") || res.Verdict != VerdictFailed {
				t.Errorf("%v; want %q", err, tc.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	safe, harsh := mcp.Tool{Name: "safe"}, mcp.Tool{Name: "harsh"}
	harsh.Annotations.Destructive = true
	for _, tc := range []struct {
		tools []mcp.Tool
		name  string
		want  string
	}{
		{[]mcp.Tool{harsh, safe}, "", "safe"}, {[]mcp.Tool{harsh, safe}, "harsh", "harsh"}, {[]mcp.Tool{harsh}, "", "the server calls all its tools destructive"},
		{nil, "x", "the server offers no tools"}, {[]mcp.Tool{safe, harsh}, "x", `there is no tool "x"; there are safe, harsh`},
	} {
		tool, err := choose(tc.tools, tc.name)
		if err == nil {
			err = errors.New(tool.Name)
		}
		if !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%v of %v: %v", tc.name, tc.tools, err)
		}
	}
}

func TestArguments(t *testing.T) {
	property := func(schema string) string {
		return `{"type":"object","required":["x"],"properties":{"x":` + schema + `}}`
	}
	for schema, want := range map[string]string{
		``: `{}`, `null`: `{}`, `[]`: `{}`, `{"type":"string"}`: `{}`, `{"type":"object","properties":{"a":{"type":"string"}}}`: `{}`,
		property(`{"type":"string"}`): `{"x":"mcpdiag"}`, property(`{"type":"string","minLength":10}`): `{"x":"mcpdiag mcpdiag"}`,
		property(`{"type":"integer"}`): `{"x":1}`, property(`{"type":"number","minimum":2.5}`): `{"x":2.5}`, property(`{"maximum":-3,"type":"integer"}`): `{"x":-3}`,
		property(`{"type":"boolean"}`): `{"x":false}`, property(`{"type":["null","integer"]}`): `{"x":1}`, property(`{"type":"null"}`): `{"x":null}`,
		property(`{"type":"array","items":{"type":"integer"}}`): `{"x":[]}`, property(`{"type":"array","minItems":2,"items":{"type":"integer"}}`): `{"x":[1,1]}`,
		property(`{"enum":["a","b"]}`): `{"x":"a"}`, property(`{"const":7}`): `{"x":7}`, property(`{"default":[1]}`): `{"x":[1]}`, property(`{"examples":["e"],"type":"string"}`): `{"x":"e"}`,
		property(`{"anyOf":[{"type":"integer"},{"type":"string"}]}`): `{"x":1}`, property(`{"type":"string","format":"date"}`): `{"x":"2026-01-31"}`,
		property(`{"type":"object","required":["y"],"properties":{"y":{"type":"boolean"}}}`): `{"x":{"y":false}}`,
		property(`{}`): `{"x":"mcpdiag"}`, property(`true`): `{"x":null}`, `{"required":["gone"]}`: `{"gone":null}`, property(`{"type":5}`): `{"x":"mcpdiag"}`,
	} {
		if got := string(Arguments(jsontext.Value(schema))); got != want {
			t.Errorf("%s: %s, want %s", schema, got, want)
		}
	}
	deep := strings.Repeat(`{"type":"array","minItems":100,"items":`, 20) + `{}` + strings.Repeat("}", 20)
	long := property(`{"type":"string","minLength":1000000000}`)
	for _, schema := range []string{property(deep), long} {
		if n := len(Arguments(jsontext.Value(schema))); n > 1<<20 {
			t.Errorf("%.60s: %d bytes", schema, n)
		}
	}
}
