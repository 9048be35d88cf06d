package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Servers that are not there, hang, or break off.
func TestBrokenServers(t *testing.T) {
	t.Parallel()
	refused := "http://" + processtest.FreeAddress(t)
	reset := func(conn net.Conn) {
		after("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"heap")(noClose{conn})
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	for title, tc := range map[string]struct{ url, want string }{
		"refuse":                  {refused, `connection refused; is the server running? "mcpdiag demo --serve" starts one to try`},
		"accept and never answer": {rawServer(t, func(net.Conn) {}), "no answer within 500ms (waiting for the answer); the server may hang"},
		"close at once":           {rawServer(t, func(c net.Conn) { _ = c.Close() }), "the server"},
		"switch protocols": {rawServer(t, func(c net.Conn) {
			after("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")(noClose{c})
		}), "the server answered 101 Switching Protocols"},
		"reset in mid-body": {rawServer(t, reset), "the server reset the connection while reading the answer; its log may say why"},
	} {
		for what, args := range asks(tc.url, t.TempDir()) {
			t.Run(title+", "+what, func(t *testing.T) {
				t.Parallel()
				invoke(t, append(args, "--timeout", patience(tc.want))...).wants(t, exitFailure, tc.want)
			})
		}
	}
	t.Run("never answer, for a duration", func(t *testing.T) {
		o := invoke(t, "poll", rawServer(t, func(net.Conn) {}), "--duration", "50ms", "-o", filepath.Join(t.TempDir(), "t"))
		o.wants(t, exitFailure, "no poll was answered before the run ended")
	})
}

// noClose keeps a connection open for what is to be done to it.
type noClose struct{ net.Conn }

func (noClose) Close() error { return nil }

// every answers each nth request with h.
func every(n int64, h, otherwise http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1)%n == 0 {
			h(w, r)
			return
		}
		otherwise(w, r)
	}
}

// Polls that fail now and then are recorded, and the run goes on. Nobody waits
// for as long as a Retry-After says.
func TestFailuresOnTheWay(t *testing.T) {
	t.Parallel()
	slowDown := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	}
	broken := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "boom", http.StatusInternalServerError) }
	drop := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	callDone := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, rpcID(r))
	}
	for title, tc := range map[string]struct {
		h    http.HandlerFunc
		want string
		kind string // as loadtest counts it
	}{
		"429": {slowDown, "429 Too Many Requests", `"kind": "rateLimited",
          "code": 429,
          "count": 4`},
		"500": {broken, "500 Internal Server Error", `"kind": "http",
          "code": 500,
          "count": 4`},
		"reset": {h: drop},
	} {
		t.Run(title+", poll", func(t *testing.T) {
			var asked atomic.Int64
			answer := every(3, tc.h, text(healthySnapshot))
			url := (&badServer{snapshot: func(w http.ResponseWriter, r *http.Request) { asked.Add(1); answer(w, r) }}).start(t)
			trace := filepath.Join(t.TempDir(), "trace")
			o := invoke(t, "poll", url, "--interval", "1ms", "--count", "9", "-o", trace, "--format", "json")
			failed, requests := 3, int64(9)
			if title == "reset" { // net/http asks again where a connection that was used before is closed
				failed, requests = 0, 13
			} else {
				o.wants(t, exitOK, tc.want)
			}
			o.wants(t, exitOK, fmt.Sprintf(`"failed": %d,`, failed))
			o.wants(t, exitOK, `"polls": 9`)
			if asked.Load() != requests {
				t.Errorf("%d requests, want %d", asked.Load(), requests)
			}
		})
		t.Run(title+", loadtest", func(t *testing.T) {
			url := (&badServer{tool: "x", call: every(3, tc.h, callDone)}).start(t)
			o := invoke(t, "loadtest", url, "--users", "1", "--calls", "12", "--protocol", "2025-11-25", "--format", "json")
			if title == "reset" { // a reused connection was closed without an answer: the request is sent again
				o.wants(t, exitOK, `"succeeded": 12`)
				o.wants(t, exitOK, "sent again on a new connection")
				return
			}
			o.wants(t, exitOK, tc.kind)
			o.wants(t, exitOK, tc.want)
			o.wants(t, exitOK, `"succeeded": 8`)
		})
	}
}

// A restart during the run is noticed: PID, uptime and counters begin again.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	docs := map[string][2]string{
		"pid":       {`{"heapUsedMB": 90, "activeSessions": 5, "pid": 1, "callsTotal": 5}`, `{"heapUsedMB": 95, "activeSessions": 1, "pid": 2, "callsTotal": 9}`},
		"counters":  {`{"heapUsedMB": 90, "activeSessions": 5, "callsTotal": 50}`, `{"heapUsedMB": 95, "activeSessions": 1, "callsTotal": 0}`},
		"uptime":    {`{"heapUsedMB": 90, "activeSessions": 5, "uptimeMs": 50000}`, `{"heapUsedMB": 95, "activeSessions": 1, "uptimeMs": 10}`},
		"startTime": {`{"heapUsedMB": 90, "activeSessions": 5, "startTime": 1763700000}`, `{"heapUsedMB": 95, "activeSessions": 1, "startTime": 1763700100}`},
	}
	for title, doc := range docs {
		t.Run(title, func(t *testing.T) {
			n := 0
			url := (&badServer{snapshot: func(w http.ResponseWriter, _ *http.Request) { n++; _, _ = io.WriteString(w, doc[n/4]) }}).start(t)
			trace := filepath.Join(t.TempDir(), "trace")
			o := invoke(t, "poll", url, "--interval", "1ms", "--count", "6", "-o", trace, "--format", "json")
			o.wants(t, exitOK, `"restarts": 1`)
			o.wants(t, exitOK, "restart  http://127.0.0.1")
			invoke(t, "diff", trace).wants(t, exitFailure, "cannot be judged: the server restarted in between")
		})
	}
}

// A server that dies during the run: what was seen until then is told.
func TestServerDies(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	n := 0
	url := (&badServer{snapshot: func(w http.ResponseWriter, _ *http.Request) {
		if n++; n > 3 {
			dead.Store(true)
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, healthySnapshot)
	}}).start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	o := invoke(t, "poll", url, "--interval", "1ms", "--fail-after", "3", "-o", trace)
	o.wants(t, exitFailure, "3 polls in a row failed, the last: polling")
	if !dead.Load() || !strings.Contains(o.out, "POLLS") {
		t.Errorf("no summary: %s", o.out)
	}
	if got := files(t, filepath.Dir(trace))["trace"]; strings.Count(got, "\n") != 6 || strings.Count(got, `"error":`) != 3 {
		t.Errorf("trace %s", got)
	}
}

// Ctrl-C while a server hangs ends the run at once.
func TestInterruptedWhileItHangs(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"poll", "diff", "loadtest"} {
		t.Run(command, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			url := rawServer(t, func(net.Conn) { cancel() })
			args := []string{command, url, "--timeout", "1h"}
			if command == "poll" {
				args = append(args, "-o", filepath.Join(t.TempDir(), "t"))
			}
			invokeWith(ctx, args...).wants(t, exitFailure, "mcpdiag:")
		})
	}
}
