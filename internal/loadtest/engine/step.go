package engine

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// checkInterval is how often a level checks whether it has been measured long enough.
const checkInterval = 50 * time.Millisecond

// forever is the duration of a stage that something else ends.
const forever = 365 * 24 * time.Hour

// RunStep measures one level of a search, with sessions of its own.
func (r *Runner) RunStep(ctx context.Context, level result.Level, sampling result.Sampling) (result.StepResult, error) {
	p := *r.plan
	p.Rounds, p.Warmup = 1, sampling.Settle
	p.Stages = []plan.Stage{{Users: level.Users, Rate: level.Rate, Duration: forever}}
	one := newRun(r, &p)
	stop := one.watch()
	var res result.StepResult
	var wg sync.WaitGroup
	wg.Go(func() {
		seen := one.wait(ctx, sampling)
		res = one.stepResult(level, max(time.Since(one.origin), 0))
		res.Parts = spreadOfParts(seen)
		one.stop()
	})
	one.playRound(ctx, true)
	wg.Wait()
	one.closeAll(ctx)
	one.collect.update(func(c *collector) { res.Waiting = c.waiting.LatencyOrNil(false) })
	res.Limit = generator(stop()).Limit || one.ownLate()
	res.Interrupted = ctx.Err() != nil
	return res, nil
}

// count is the number of successful calls at a time.
type count struct {
	at    time.Duration
	calls int64
}

// wait returns when a level has been measured as long as sampling says. It returns
// the successful calls over time.
func (r *run) wait(ctx context.Context, sampling result.Sampling) []count {
	var seen []count
	for r.pause(ctx, checkInterval) {
		elapsed := time.Since(r.origin)
		if elapsed <= 0 {
			continue
		}
		for _, u := range r.everyone() {
			u.records.collect()
		}
		calls, failed := r.collect.counts()
		seen = append(seen, count{elapsed, calls - failed})
		if sampling.Most > 0 && elapsed >= sampling.Most ||
			elapsed >= sampling.Least && calls >= sampling.Calls && steady(seen, sampling.Relative) {
			break
		}
	}
	return seen
}

// parts is the number of parts of a measurement whose throughput is compared.
const parts = 4

// steady reports whether the second half of the counts has as many calls as the
// first, within a share of them.
func steady(seen []count, share float64) bool {
	if share <= 0 {
		return true
	}
	n := len(seen)
	if n < parts {
		return false
	}
	first := float64(seen[n/2-1].calls)
	second := float64(seen[n-1].calls-seen[n/2-1].calls) * float64(n/2) / float64(n-n/2)
	return math.Abs(second-first) <= share*first
}

// spreadOfParts returns the spread of the throughput over the parts of a
// measurement, nil if it is too short.
func spreadOfParts(seen []count) *result.Spread {
	if len(seen) < 2*parts {
		return nil
	}
	var rates []float64
	last := count{}
	for i := range parts {
		c := seen[(i+1)*len(seen)/parts-1]
		rates = append(rates, float64(c.calls-last.calls)/(c.at-last.at).Seconds())
		last = c
	}
	return spreadOf(rates)
}

// stepResult returns the figures of a level.
func (r *run) stepResult(level result.Level, elapsed time.Duration) result.StepResult {
	res := result.StepResult{Level: level, DurationS: elapsed.Seconds()}
	r.collect.update(func(c *collector) {
		t := &c.total
		res.Calls, res.Failed, res.Errors = t.calls, t.failed, t.errors.sorted()
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

// ownLate reports whether the machine could not generate the requested rate.
func (r *run) ownLate() (late bool) {
	r.collect.update(func(c *collector) { late = float64(c.open.OwnLate) > result.LateShare*float64(c.open.Intended) })
	return late
}
