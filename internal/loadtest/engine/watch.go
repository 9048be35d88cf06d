package engine

import (
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// Intervals at which samples are collected and progress is reported, and at which
// Options.Watch is called.
const (
	collectEvery = 200 * time.Millisecond
	watchEvery   = time.Second
)

// watch collects samples and reports progress until stop is called, which returns
// the delays of the machine's timers.
func (r *run) watch() (stop func() *result.Histogram) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var lag *result.Histogram
	wg.Go(func() { lag = watchLag(done) })
	wg.Go(func() { r.tick(done) })
	return func() *result.Histogram {
		close(done)
		wg.Wait()
		return lag
	}
}

func (r *run) tick(done <-chan struct{}) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	seen := time.Now()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for _, u := range r.everyone() {
			u.records.collect()
		}
		elapsed := time.Since(r.origin)
		if elapsed > 0 {
			r.collect.update(func(c *collector) { c.series.tick(elapsed, int(r.active.Load())) })
		}
		if r.cfg.Progress != nil {
			r.cfg.Progress(r.progress())
		}
		if r.cfg.Watch != nil && elapsed > 0 && time.Since(seen) >= watchEvery {
			seen = time.Now()
			if reason := r.cfg.Watch(r.result(elapsed, false)); reason != "" {
				r.abort(reason)
			}
		}
	}
}

// progress returns the state of the run.
func (r *run) progress() Progress {
	p := Progress{Round: int(r.round.Load()), Users: int(r.active.Load()), Elapsed: time.Since(r.began)}
	for i := range r.plan.Stages {
		s := &r.plan.Stages[i]
		p.Planned += int64(s.Users) * int64(s.Calls) * int64(max(r.plan.Rounds, 1))
	}
	r.collect.update(func(c *collector) {
		p.Done, p.Failed = c.total.calls, c.total.failed
		p.P50, p.P99 = c.total.ok.Quantile(50), c.total.ok.Quantile(99)
	})
	return p
}
