package engine

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// scripted is a server with sessions whose calls are answered by hand.
type scripted struct {
	calls    atomic.Int64
	sessions atomic.Int64
	call     func(w http.ResponseWriter, r *http.Request, n int64, id string)
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     json.RawMessage
		Method string
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &m)
	switch m.Method {
	case "initialize":
		w.Header().Set("Mcp-Session-Id", fmt.Sprint("S", s.sessions.Add(1)))
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","serverInfo":{"name":"scripted"}}}`, m.ID)
	case "tools/list":
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"work","inputSchema":{"type":"object"}}]}}`, m.ID)
	case "tools/call":
		s.call(w, r, s.calls.Add(1), string(m.ID))
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func good(w http.ResponseWriter, id string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, id)
}

func event(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// raw writes what net/http would not, and ends the connection.
func raw(w http.ResponseWriter, text string, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func forever1(w http.ResponseWriter, text string) {
	for err := error(nil); err == nil; _, err = io.WriteString(w, text) {
	}
}

var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 16<<20))
	_ = z.Close()
	return b.Bytes()
})

// A call that a server ruins costs that call, is counted by what was wrong, and
// no other call fails.
func TestRuinedCalls(t *testing.T) {
	processtest.NeedsThorough(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server was asked: %s %v", r.Method, r.Header)
	}))
	defer elsewhere.Close()
	for name, tc := range map[string]struct {
		ruin func(w http.ResponseWriter, r *http.Request, id string)
		kind result.ErrorKind
		code int64
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			raw(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", false)
		}, result.ErrReset, 0},
		"cut off chunk": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			raw(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{", false)
		}, result.ErrReset, 0},
		"never":        {func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }, result.ErrTimeout, 0},
		"drop by drop": {func(w http.ResponseWriter, r *http.Request, _ string) { event(w, "data: "); <-r.Context().Done() }, result.ErrTimeout, 0},
		"500":          {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(500) }, result.ErrHTTP, 500},
		"503 with a page": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "<html>")
		}, result.ErrHTTP, 503},
		"429": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(429)
		}, result.ErrLimited, 429},
		"login page": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			_, _ = io.WriteString(w, "<html>log in</html>")
		}, result.ErrMalformed, 0},
		"empty": {func(http.ResponseWriter, *http.Request, string) {}, result.ErrMalformed, 0},
		"trailing": {func(w http.ResponseWriter, _ *http.Request, id string) {
			good(w, id)
			_, _ = io.WriteString(w, "garbage")
		}, result.ErrMalformed, 0},
		"deep": {func(w http.ResponseWriter, _ *http.Request, id string) {
			fmt.Fprintf(w, `{"id":%s,"error":%s`, id, strings.Repeat("[", 10_001))
		}, result.ErrMalformed, 0},
		"another id": {func(w http.ResponseWriter, _ *http.Request, _ string) { good(w, "77777") }, result.ErrMalformed, 0},
		"isError": {func(w http.ResponseWriter, _ *http.Request, id string) {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"isError":true}}`, id)
		}, result.ErrTool, 0},
		"JSON-RPC": {func(w http.ResponseWriter, _ *http.Request, id string) {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"\u001b[2J"}}`, id)
		}, result.ErrRPC, -32602},
		"version": {func(w http.ResponseWriter, _ *http.Request, id string) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,"message":"no"}}`, id)
		}, result.ErrVersion, -32022},
		"session lost": {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(404) }, result.ErrSession, 404},
		"a redirect": {func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, result.ErrHTTP, 307},
		"endless": {func(w http.ResponseWriter, _ *http.Request, _ string) { forever1(w, strings.Repeat("x", 64<<10)) }, result.ErrTooLarge, 0},
		"endless line": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			event(w, ":")
			forever1(w, strings.Repeat("x", 64<<10))
		}, result.ErrTooLarge, 0},
		"comments": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			event(w, ":")
			forever1(w, strings.Repeat(": x\n\n", 8<<10))
		}, result.ErrTooLarge, 0},
		"a bomb": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb())
		}, "", 0},
		"a header of 10 MB": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			raw(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: "+strings.Repeat("x", 990)+"\r\n", 10_000)+"\r\n", false)
		}, "", 0},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request, _ string) { raw(w, "220 mail ESMTP\r\n\r\n", false) }, "", 0},
	} {
		for _, direct := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, direct %t", name, direct), func(t *testing.T) {
				t.Parallel()
				s := &scripted{call: func(w http.ResponseWriter, r *http.Request, n int64, id string) {
					if n%5 == 0 {
						tc.ruin(w, r, id)
						return
					}
					good(w, id)
				}}
				timeout := 5 * time.Second
				if tc.kind == result.ErrTimeout {
					timeout = time.Second
				}
				cfg := onTCP(t, s, timeout)
				cfg.NetHTTP = !direct
				res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 3, Calls: 10}}})
				if res.Calls != 30 || res.Failed != 6 || len(res.Errors) != 1 {
					t.Fatalf("%d calls, %d failed: %+v", res.Calls, res.Failed, res.Errors)
				}
				if e := res.Errors[0]; tc.kind != "" && (e.Kind != tc.kind || e.Code != tc.code) || e.Count != 6 || len(e.Example) > plan.MaxExample {
					t.Errorf("%+v, want %s %d", e, tc.kind, tc.code)
				}
				if e := res.Errors[0]; tc.kind == result.ErrSession && (res.Sessions.Lost != 6 || res.Sessions.Opened < 6) || strings.Contains(e.Example, "SENTINEL") {
					t.Errorf("%+v, %+v", e, res.Sessions)
				}
			})
		}
	}
}

// TestResentCalls checks that a call goes again on a new connection if the server
// closes the reused one without an answer, and that the result says so.
func TestResentCalls(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{true, false} {
		for _, direct := range []bool{true, false} {
			s := &scripted{call: func(w http.ResponseWriter, _ *http.Request, n int64, id string) {
				if n%5 == 0 {
					raw(w, "", reset)
					return
				}
				good(w, id)
			}}
			cfg := onTCP(t, s, 5*time.Second)
			cfg.NetHTTP = !direct
			res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 1, Calls: 30}}})
			if res.Calls != 30 || res.Failed != 0 || !slices.ContainsFunc(res.Warnings, func(w string) bool { return strings.Contains(w, "sent again on a new connection") }) {
				t.Errorf("reset %t, direct %t: %d calls, %d failed, warnings %q", reset, direct, res.Calls, res.Failed, res.Warnings)
			}
		}
	}
}

// A rate limit is obeyed where that is asked for.
func TestRetryAfter(t *testing.T) {
	for _, respect := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{call: func(w http.ResponseWriter, _ *http.Request, n int64, id string) {
				if n == 3 {
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				good(w, id)
			}}
			cfg := inMemory(t, s)
			res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 1, Calls: 5}}, RespectRetryAfter: respect})
			if waited := res.DurationS > 6.9; waited != respect || res.DurationS > 7.5 || res.ErrorsOf(result.ErrLimited) != 1 {
				t.Errorf("respect %t: %f s, %v", respect, res.DurationS, res.Errors)
			}
		})
	}
}

// A server that goes away for a while costs the calls of that time.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		down := func() bool { d := time.Since(began); return d > 5*time.Second && d < 10*time.Second }
		s := &scripted{}
		s.call = func(w http.ResponseWriter, r *http.Request, _ int64, id string) {
			var session int64
			_, _ = fmt.Sscanf(r.Header.Get("Mcp-Session-Id"), "S%d", &session)
			if time.Since(began) > 10*time.Second && session <= 4 {
				w.WriteHeader(http.StatusNotFound) // it knows nobody any more
				return
			}
			time.Sleep(100 * time.Millisecond)
			good(w, id)
		}
		cfg := inMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down() {
				raw(w, "", false)
				return
			}
			s.ServeHTTP(w, r)
		}))
		cfg.Plan = plan.Plan{Steps: workStep, Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 4, Duration: 20 * time.Second}}}
		res, err := prepareAndRun(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		last := res.Series[len(res.Series)-1]
		if last.Calls < 36 || last.Errors > 0 || res.Series[3].Errors > 0 || res.Sessions.Lost != 4 || res.Sessions.Opened != 8 {
			t.Errorf("last second %+v, sessions %+v, errors %+v", last, res.Sessions, res.Errors)
		}
		if res.ErrorsOf(result.ErrReset)+res.ErrorsOf(result.ErrSession) != res.Failed {
			t.Errorf("errors %+v", res.Errors)
		}
	})
}

// A server that dies for good ends no run: its calls fail at the rate of the back-off.
func TestServerDies(t *testing.T) {
	s := &scripted{}
	cfg := onTCP(t, s, 5*time.Second)
	srv := httptest.NewServer(s)
	defer srv.Close()
	s.call = func(w http.ResponseWriter, _ *http.Request, n int64, id string) {
		if n == 10 {
			_ = srv.Listener.Close()
			go srv.CloseClientConnections()
		}
		good(w, id)
	}
	cfg.Endpoint.URL = srv.URL
	cfg.Watch = func(res *result.Result) string {
		if res.ErrorsOf(result.ErrConnect) > 0 {
			return "it was seen to be gone"
		}
		return ""
	}
	cfg.Plan = plan.Plan{Steps: workStep, Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 3, Duration: time.Hour}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := prepareAndRun(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res.ErrorsOf(result.ErrConnect) == 0 || res.Succeeded == 0 || !res.Interrupted {
		t.Errorf("%d calls, %d failed, %+v", res.Calls, res.Failed, res.Errors)
	}
}

// TestSharedServerCrashes: users that share a command that crashes wait longer and longer
// before they start it again, and one attempt counts for all that waited for it.
func TestSharedServerCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cfg := Config{Timeout: 30 * time.Second, Options: Options{Shared: true}}
		cfg.Endpoint.Start = func(context.Context) (io.ReadWriteCloser, error) {
			if starts++; starts > 1000 {
				cancel()
			}
			if starts > 1 {
				return nil, errors.New("it crashes")
			}
			ours, its := net.Pipe()
			in := bufio.NewScanner(its)
			answer := func(result string) { in.Scan(); fmt.Fprintln(its, result) }
			go func() {
				defer its.Close()
				answer(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","serverInfo":{"name":"crashes"}}}`)
				in.Scan() // initialized
				answer(`{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"work","inputSchema":{"type":"object"}}]}}`)
			}()
			return ours, nil
		}
		cfg.Plan = plan.Plan{Steps: workStep, Protocol: mcp.Legacy, Stages: []plan.Stage{{Users: 10, Duration: 10 * time.Second}}}
		res, err := prepareAndRun(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if starts < 3 || starts > 10 || res.Succeeded != 0 || res.Sessions.Failed != int64(starts-1) {
			t.Errorf("%d starts, %d calls succeeded, %+v", starts, res.Succeeded, res.Sessions)
		}
	})
}

// Two thousand users hold, none is starved, and they cost little. Each makes its calls.
func TestManyUsers(t *testing.T) {
	processtest.NeedsThorough(t)
	s := &scripted{call: func(w http.ResponseWriter, _ *http.Request, _ int64, id string) { good(w, id) }}
	cfg := onTCP(t, s, 30*time.Second)
	before := inUse()
	var peak atomic.Uint64
	cfg.Watch = func(*result.Result) string { peak.Store(max(peak.Load(), inUse())); return "" }
	res := runPlan(t, cfg, plan.Plan{Stages: []plan.Stage{{Users: 2000, Calls: 5}}})
	if res.Calls != 10_000 || res.Failed != 0 || res.UserCalls.Least != 5 || res.UserCalls.Greatest != 5 {
		t.Errorf("%d calls, %d failed, %+v, %+v", res.Calls, res.Failed, res.UserCalls, res.Errors)
	}
	t.Logf("%d MB before, %d MB at most, server and generator in one", before>>20, peak.Load()>>20)
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
