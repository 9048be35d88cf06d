package leaktest

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/loadtest"
)

// visitors has users open a session each, call and end it, as the load test has it.
func (l *load) visitors(ctx context.Context, users, calls int) batch {
	if l.tool.Name == "" { // the load test has nothing to call
		return l.run(ctx, &factor{do: sessionWithCall}, users)
	}
	res, err := loadtest.Run(ctx, loadtest.Config{
		Endpoint: l.ep, Users: users, Calls: calls, Rounds: 1, Timeout: l.cfg.Client.Timeout(),
		Protocol: l.era.Version, Tool: l.tool.Name, Args: l.args,
	})
	if err != nil {
		b := batch{}
		if ctx.Err() == nil {
			b.done++
			b.note(err)
		}
		return b
	}
	return batchOf(res)
}

// batchOf counts what a load test did: calls, and sessions that could not be had.
func batchOf(res *loadtest.Result) batch {
	b := batch{done: res.Calls + res.Sessions.Failed, failed: res.Failed + res.Sessions.Failed, errors: map[string]string{},
		failedTools: res.Errors.Tool}
	b.latency = &Latency{P50: res.Latency.P50, P90: res.Latency.P90, P99: res.Latency.P99, Max: res.Latency.Max}
	for kind, example := range res.Errors.Examples {
		b.errors[kind] = example
		if strings.Contains(example, "429") || strings.Contains(example, "503") {
			b.refused = res.Errors.HTTP + res.Sessions.Failed
		}
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
