package leaktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// load makes operations. Everything that is made goes through batch.
type load struct {
	cfg      *Config
	ep       mcp.Endpoint
	era      mcp.Era // with sessions, where the server has them
	sessions bool
	modern   bool
	tool     mcp.Tool
	args     jsontext.Value
	line     *mcp.Session // over standard streams, which have one
	warning  string

	mu       sync.Mutex
	standing map[int]*mcp.Session // of each worker
	streams  map[int]string       // sessions whose streams are dropped
	turn     atomic.Int64
}

// newLoad finds out how to speak to the server and what to call. line, where it
// is set, is the server's standard streams, with a session that is open already.
func newLoad(ctx context.Context, cfg *Config, line *mcp.Session) (*load, error) {
	l := &load{cfg: cfg, line: line, standing: map[int]*mcp.Session{}, streams: map[int]string{}}
	ctx, cancel := l.exchange(ctx)
	defer cancel()
	session := line
	if line == nil {
		l.ep = mcp.Endpoint{HTTP: cfg.Client.HTTP(), URL: cfg.URL.String()}
		var err error
		if session, err = l.first(ctx); err != nil {
			return nil, client.Cause(err)
		}
		defer session.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the server may not allow it
	}
	l.era = session.Era()
	tools, err := session.Tools(ctx)
	if err != nil {
		return nil, client.Cause(err)
	}
	if err := l.take(tools); err != nil || line != nil {
		return l, err
	}
	l.sessions, err = l.hasSessions(ctx)
	return l, err
}

// first opens a session of the newest revision that has sessions, where the
// server speaks one: they are what servers keep.
func (l *load) first(ctx context.Context) (*mcp.Session, error) {
	newest, err := mcp.Connect(ctx, l.ep, l.cfg.Protocol)
	if err != nil || l.cfg.Protocol != "" || newest.Era().Sessions() {
		return newest, err
	}
	l.modern = true
	if session, err := mcp.Open(ctx, l.ep, mcp.Era{Version: mcp.Legacy}); err == nil {
		return session, nil
	}
	return newest, nil
}

// take chooses the tool to call. Where the server has none that may be called
// without being asked for, tools/list takes the place of calls.
func (l *load) take(tools []mcp.Tool) error {
	tool, err := choose(tools, l.cfg.Tool)
	switch {
	case err == nil:
		l.tool, l.args = tool, l.cfg.Args
	case l.cfg.Tool != "":
		return err
	default:
		l.warning = err.Error() + "; until then tools/list is called in the place of a tool"
	}
	if len(l.args) == 0 && l.tool.Name != "" {
		r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time is what is wanted
		l.args = arguments.Make(l.tool.InputSchema, r)
	}
	return nil
}

func choose(tools []mcp.Tool, name string) (mcp.Tool, error) {
	i := slices.IndexFunc(tools, func(t mcp.Tool) bool { return t.Name == name || name == "" && !t.Annotations.Destructive })
	switch {
	case i >= 0:
		return tools[i], nil
	case len(tools) == 0:
		return mcp.Tool{}, errors.New("the server offers no tools")
	case name == "":
		return mcp.Tool{}, errors.New("the server calls all its tools destructive; name one with --tool")
	}
	var names []string
	for _, t := range tools {
		names = append(names, t.Name)
	}
	return mcp.Tool{}, fmt.Errorf("the server has no tool %q; it has %s", name, report.Cell(strings.Join(names, ", "), 300))
}

// hasSessions reports whether the server gives its clients a session.
func (l *load) hasSessions(ctx context.Context) (bool, error) {
	if !l.era.Sessions() {
		return false, nil
	}
	id, err := l.initialize(ctx, nil)
	if err != nil || id == "" {
		return false, err
	}
	return true, l.end(ctx, id)
}

func (l *load) exchange(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := l.cfg.Client.Timeout(); d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return context.WithCancel(ctx)
}

// run makes n operations of f.
func (l *load) run(ctx context.Context, f *factor, n int) batch {
	if f.id == everyday && l.line == nil {
		return l.everyday(ctx, n)
	}
	do := f.do
	if do == nil {
		do = oneCall
	}
	workers := min(l.cfg.Users, factorWorkers, n)
	if f.parallel {
		workers = min(l.cfg.Users, n)
	}
	var next atomic.Int64
	results := make([]batch, workers)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for next.Add(1) <= int64(n) && ctx.Err() == nil {
				results[w].one(ctx, l, f, w, do)
			}
		})
	}
	wg.Wait()
	all := batch{took: time.Since(start)}
	for _, b := range results {
		all.add(b)
	}
	return all
}

// one makes one operation and counts it.
func (b *batch) one(ctx context.Context, l *load, f *factor, worker int, do func(context.Context, *load, int) error) {
	opCtx, cancel := l.exchange(ctx)
	defer cancel()
	start := time.Now()
	err := do(opCtx, l, worker)
	took := time.Since(start)
	if err != nil && ctx.Err() != nil {
		return // the round was cut off; the server has no part in it
	}
	b.done++
	if err == nil || f.fails && answered(err) {
		b.latencies.add(took)
	}
	b.note(err)
}

// stand opens the sessions that stay during a phase, so that they are in its baseline.
func (l *load) stand(ctx context.Context, f *factor) {
	if l.line != nil || !l.sessions || !f.stays {
		return
	}
	workers := min(l.cfg.Users, factorWorkers)
	if f.parallel {
		workers = l.cfg.Users
	}
	for w := range workers {
		_, _ = l.standingSession(ctx, w) // the load says what is wrong
	}
}

// forget ends the standing sessions and closes the connections: what the server
// still holds then is its own.
func (l *load) forget(ctx context.Context) {
	l.mu.Lock()
	sessions, streams := l.standing, l.streams
	l.standing, l.streams = map[int]*mcp.Session{}, map[int]string{}
	l.mu.Unlock()
	for _, id := range streams {
		ctx, cancel := l.exchange(ctx)
		_ = l.end(ctx, id) // the server may not allow it
		cancel()
	}
	for _, s := range sessions {
		ctx, cancel := l.exchange(ctx)
		_ = s.Close(ctx) // the server may not allow it
		cancel()
	}
	l.idle()
}

// idle closes the connections that no exchange uses.
func (l *load) idle() {
	if l.ep.HTTP != nil {
		l.ep.HTTP.CloseIdleConnections()
	}
}
