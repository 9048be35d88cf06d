package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
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

// Config holds the address of a server and the tools to call.
type Config struct {
	Client   *client.Client
	URL      *url.URL
	Session  *mcp.Session     // an open session over standard streams, instead of URL
	Protocol string           // revision to ask for; "" is the newest with sessions
	Tools    []string         // tools to call; none is the first that the server offers
	Args     []jsontext.Value // of the tools: none, one for all, or one each
	Harmless bool             // refuse tools that are declared destructive or open to the world

	Users int // virtual users
	// Calls is the number of calls of a user in a session, 0 for the usual number.
	Calls int
}

// workers is the number of parallel workers of an operation without AllUsers.
const workers = 4

// Load is a server under load.
type Load struct {
	cfg      Config
	ep       mcp.Endpoint
	era      mcp.Era // with sessions, if the server has them
	sessions bool
	unended  string // why sessions are not ended: the answer to DELETE; "" if they are
	modern   bool
	tools    []called
	tool     called // the current one
	warnings []string

	mu       sync.Mutex
	standing map[int]*mcp.Session // by worker
	streams  map[int]string       // by worker: sessions whose streams are dropped
	turn     atomic.Int64
}

// called is a tool with its arguments. The zero value stands for tools/list.
type called struct {
	mcp.Tool
	args jsontext.Value
}

// Open finds out how to speak to the server and which tools to call.
func Open(ctx context.Context, cfg Config) (*Load, error) {
	l := &Load{cfg: cfg, standing: map[int]*mcp.Session{}, streams: map[int]string{}}
	ctx, cancel := client.Within(ctx, l.cfg.Client.Timeout())
	defer cancel()
	session := cfg.Session
	if session == nil {
		l.ep = mcp.EndpointOver(cfg.Client, cfg.URL)
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
	if err := l.choose(tools); err != nil || cfg.Session != nil {
		return l, err
	}
	l.sessions, err = l.hasSessions(ctx)
	return l, err
}

// first opens a session of the newest revision with sessions, if the server speaks
// one: servers keep state per session.
func (l *Load) first(ctx context.Context) (*mcp.Session, error) {
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

// choose chooses the tools to call. If the server has none that may be called
// without being named, tools/list takes the place of calls.
func (l *Load) choose(tools []mcp.Tool) error {
	names := l.cfg.Tools
	if len(names) == 0 {
		names = []string{""}
	}
	for i, name := range names {
		tool, err := find(tools, name)
		switch {
		case err == nil && l.cfg.Harmless && tool.Risky():
			return fmt.Errorf("the server declares %s destructive or open to the world: it is not called", report.Cell(tool.Name, 60))
		case err == nil:
			l.tools = append(l.tools, called{tool, l.arguments(&tool, i)})
		case name != "":
			return err
		default:
			l.warnings = append(l.warnings, err.Error()+"; until then tools/list is called instead of a tool")
			l.tools = append(l.tools, called{})
		}
	}
	l.tool = l.tools[0]
	return nil
}

// arguments returns the arguments of the tool at index i, made from its schema if none are given.
func (l *Load) arguments(tool *mcp.Tool, i int) jsontext.Value {
	if given := l.cfg.Args; len(given) > 0 {
		if args := given[min(i, len(given)-1)]; len(args) > 0 {
			return args
		}
	}
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the arguments of all operations must be the same
	return arguments.Make(tool.InputSchema, r)
}

func find(tools []mcp.Tool, name string) (mcp.Tool, error) {
	i := slices.IndexFunc(tools, func(t mcp.Tool) bool { return t.Name == name || name == "" && !t.Annotations.Destructive })
	switch {
	case i >= 0:
		return tools[i], nil
	case len(tools) == 0:
		return mcp.Tool{}, errors.New("the server offers no tools")
	case name == "":
		return mcp.Tool{}, errors.New("all tools of the server are destructive; name one with --tool")
	}
	var names []string
	for _, t := range tools {
		names = append(names, t.Name)
	}
	return mcp.Tool{}, fmt.Errorf("the server has no tool %q; it has %s", name, report.Cell(strings.Join(names, ", "), 300))
}

// hasSessions reports whether the server gives its clients sessions.
func (l *Load) hasSessions(ctx context.Context) (bool, error) {
	switch {
	case l.era.SSE: // a stream is a session
		return true, nil
	case !l.era.Sessions():
		return false, nil
	}
	id, err := l.initialize(ctx, nil)
	if err != nil || id == "" {
		return false, err
	}
	_, err = l.send(ctx, http.MethodDelete, l.ep.URL, "", l.in(id))
	if ctx.Err() != nil {
		return true, err
	}
	if err != nil {
		l.unended = "the server does not let clients end their sessions: DELETE fails: " + report.Cell(client.Cause(err).Error(), 100)
		if answer, ok := errors.AsType[*client.StatusError](err); ok {
			l.unended = "the server does not let clients end their sessions: it answers DELETE with " + report.Cell(answer.Status, 60)
		}
		l.warnings = append(l.warnings, l.unended+", so the everyday load opens none but those that stay")
	}
	return true, nil
}

// Server returns the name and version that the server gives itself.
func (l *Load) Server() string { return l.era.Server }

// Protocol returns the revision that is spoken.
func (l *Load) Protocol() string { return l.era.Version }

// Transport returns "http", "sse" (HTTP+SSE of 2024-11-05) or "stdio".
func (l *Load) Transport() string {
	switch {
	case l.cfg.Session != nil:
		return "stdio"
	case l.era.SSE:
		return "sse"
	}
	return "http"
}

// Warnings returns doubts about the choice of the tool and of the sessions.
func (l *Load) Warnings() []string { return l.warnings }

// Tools returns the names of the tools that are called, "" for tools/list.
func (l *Load) Tools() []string {
	names := make([]string, len(l.tools))
	for i, t := range l.tools {
		names[i] = t.Name
	}
	return names
}

// Select sets the tool to call to the one at index i. No operation may run meanwhile.
func (l *Load) Select(i int) { l.tool = l.tools[i] }

// Applies returns why op cannot be run on the server, or "".
func (l *Load) Applies(op *Operation) string {
	switch {
	case l.cfg.Session != nil && op.Needs&NeedsHTTP != 0:
		return "it needs HTTP"
	case l.era.SSE && op.Needs&NeedsStreamable != 0:
		return "it needs Streamable HTTP"
	case op.Needs&NeedsSessions != 0 && !l.sessions:
		return "the server has no sessions"
	case op.Needs&NeedsEnd != 0 && l.unended != "":
		return l.unended
	case op.Needs&NeedsModern != 0 && !l.modern:
		return "the server does not speak the revision without sessions"
	}
	return ""
}

// Describe describes op on this server.
func (l *Load) Describe(op *Operation) string {
	switch {
	case op.run == nil:
		return op.Does
	case l.cfg.Session != nil:
		return "a call over the standard streams"
	case l.unended != "":
		return "a call in sessions that stay; server/discover beside them"
	}
	return op.Does
}

// Run makes n operations.
func (l *Load) Run(ctx context.Context, op *Operation, n int) Batch {
	if op.run != nil && l.cfg.Session == nil {
		return op.run(ctx, l, n)
	}
	return l.each(ctx, l.parallel(op), n, func(ctx context.Context, worker int, b *Batch) {
		l.one(ctx, worker, b, op.do, op.Has(MeantToFail))
	})
}

// parallel returns the number of workers of op.
func (l *Load) parallel(op *Operation) int {
	if op.Has(AllUsers) {
		return l.cfg.Users
	}
	return min(l.cfg.Users, workers)
}

// each calls do n times, in a number of workers, and adds up their records.
func (l *Load) each(ctx context.Context, workers, n int, do func(ctx context.Context, worker int, b *Batch)) Batch {
	var next atomic.Int64
	results := make([]Batch, min(workers, n))
	start := time.Now()
	var wg sync.WaitGroup
	for w := range results {
		wg.Go(func() {
			for next.Add(1) <= int64(n) && ctx.Err() == nil {
				do(ctx, w, &results[w])
			}
		})
	}
	wg.Wait()
	all := Batch{Took: time.Since(start)}
	for i := range results {
		all.Add(&results[i])
	}
	return all
}

// one makes one operation and records it, unless the round was cut off meanwhile.
func (l *Load) one(ctx context.Context, worker int, b *Batch, do func(context.Context, *Load, int) error, meantToFail bool) {
	opCtx, cancel := client.Within(ctx, l.cfg.Client.Timeout())
	defer cancel()
	start := time.Now()
	err := do(opCtx, l, worker)
	if err == nil || ctx.Err() == nil {
		b.record(time.Since(start), err, meantToFail)
	}
}
