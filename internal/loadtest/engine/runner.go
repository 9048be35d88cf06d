package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/client/fastconn"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// endTime bounds the time for ending sessions.
const endTime = 5 * time.Second

// Runner makes the calls of a plan. It has negotiated with the server.
type Runner struct {
	cfg      Config
	plan     *plan.Plan
	name     string // of the server, without secrets
	era      mcp.Era
	direct   bool           // each user has a connection without net/http
	requests []*mcp.Request // of steps with constant arguments, else nil
	warnings []string
	odd      deviations

	first atomic.Pointer[mcp.Session] // opened by Prepare; the first user adopts it

	sharing  sync.Mutex
	shared   *mcp.Session // one process for all users
	unshared error        // of the last attempt to open it
	tried    time.Time    // when that attempt ended
}

// Prepare negotiates with the server and fits the plan to its tools.
func Prepare(ctx context.Context, cfg Config) (*Runner, error) {
	plan := cfg.Plan
	plan.Stages, plan.Steps = slices.Clone(plan.Stages), slices.Clone(plan.Steps) // they are changed below
	plan.Defaults()
	r := &Runner{cfg: cfg, plan: &plan, name: client.Redact(cfg.Endpoint.URL)}
	if len(cfg.Command) > 0 {
		r.name = cfg.Command[0]
	}
	ctx, cancel := client.Within(ctx, r.cfg.Timeout)
	defer cancel()
	session, err := mcp.Connect(ctx, r.endpoint(), plan.Protocol)
	if err != nil {
		return nil, fmt.Errorf("speaking MCP to %s: %w", r.name, client.Cause(err))
	}
	r.negotiated(session.Era())
	if err := r.resolve(ctx, session); err != nil {
		end(ctx, session)
		return nil, err
	}
	r.odd.add(session)
	if r.cfg.Shared {
		r.shared = session
	} else {
		r.first.Store(session)
	}
	r.direct = r.mayDirect()
	return r, nil
}

// endpoint returns the server for a session without a line of its own.
func (r *Runner) endpoint() mcp.Endpoint {
	ep := r.cfg.Endpoint
	ep.Check = r.cfg.Check
	if len(r.cfg.Command) > 0 {
		ep.Start = r.cfg.starter()
	}
	return ep
}

// mayDirect reports whether users may have connections without net/http: not over
// HTTP/2, not through a proxy, not with shared connections, and not over HTTP+SSE, where
// answers do not come on the connection of the request.
func (r *Runner) mayDirect() bool {
	c := r.cfg.Client
	return c != nil && !r.cfg.NetHTTP && !r.era.SSE && r.plan.Connections == 0 && len(r.cfg.Command) == 0 && fastconn.Suits(c, r.cfg.Endpoint.URL)
}

// negotiated stores the negotiated revision.
func (r *Runner) negotiated(era mcp.Era) {
	r.era = era
	if want := r.plan.Protocol; want != "" && want != era.Version {
		r.warnings = append(r.warnings, fmt.Sprintf("the server was asked for MCP %s and took %s", want, era.Version))
	}
}

// resolve fits the plan to the tools of the server, and builds the constant requests.
func (r *Runner) resolve(ctx context.Context, session *mcp.Session) error {
	var tools []mcp.Tool
	if r.wantsTools() {
		var err error
		if tools, err = session.Tools(ctx); err != nil {
			return fmt.Errorf("asking %s for its tools: %w", r.name, client.Cause(err))
		}
	}
	if err := r.plan.Resolve(tools); err != nil {
		return fmt.Errorf("%s: %w%s", r.name, err, unreadable(session, tools))
	}
	r.warnings = append(r.warnings, r.plan.Notices()...)
	r.requests = make([]*mcp.Request, len(r.plan.Steps))
	for i := range r.plan.Steps {
		if step := &r.plan.Steps[i]; step.Args.Constant() {
			r.requests[i] = step.Request(&plan.Vars{})
		}
	}
	return nil
}

// unreadable describes the oddity of a listing in which no tool was found.
func unreadable(session *mcp.Session, tools []mcp.Tool) string {
	odd := session.Warnings()
	if len(tools) > 0 || len(odd) == 0 {
		return ""
	}
	return ": " + strings.Join(odd, "; ")
}

func (r *Runner) wantsTools() bool {
	if len(r.plan.Steps) == 0 {
		return true
	}
	for i := range r.plan.Steps {
		if r.plan.Steps[i].Kind == plan.CallTool {
			return true
		}
	}
	return false
}

// Warnings returns the doubts that are known before the first call.
func (r *Runner) Warnings() []string { return r.warnings }

// Close ends the session of Prepare unless a user adopted it.
func (r *Runner) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if s := r.first.Swap(nil); s != nil {
		end(ctx, s)
	}
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared != nil {
		end(ctx, r.shared)
		r.shared = nil
	}
}

func end(ctx context.Context, s *mcp.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_ = s.Close(ctx) // nothing depends on it
}

// Run runs the plan once; calls that fail are in the result. When ctx ends, users end
// their sessions, and the result has the calls until then.
func (r *Runner) Run(ctx context.Context) (*result.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	one := newRun(r, r.plan)
	resent := r.resent()
	one.abort = func(reason string) { cancel(fmt.Errorf("%w: %s", errAborted, reason)) }
	stop := one.watch()
	took := time.Duration(0)
	for round := 1; round <= max(r.plan.Rounds, 1) && ctx.Err() == nil; round++ {
		one.round.Store(int64(round))
		took += one.playRound(ctx, round == 1)
		if round < r.plan.Rounds {
			one.pause(ctx, r.plan.Delay)
		}
	}
	one.closeAll(ctx)
	lag := stop()
	res := one.result(took, true)
	if over := r.plan.Overrun(took); over > awaited && ctx.Err() == nil {
		res.Warnings = append(res.Warnings, fmt.Sprintf("calls in flight at the end were waited for %.1f s; --timeout bounds that", over.Seconds()))
	}
	r.sharing.Lock()
	if r.shared != nil {
		r.odd.add(r.shared)
	}
	r.sharing.Unlock()
	res.Warnings = append(res.Warnings, r.odd.all()...)
	if n := r.resent() - resent; n > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("%d requests were sent again on a new connection: the server had closed the reused one without an answer", n))
	}
	one.judge(ctx, res, lag)
	return res, nil
}

// resent returns how many requests the client has sent again.
func (r *Runner) resent() int64 {
	if r.cfg.Client == nil {
		return 0
	}
	return r.cfg.Client.Resent()
}

// awaited is the time for the last calls beyond which there is a warning.
const awaited = time.Second

// Describe returns a result with the server and the plan, without figures.
func (r *Runner) Describe() *result.Result {
	res := &result.Result{
		Schema: result.Schema, StartedAt: time.Now(), Verdict: result.VerdictOK, URL: r.name, Server: plan.Bounded(r.era.Server),
		Protocol: plan.Bounded(r.era.Version), Transport: "http", Warnings: append([]string{}, r.warnings...),
	}
	switch {
	case len(r.cfg.Command) > 0:
		res.Transport = "stdio"
	case r.era.SSE:
		res.Transport = "sse"
	}
	var labels []string
	for i := range r.plan.Steps {
		labels = append(labels, r.plan.Steps[i].Label())
	}
	res.Tool = strings.Join(labels, ", ")
	if len(labels) == 1 && r.plan.Steps[0].Args.Constant() && !r.plan.Steps[0].Args.IsZero() {
		res.Arguments = r.plan.Steps[0].Args.JSON(&plan.Vars{})
	}
	for i := range r.plan.Stages {
		res.Users = max(res.Users, r.plan.Stages[i].Users)
		res.CallsPerUser = cmp.Or(res.CallsPerUser, r.plan.Stages[i].Calls)
	}
	return res
}
