package engine

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// lookEvery is how often a step of a search looks whether it has seen enough.
const lookEvery = 50 * time.Millisecond

// forever is a stage that something else ends.
const forever = 365 * 24 * time.Hour

// RunStep runs one level of a search until it has seen enough. Each step has
// sessions of its own.
func (r *Runner) RunStep(ctx context.Context, level result.Level, enough result.Sampling) (result.StepResult, error) {
	p := *r.plan
	p.Rounds, p.Warmup = 1, enough.Settle
	p.Stages = []plan.Stage{{Users: level.Users, Rate: level.Rate, Duration: forever}}
	one := newRun(r, &p)
	stop := one.watch()
	var res result.StepResult
	var wg sync.WaitGroup
	wg.Go(func() {
		elapsed := one.wait(ctx, enough)
		res = one.stepResult(level, elapsed)
		one.stop()
	})
	one.playRound(ctx, true)
	wg.Wait()
	one.letGo(ctx)
	res.Limit = generator(stop()).Limit || one.ownLate()
	res.Interrupted = ctx.Err() != nil
	return res, nil
}

// wait waits until a step has seen enough, and says how long that took.
func (r *run) wait(ctx context.Context, enough result.Sampling) time.Duration {
	var seen []int64 // calls, each time it looked
	for r.pause(ctx, lookEvery) {
		elapsed := time.Since(r.origin)
		if elapsed <= 0 {
			continue
		}
		for _, u := range r.everyone() {
			u.records.collect()
		}
		calls, _ := r.collect.counts()
		seen = append(seen, calls)
		if enough.Most > 0 && elapsed >= enough.Most ||
			elapsed >= enough.Least && calls >= enough.Calls && steady(seen, enough.Relative) {
			break
		}
	}
	return max(time.Since(r.origin), 0)
}

// steady reports whether as many calls were made in the second half as in the
// first, within a share of them.
func steady(seen []int64, share float64) bool {
	if share <= 0 {
		return true
	}
	n := len(seen)
	if n < 4 {
		return false
	}
	first := float64(seen[n/2-1])
	second := float64(seen[n-1]-seen[n/2-1]) * float64(n/2) / float64(n-n/2)
	return math.Abs(second-first) <= share*first
}

// stepResult is what a step measured until now.
func (r *run) stepResult(level result.Level, elapsed time.Duration) result.StepResult {
	res := result.StepResult{Level: level, DurationS: elapsed.Seconds()}
	r.collect.note(func(c *collector) {
		t := &c.total
		res.Calls, res.Failed = t.calls, t.failed
		l := t.ok.Latency(false)
		res.Mean, res.P50, res.P90, res.P95, res.P99 = l.Mean, l.P50, l.P90, l.P95, l.P99
		if t.calls > 0 {
			res.ErrorShare = float64(t.failed) / float64(t.calls)
		}
		if elapsed > 0 {
			res.Throughput = float64(t.calls-t.failed) / elapsed.Seconds()
			res.InFlight = float64(c.inFlight) / float64(elapsed)
		}
	})
	return res
}

// ownLate reports whether the machine could not make the rate that was asked for.
func (r *run) ownLate() (late bool) {
	r.collect.note(func(c *collector) { late = float64(c.open.OwnLate) > result.Tolerable*float64(c.open.Intended) })
	return late
}
