package loadtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// endTime is how long users may take to end their sessions when a run is interrupted.
const endTime = 5 * time.Second

// progressEvery is the time from one report of progress to the next.
const progressEvery = 200 * time.Millisecond

// run is the state of one Run.
type run struct {
	cfg     Config
	era     mcp.Era
	tool    mcp.Tool
	args    jsontext.Value
	res     *Result
	metrics *metrics
	round   atomic.Int64
	first   atomic.Pointer[mcp.Session] // of prepare; the first user to come takes it
}

// Run runs the plan. It is an error where the server cannot be spoken to at
// all; calls that fail are in the result. When ctx ends, users end their
// sessions and the result says what was done.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	res := &Result{Verdict: VerdictFailed, URL: client.Redact(cfg.Endpoint.URL), Users: cfg.Users, CallsPerUser: cfg.Calls}
	r := &run{cfg: cfg, res: res, metrics: newMetrics(cfg.Users, res)}
	if err := r.prepare(ctx); err != nil {
		return res, err
	}
	stop := r.report()
	took := time.Duration(0)
	for round := 1; round <= cfg.Rounds && ctx.Err() == nil; round++ {
		r.round.Store(int64(round))
		res.Rounds = round
		start := time.Now()
		r.users(ctx)
		took += time.Since(start)
		if round < cfg.Rounds {
			pause(ctx, cfg.Delay)
		}
	}
	stop()
	res.Interrupted = ctx.Err() != nil
	r.metrics.close(took)
	return res, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// prepare finds out how to speak to the server and what to call.
func (r *run) prepare(ctx context.Context) error {
	ctx, cancel := r.exchange(ctx)
	defer cancel()
	era := mcp.Era{Version: r.cfg.Protocol}
	if era.Version == "" {
		var err error
		if era, err = mcp.Detect(ctx, r.cfg.Endpoint); err != nil {
			return fmt.Errorf("speaking MCP to %s: %w", r.res.URL, client.Cause(err))
		}
	}
	session, err := mcp.Open(ctx, r.cfg.Endpoint, era)
	if err != nil {
		return fmt.Errorf("speaking MCP to %s: %w", r.res.URL, client.Cause(err))
	}
	r.negotiated(session.Era(), era.Server)
	tools, err := session.Tools(ctx)
	if err != nil {
		return fmt.Errorf("asking %s for its tools: %w", r.res.URL, client.Cause(err))
	}
	if r.tool, err = choose(tools, r.cfg.Tool); err != nil {
		r.end(ctx, session)
		return fmt.Errorf("%s: %w", r.res.URL, err)
	}
	r.first.Store(session)
	if r.args = r.cfg.Args; len(r.args) == 0 {
		r.args = Arguments(r.tool.InputSchema)
	}
	r.res.Tool, r.res.Arguments = bounded(r.tool.Name), r.args
	return nil
}

// negotiated notes what the server agreed to.
func (r *run) negotiated(era mcp.Era, server string) {
	r.era = era
	r.res.Protocol, r.res.Server = bounded(era.Version), bounded(cmp.Or(era.Server, server))
	if want := r.cfg.Protocol; want != "" && want != era.Version {
		r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("the server was asked for MCP %s and took %s", want, era.Version))
	}
}

// report calls Progress until it is stopped.
func (r *run) report() (stop func()) {
	if r.cfg.Progress == nil {
		return func() {}
	}
	start := time.Now()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			p := Progress{
				Round: int(r.round.Load()), Elapsed: time.Since(start),
				Planned: int64(r.cfg.Users) * int64(r.cfg.Calls) * int64(r.cfg.Rounds),
			}
			r.metrics.progress(&p)
			r.cfg.Progress(p)
		}
	})
	return func() { close(done); wg.Wait() }
}

// users lets all users do one round.
func (r *run) users(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range r.cfg.Users {
		wg.Go(func() { r.user(ctx, i) })
	}
	wg.Wait()
}

// user is one virtual user in one round.
func (r *run) user(ctx context.Context, i int) {
	session := r.first.Swap(nil)
	if session == nil {
		var err error
		if session, err = r.open(ctx); err != nil {
			if ctx.Err() == nil {
				r.metrics.noSession(client.Cause(err))
			}
			return
		}
	}
	r.metrics.session(&r.res.Sessions.Opened)
	for range r.cfg.Calls {
		session = r.call(ctx, i, session)
		if session == nil || ctx.Err() != nil {
			break
		}
	}
	if session != nil {
		r.end(ctx, session)
	}
}

func (r *run) open(ctx context.Context) (*mcp.Session, error) {
	ctx, cancel := r.exchange(ctx)
	defer cancel()
	return mcp.Open(ctx, r.cfg.Endpoint, r.era)
}

// call makes one call and returns the session to go on with: a new one where
// the server has lost the old.
func (r *run) call(ctx context.Context, i int, session *mcp.Session) *mcp.Session {
	callCtx, cancel := r.exchange(ctx)
	defer cancel()
	start := time.Now()
	result, err := session.Call(callCtx, r.tool, r.args)
	took := time.Since(start)
	if err == nil {
		took = result.Arrived.Sub(start)
	}
	if err != nil && ctx.Err() != nil {
		return session // the run ended; the call it cut off says nothing of the server
	}
	r.metrics.call(i, took, result, client.Cause(err))
	if !errors.Is(err, mcp.ErrSessionLost) {
		return session
	}
	fresh, err := mcp.Open(callCtx, r.cfg.Endpoint, r.era)
	if err != nil {
		r.metrics.noSession(client.Cause(err))
		return nil
	}
	r.metrics.session(&r.res.Sessions.Opened)
	return fresh
}

// end ends a session, also when the run was interrupted.
func (r *run) end(ctx context.Context, session *mcp.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := session.Close(ctx); err == nil && session.Era().Sessions() {
		r.metrics.session(&r.res.Sessions.Closed)
	}
}

func (r *run) exchange(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.cfg.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.cfg.Timeout)
}

func choose(tools []mcp.Tool, name string) (mcp.Tool, error) {
	var names strings.Builder
	for _, t := range tools {
		if t.Name == name || name == "" && !t.Annotations.Destructive {
			return t, nil
		}
		names.WriteString(", " + t.Name)
	}
	switch {
	case len(tools) == 0:
		return mcp.Tool{}, errors.New("the server offers no tools")
	case name == "":
		return mcp.Tool{}, errors.New("the server calls all its tools destructive; name one with --tool")
	}
	return mcp.Tool{}, fmt.Errorf("there is no tool %q; there are %s", name, names.String()[2:])
}
