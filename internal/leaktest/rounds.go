package leaktest

import (
	"context"
	"errors"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phase loads the server with one factor, round after round.
func (r *run) phase(ctx context.Context, f *factor) *Phase {
	p := &Phase{ID: f.id, Per: f.perTool(r.load.tool.Name), Does: f.does, expected: f.fails, Held: f.held, Errors: map[string]string{}}
	if r.load.line != nil && f.id == everyday {
		p.Does = "a call over the standard streams"
	}
	r.current = p
	defer r.load.forget(context.WithoutCancel(ctx))
	n := r.calibrate(ctx, f)
	p.each = float64(n.calls)
	r.load.stand(ctx, f)
	base := r.settle(ctx, f, Round{From: r.elapsed(), Loaded: r.elapsed()})
	if ctx.Err() != nil || base.TreeMB == 0 {
		return p
	}
	lazy := collectorsOf(r.server, r.cfg)
	p.lazy, p.Rounds = lazy.mayMB(), append(p.Rounds, base)
	for r.more(p) && ctx.Err() == nil && r.server.end() == "" {
		round, whole := r.round(ctx, f, p, n)
		if !whole {
			break
		}
		p.Rounds = append(p.Rounds, round)
		p.beyond = lazy.beyond()
		p.judge(r.cfg.Expiry > 0)
		n = r.larger(f, p, n)
	}
	p.judge(r.cfg.Expiry > 0)
	return p
}

// round makes one round. It is not whole where it was cut off.
func (r *run) round(ctx context.Context, f *factor, p *Phase, n amount) (Round, bool) {
	round := Round{Number: len(p.Rounds), From: r.elapsed()}
	r.tell("load")
	b := r.guarded(ctx, f, n.operations)
	round.Loaded = r.elapsed()
	p.count(b)
	round.Operations, round.Failed, round.Latency = p.Operations, b.failed, b.latencies.summary()
	if b.took > 0 {
		round.Throughput = float64(b.done) / b.took.Seconds()
	}
	r.log.round(p, &round, &b)
	round = r.settle(ctx, f, round)
	return round, ctx.Err() == nil && round.TreeMB > 0
}

// guarded makes n operations of f, unless the memory limit is reached first.
func (r *run) guarded(ctx context.Context, f *factor, n int) batch {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.watch.guard(func() { cancel(errMemory) })
	defer r.watch.guard(nil)
	b := r.load.run(ctx, f, n)
	r.full = r.full || errors.Is(context.Cause(ctx), errMemory)
	return b
}

func (p *Phase) count(b batch) {
	p.Operations, p.Failed, p.Refused = p.Operations+b.done, p.Failed+b.failed, p.Refused+b.refused
	p.broken += b.failed - b.failedTools
	for kind, example := range b.errors {
		if p.Errors[kind] == "" {
			p.Errors[kind] = example
		}
	}
}

// more decides whether p needs another round.
func (r *run) more(p *Phase) bool {
	n := len(p.Rounds) - 1
	if r.full || r.cfg.Rounds > 0 {
		return !r.full && n < r.cfg.Rounds
	}
	if time.Since(r.start) > r.cfg.MaxTime {
		return false
	}
	return p.wants(n, r.usual()) && (n < r.usual() || time.Now().Before(r.share))
}

func (r *run) usual() int {
	if r.of > 1 {
		return leastRounds
	}
	return usualRounds
}

// wants reports whether the verdict after n rounds can still change.
func (p *Phase) wants(n, usual int) bool {
	switch {
	case n >= mostRounds:
		return false
	case n >= countedRounds+1 && p.counted() && !p.Held:
		return false
	case n < usual:
		return true
	case p.Trend.Verdict == trend.Leak:
		// A warm-up of many rounds looks like a leak before they are over, but
		// it does not make the server half as large again.
		return n < sureRounds && p.By != ByCount && p.Trend.Growth < p.Trend.Level/2
	}
	if p.Trend.Verdict == trend.NoLeak { // it may have grown more than would be passed over
		return n < sureRounds && p.Trend.Rate.High*p.Trend.Span > p.Trend.Limit*mib
	}
	return p.Trend.Verdict == trend.Undecided && !(p.Held && p.Rate.Low > 0)
}

// pause waits; a run that ends wakes it.
func (r *run) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (r *run) elapsed() float64 { return round3(time.Since(r.start).Seconds()) }

// asPoints are the rounds as the judge takes them.
func (p *Phase) asPoints() []trend.Round {
	var all []trend.Round
	for _, r := range p.Rounds {
		all = append(all, trend.Round{Number: r.Number, Operations: float64(r.Operations), MB: r.TreeMB, Processes: r.Processes})
	}
	return all
}
