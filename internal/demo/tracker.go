package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// defaultWorkers is the number of concurrent calls of one tool; further calls queue.
const defaultWorkers = 64

// tracker holds the calls in flight, the queues of the tools and the totals.
type tracker struct {
	cfg   Config
	leaks *hoard

	mu      sync.Mutex
	last    int64
	running map[int64]*call
	tools   map[string]*tool
	calls   int64
	errors  int64
}

type call struct {
	id, parent int64
	name       string
	session    string
	start      time.Time
}

// tool is one handler: its free workers, its queue and its totals.
type tool struct {
	places        chan struct{}
	waiting       int64
	calls, errors int64
}

func newTracker(cfg Config, leaks *hoard) *tracker {
	return &tracker{cfg: cfg, leaks: leaks, running: map[int64]*call{}, tools: map[string]*tool{}}
}

type callKey struct{}

// watch is the middleware that tracks the tool calls of clients.
func (t *tracker) watch(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		params, ok := req.GetParams().(*mcp.CallToolParamsRaw)
		if !ok || method != "tools/call" {
			return next(ctx, method, req)
		}
		session := sessionOf(ctx)
		var res mcp.Result
		err := t.do(ctx, params.Name, session, func(ctx context.Context) (failed bool, err error) {
			res, err = next(ctx, method, req)
			result, ok := res.(*mcp.CallToolResult)
			failed = err != nil || ok && result.IsError
			if failed && session != nil {
				session.failedIn(params.Name)
			}
			return failed, err
		})
		return res, err
	}
}

// within runs a call made by another call.
func (t *tracker) within(ctx context.Context, name string, run func(context.Context) error) error {
	return t.do(ctx, name, sessionOf(ctx), func(ctx context.Context) (bool, error) {
		err := run(ctx)
		return err != nil, err
	})
}

// do waits for a free worker of the tool and runs a call on it.
func (t *tracker) do(ctx context.Context, name string, s *session, run func(context.Context) (failed bool, err error)) error {
	tool := t.queue(name)
	select {
	case tool.places <- struct{}{}:
	case <-ctx.Done():
		t.leave(tool)
		return ctx.Err()
	}
	c := t.begin(ctx, tool, name, s)
	failed, err := run(context.WithValue(ctx, callKey{}, c))
	t.end(tool, c, failed)
	<-tool.places
	return err
}

// queue adds a call to the queue of its tool.
func (t *tracker) queue(name string) *tool {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.tools[name]
	if q == nil {
		places := t.cfg.Workers
		if t.cfg.SlowQueue && name == "search" {
			places = 1
		}
		q = &tool{places: make(chan struct{}, places)}
		t.tools[name] = q
	}
	q.waiting++
	return q
}

func (t *tracker) leave(q *tool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q.waiting--
}

func (t *tracker) begin(ctx context.Context, q *tool, name string, s *session) *call {
	t.mu.Lock()
	defer t.mu.Unlock()
	q.waiting--
	t.last++
	c := &call{id: t.last, name: name, start: time.Now()}
	if s != nil {
		c.session = s.name
	}
	if parent, ok := ctx.Value(callKey{}).(*call); ok {
		c.parent = parent.id
	}
	t.running[c.id] = c
	return c
}

func (t *tracker) end(q *tool, c *call, failed bool) {
	t.leaks.keep(c.name, t.cfg.LeakCall)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, c.id)
	q.calls++
	t.calls++
	if failed {
		q.errors++
		t.errors++
	}
}

// fill adds the calls to s.
func (t *tracker) fill(s *snapshot.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.CallsTotal, s.ErrorsTotal = new(t.calls), new(t.errors)
	s.HandlerQueue, s.Handlers = map[string]int64{}, map[string]snapshot.Handler{}
	for name, q := range t.tools {
		s.HandlerQueue[name] = q.waiting
		s.Handlers[name] = snapshot.Handler{Calls: new(q.calls), Errors: new(q.errors), RetainedMB: new(t.leaks.of(name))}
	}
	s.ToolCallStack = make([]snapshot.Call, 0, len(t.running))
	for _, c := range t.running {
		s.ToolCallStack = append(s.ToolCallStack, c.snapshot())
	}
	slices.SortFunc(s.ToolCallStack, func(a, b snapshot.Call) int { return a.StartedAt.Compare(b.StartedAt.Time) })
}

func (c *call) snapshot() snapshot.Call {
	age := float64(time.Since(c.start).Microseconds()) / 1000
	sc := snapshot.Call{ID: fmt.Sprintf("c%d", c.id), Name: c.name, DurationMs: &age, SessionID: c.session, StartedAt: &snapshot.Time{Time: c.start}}
	if c.parent > 0 {
		sc.ParentID = fmt.Sprintf("c%d", c.parent)
	}
	return sc
}

// hoard is the leaked memory, by the handler that leaked it.
type hoard struct {
	mu   sync.Mutex
	kept map[string][][]byte
}

// page is the page size: a write to each page makes memory resident.
const page = 4096

func (h *hoard) keep(name string, size int64) {
	if size <= 0 {
		return
	}
	block := make([]byte, size)
	for i := 0; i < len(block); i += page {
		block[i] = 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept == nil {
		h.kept = map[string][][]byte{}
	}
	h.kept[name] = append(h.kept[name], block)
}

// of returns the MB leaked by the handler name.
func (h *hoard) of(name string) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, block := range h.kept[name] {
		n += len(block)
	}
	return float64(n) / (1 << 20)
}
