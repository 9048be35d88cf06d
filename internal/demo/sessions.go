package demo

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// transportSize is the size of a session's transport.
const transportSize = 256 << 10

// registry counts the sessions as the server does.
type registry struct {
	cfg   Config
	leaks *hoard

	mu      sync.Mutex
	open    map[string]*session
	created int64
	closed  int64
}

type session struct {
	name string // shown instead of its id, which is a credential
	mcp  *mcp.ServerSession

	mu      sync.Mutex
	start   time.Time
	seen    time.Time
	failed  string // the tool of its first failed call, or ""
	expired bool
}

func newRegistry(cfg Config, leaks *hoard) *registry {
	return &registry{cfg: cfg, leaks: leaks, open: map[string]*session{}}
}

type sessionKey struct{}

func sessionOf(ctx context.Context) *session {
	s, _ := ctx.Value(sessionKey{}).(*session)
	return s
}

// watch is the middleware that registers sessions and adds the session to each request.
func (r *registry) watch(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		ss, ok := req.GetSession().(*mcp.ServerSession)
		if !ok || ss.ID() == "" {
			return next(ctx, method, req)
		}
		if method == "initialize" {
			r.add(ss)
		}
		r.mu.Lock()
		s := r.open[ss.ID()]
		r.mu.Unlock()
		return next(context.WithValue(ctx, sessionKey{}, s), method, req)
	}
}

func (r *registry) add(ss *mcp.ServerSession) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.created++
	now := time.Now()
	s := &session{name: fmt.Sprintf("s%d", r.created), mcp: ss, start: now, seen: now}
	r.open[ss.ID()] = s
	go func() {
		_ = ss.Wait() // the reason does not matter
		r.remove(ss.ID())
	}()
}

// remove takes a session out of the registry. With the leak switched on, the
// memory of a session in which a call failed is never released.
func (r *registry) remove(id string) {
	r.mu.Lock()
	s := r.open[id]
	delete(r.open, id)
	if s != nil {
		r.closed++
	}
	r.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != "" {
		r.leaks.keep(s.failed, r.cfg.LeakSession)
	}
	if s.expired && r.cfg.LeakAbandoned {
		r.leaks.keep("transport", transportSize)
	}
}

func (s *session) failedIn(tool string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == "" {
		s.failed = tool
	}
}

// touch records that a session is in use.
func (r *registry) touch(id string) {
	r.mu.Lock()
	s := r.open[id]
	r.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		s.seen = time.Now()
		s.mu.Unlock()
	}
}

// expire ends sessions that have been idle for too long. With the fault on, only
// the registry forgets them, and their transports stay.
func (r *registry) expire(now time.Time) {
	r.mu.Lock()
	var idle []string
	for id, s := range r.open {
		s.mu.Lock()
		if now.Sub(s.seen) > r.cfg.SessionTimeout {
			s.expired = true
			idle = append(idle, id)
		}
		s.mu.Unlock()
	}
	r.mu.Unlock()
	for _, id := range idle {
		if r.cfg.LeakAbandoned {
			r.remove(id)
			continue
		}
		r.mu.Lock()
		s := r.open[id]
		r.mu.Unlock()
		if s != nil {
			_ = s.mcp.Close() // the session is gone in any case
		}
	}
}

// fill adds the figures of the sessions to doc.
func (r *registry) fill(doc *snapshot.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	doc.ActiveSessions = new(int64(len(r.open)))
	doc.SessionsCreatedTotal, doc.SessionsClosedTotal = new(r.created), new(r.closed)
	oldest := 0.0
	for _, s := range r.open {
		oldest = max(oldest, float64(time.Since(s.start).Milliseconds()))
	}
	doc.OldestSessionAgeMs = &oldest
	if retained := r.leaks.of("transport"); retained > 0 {
		doc.Handlers["transport"] = snapshot.Handler{RetainedMB: &retained}
	}
}

// Snapshot is the document of /debug/snapshot.
func (s *Server) Snapshot() *snapshot.Snapshot {
	now := time.Now()
	pid := int64(os.Getpid())
	uptime := float64(now.Sub(s.started).Milliseconds())
	doc := &snapshot.Snapshot{
		Timestamp: &snapshot.Time{Time: now}, StartTime: &snapshot.Time{Time: s.started},
		PID: &pid, UptimeMs: &uptime, HeapUsedMB: new(heapMB()),
	}
	s.calls.fill(doc)
	s.sessions.fill(doc)
	return doc
}

func heapMB() float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64()) / (1 << 20)
}

// housekeep expires sessions and, after calls, collects garbage, which Go would
// do on an idle server only after two minutes.
func (s *Server) housekeep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	collected := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.sessions.expire(now)
			if done := s.calls.total() + s.sessions.ended(); done != collected {
				runtime.GC()
				collected = done
			}
		}
	}
}

func (r *registry) ended() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (t *tracker) total() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}
