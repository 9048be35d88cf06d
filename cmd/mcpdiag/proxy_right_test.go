package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// proxied is a demo server with a proxy before it.
type proxied struct {
	demo  *demo.Server
	proxy *proxy.Proxy
	url   string
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	return newProxiedDemo(t, demo.Config{SessionTimeout: time.Hour})
}

func newProxiedDemo(t *testing.T, config demo.Config) *proxied {
	t.Helper()
	p := &proxied{demo: demo.New(config)}
	server := httptest.NewServer(p.demo.Handler())
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.proxy = proxy.New(proxy.Config{To: to, Guard: guard.Guard{Private: true}})
	front := httptest.NewServer(p.proxy)
	p.url = front.URL
	t.Cleanup(func() {
		front.CloseClientConnections()
		server.CloseClientConnections()
		front.Close()
		server.Close()
	})
	return p
}

// books holds the figures that the snapshots of proxy and server must agree on.
type books struct{ Sessions, Created, Closed, Ended, Failed, Open int64 }

// booksOf returns the figures of s; calls queued in the demo server are open for the proxy.
func booksOf(s *snapshot.Snapshot) books {
	b := books{Ended: *s.CallsTotal, Failed: *s.ErrorsTotal, Open: int64(len(s.ToolCallStack)) + s.Queued()}
	if s.ActiveSessions != nil {
		b.Sessions, b.Created, b.Closed = *s.ActiveSessions, *s.SessionsCreatedTotal, *s.SessionsClosedTotal
	}
	return b
}

func (p *proxied) seen() books { return booksOf(&p.proxy.Snapshot().Snapshot) }
func (p *proxied) own() books  { return booksOf(p.demo.Snapshot()) }

// agree waits until both books say the same and ok holds of it.
func (p *proxied) agree(t *testing.T, when string, ok func(books) bool) {
	t.Helper()
	var seen, own books
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if seen, own = p.seen(), p.own(); seen == own && ok(own) {
			return
		}
	}
	t.Fatalf("%s: the proxy saw %+v, the server has %+v", when, seen, own)
}

// poll compares during traffic: calls end in the server before the proxy sees it,
// and the proxy sees calls before they begin in the server.
func (p *proxied) poll(t *testing.T, stop <-chan struct{}) (polls int) {
	for {
		select {
		case <-stop:
			return polls
		default:
		}
		before, own, after := p.seen(), p.own(), p.seen()
		if before.Ended > own.Ended || own.Ended+own.Open > after.Ended+after.Open || before.Failed > own.Failed ||
			before.Created > own.Created || before.Closed > own.Closed || own.Closed > after.Created {
			t.Errorf("the server has %+v, the proxy saw %+v before and %+v after", own, before, after)
		}
		polls++
		time.Sleep(time.Millisecond)
	}
}

// ends lists the ways in which users leave their sessions.
var ends = []string{"delete", "abandon", "keep"}

// TestProxyIsRight: 200 users with a mix of ends.
func TestProxyIsRight(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	const users = 200
	p := newProxiedDemo(t, demo.Config{SessionTimeout: time.Hour, Workers: users, ServiceTime: 2 * time.Second})
	stop, polled := make(chan struct{}), make(chan int, 1)
	end := sync.OnceFunc(func() { close(stop) })
	var poller sync.WaitGroup
	poller.Go(func() { polled <- p.poll(t, stop) })
	t.Cleanup(func() { end(); poller.Wait() })
	sessions := make([]*mcp.Session, users)
	clients := make([]*http.Client, users)
	each := func(do func(i int) error) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range users {
			wg.Go(func() {
				if err := do(i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	each(func(i int) (err error) {
		clients[i] = &http.Client{Transport: &http.Transport{}}
		sessions[i], err = mcp.Open(t.Context(), mcp.Endpoint{URL: p.url + "/mcp", HTTP: clients[i]}, mcp.Era{Version: "2025-11-25"})
		return err
	})
	p.agree(t, "opened", func(b books) bool { return b.Sessions == users })
	each(func(i int) error { return callMany(t.Context(), sessions[i], 4) })
	p.agree(t, "called", func(b books) bool { return b.Ended == users*4 && b.Failed > users/2 && b.Open == 0 })

	var enough atomic.Bool
	var searched atomic.Int64
	done := make(chan struct{})
	go func() {
		each(func(i int) error { // again and again: a busy machine may not begin all within two seconds
			for !enough.Load() {
				if err := callTool(t.Context(), sessions[i], "search"); err != nil {
					return err
				}
				searched.Add(1)
			}
			return nil
		})
		close(done)
	}()
	p.agree(t, "all in flight", func(b books) bool { return b.Open == users })
	enough.Store(true)
	<-done
	each(func(i int) error {
		switch ends[i%len(ends)] {
		case "delete":
			return sessions[i].Close(t.Context())
		case "abandon":
			clients[i].CloseIdleConnections()
		}
		return nil
	})
	p.agree(t, "at the end", func(b books) bool {
		return b.Closed == 67 && b.Sessions == users-67 && b.Ended == users*4+searched.Load()
	})
	end()
	if n := <-polled; n < 20 {
		t.Errorf("only %d polls were compared", n)
	}
}

// callMany calls echo and flaky by turns.
func callMany(ctx context.Context, s *mcp.Session, calls int) error {
	for i := range calls {
		if err := callTool(ctx, s, []string{"echo", "flaky"}[i%2]); err != nil {
			return err
		}
	}
	return nil
}

func callTool(ctx context.Context, s *mcp.Session, tool string) error {
	_, err := s.Do(ctx, mcp.CallTool(&mcp.Tool{Name: tool}, jsontext.Value("{}")))
	return err
}

// TestManySessions: 10,000 open sessions, each with its client's connection
// gone, cost little. It runs alone: the memory of other tests would count.
func TestManySessions(t *testing.T) {
	processtest.NeedsThorough(t)
	const sessions = 10_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", r.Header.Get("X-Number"))
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	}))
	defer server.Close()
	to, _ := url.Parse(server.URL)
	p := proxy.New(proxy.Config{To: to, Guard: guard.Guard{Private: true}, Idle: time.Nanosecond})
	before := heapInUse()
	for i := range sessions {
		req := httptest.NewRequest(http.MethodPost, "/mcp", jsonBody(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
		req.Host = "localhost"
		req.Header.Set("X-Number", fmt.Sprintf("a-session-id-of-the-usual-length-%08d", i))
		p.ServeHTTP(httptest.NewRecorder(), req)
	}
	d := p.Snapshot()
	if *d.ActiveSessions != sessions || d.Orphans.Sessions != sessions || len(d.Sessions) != 100 {
		t.Errorf("%d sessions, %d orphans, %d listed", *d.ActiveSessions, d.Orphans.Sessions, len(d.Sessions))
	}
	if grown := heapInUse() - before; grown > 20<<20 {
		t.Errorf("%d sessions keep %d MB", sessions, grown>>20)
	}
	if doc, err := json.Marshal(d); err != nil || len(doc) > 64<<10 {
		t.Errorf("the document has %d bytes, %v", len(doc), err)
	}
}
