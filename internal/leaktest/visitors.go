package leaktest

import (
	"context"
	"math"
	"net/http"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/loadtest"
)

// visitors has users open a session each, call and end it, as the load test has it.
func (l *load) visitors(ctx context.Context, users, calls int) batch {
	if l.tool.Name == "" { // the load test has nothing to call
		return l.run(ctx, &factor{do: sessionWithCall}, users)
	}
	args, err := loadtest.ParseArgs(l.args)
	if err != nil {
		return failedBatch(ctx, err)
	}
	res, err := loadtest.Run(ctx, loadtest.Config{Endpoint: l.ep, Timeout: l.cfg.Client.Timeout(), Plan: loadtest.Plan{
		Protocol: l.era.Version, Rounds: 1, End: loadtest.EndDelete,
		Stages: []loadtest.Stage{{Users: users, Calls: calls}},
		Steps:  []loadtest.Step{{Kind: loadtest.CallTool, Name: l.tool.Name, Weight: 1, Args: args}},
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
func batchOf(res *loadtest.Result) batch {
	b := batch{
		done: res.Calls + res.Sessions.Failed, failed: res.Failed + res.Sessions.Failed, failedTools: res.ErrorsOf(loadtest.ErrTool),
		latency: &Latency{P50: res.Latency.P50, P90: res.Latency.P90, P99: res.Latency.P99, Max: res.Latency.Max},
		errors:  map[string]string{},
	}
	for _, e := range append(slices.Clone(res.Errors), res.Sessions.Errors...) {
		kind := string(e.Kind)
		if e.Kind == loadtest.ErrLimited || e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable {
			kind = limited
			b.refused += e.Count
		}
		b.errors[kind] = e.Example
	}
	return b
}

// summary is the distribution of a batch's latencies.
func (b *batch) summary() *Latency {
	if len(b.latencies) == 0 {
		return b.latency
	}
	if b.latency != nil {
		return b.latency
	}
	slices.Sort(b.latencies)
	at := func(q float64) float64 {
		return b.latencies[int(math.Ceil(q*float64(len(b.latencies))))-1]
	}
	return &Latency{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1)}
}
