package leaktest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// visitors has users open a session each, call and end it, as the load test has it.
func (l *load) visitors(ctx context.Context, users, calls int) batch {
	if l.tool.Name == "" { // the load test has nothing to call
		return l.run(ctx, &factor{do: sessionWithCall}, users)
	}
	args, err := plan.ParseArgs(l.args)
	if err != nil {
		return failedBatch(ctx, err)
	}
	res, err := engine.Run(ctx, engine.Config{Endpoint: l.ep, Timeout: l.cfg.Client.Timeout(), Plan: plan.Plan{
		Protocol: l.era.Version, Rounds: 1, End: plan.EndDelete,
		Stages: []plan.Stage{{Users: users, Calls: calls}},
		Steps:  []plan.Step{{Kind: plan.CallTool, Name: l.tool.Name, Weight: 1, Args: args}},
	}})
	if err != nil {
		return failedBatch(ctx, err)
	}
	return batchOf(res)
}

// failedBatch is a load that could not begin; one that was cut off is nothing.
func failedBatch(ctx context.Context, err error) batch {
	b := batch{}
	if ctx.Err() == nil {
		b.done++
		b.note(err)
	}
	return b
}

// batchOf counts what a load test did: calls, and sessions that could not be had.
func batchOf(res *result.Result) batch {
	b := batch{
		done: res.Calls + res.Sessions.Failed, failed: res.Failed + res.Sessions.Failed, failedTools: res.ErrorsOf(result.ErrTool),
		latencies: latenciesOf(&res.Latency),
		errors:    map[string]string{},
	}
	for _, e := range append(slices.Clone(res.Errors), res.Sessions.Errors...) {
		kind := string(e.Kind)
		if e.Kind == result.ErrLimited || e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable {
			kind = limited
			b.refused += e.Count
		}
		b.errors[kind] = e.Example
	}
	return b
}

// everyday makes n calls: half of them by users that come, call and go, half in a
// session that stays.
func (l *load) everyday(ctx context.Context, n int) batch {
	coming := (n + 1) / 2
	users := min(l.cfg.Users, max(1, coming/max(1, l.cfg.Calls)))
	start := time.Now()
	all, sessions := batch{}, 0
	for coming > 0 && ctx.Err() == nil {
		b := l.visitors(ctx, users, max(1, min(l.cfg.Calls, coming/users)))
		all.add(b)
		sessions += users
		if coming -= int(max(b.done, 1)); b.done == 0 {
			break
		}
		users = min(users, max(1, coming))
	}
	if l.sessions || l.era.Sessions() {
		// As clients of today do before they open a session.
		all.add(l.run(ctx, &factor{do: discover, fails: true}, sessions).silent())
	}
	rest := n - int(all.done)
	if rest > 0 && all.done > 0 {
		all.add(l.run(ctx, &factor{do: oneCall}, rest))
	}
	all.took = time.Since(start)
	return all
}
