package engine

import (
	"context"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// defaultInFlight bounds the calls in flight at a rate if the plan does not.
const defaultInFlight = 1000

// pool hands calls that are due to idle users. It adds a user if all are busy; at
// the largest number of users, calls wait.
type pool struct {
	run      *run
	ctx      context.Context
	most     int
	patience time.Duration // time after which a waiting call is dropped

	mu      sync.Mutex
	idle    []*worker // used last in, first out
	users   int
	waiting []time.Time // due
	closed  bool
	wg      sync.WaitGroup
}

// worker is a user of a pool.
type worker struct {
	user *user
	due  chan time.Time
}

// playRate plays a stage of the open model.
func (r *run) playRate(ctx context.Context, start time.Time, before float64, stage *plan.Stage) {
	p := &pool{run: r, ctx: ctx, most: stage.Users, patience: r.cfg.Timeout}
	if p.most <= 0 {
		p.most = defaultInFlight
	}
	if p.patience <= 0 {
		p.patience = maxWait
	}
	if time.Now().Before(r.origin) { // warm-up, at the stage's rate
		p.schedule(time.Now(), time.Until(r.origin), &pace{from: stage.Rate, to: stage.Rate})
	}
	due := &pace{from: before, to: stage.Rate, ramp: stage.RampUp}
	if stage.RampUp == 0 {
		due.from = stage.Rate
	}
	if r.plan.Poisson {
		due.random = plan.NewRand(r.plan.Seed, 1)
	}
	p.schedule(start, stage.Duration, due)
	p.close()
}

// schedule offers the calls of a pace as they become due.
func (p *pool) schedule(start time.Time, duration time.Duration, due *pace) {
	for {
		at := due.next()
		if at >= duration {
			break
		}
		if !p.run.pauseUntil(p.ctx, start.Add(at)) {
			return
		}
		p.offer(start.Add(at))
	}
	p.run.pauseUntil(p.ctx, start.Add(duration))
}

// offer hands a call to a user, or queues it.
func (p *pool) offer(due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(due, func(o *result.OpenModel) { o.Intended++ })
	switch n := len(p.idle); {
	case n > 0:
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		w.due <- due // does not block: the worker waits for it
	case p.users < p.most:
		p.hire(due)
	default:
		p.waiting = append(p.waiting, due)
	}
}

// hire adds a user. The caller holds p.mu.
func (p *pool) hire(due time.Time) {
	w := &worker{user: p.run.user(p.ctx, p.users), due: make(chan time.Time, 1)}
	p.users++
	w.due <- due
	p.wg.Go(func() {
		p.run.active.Add(1)
		defer p.run.active.Add(-1)
		free := true
		for due := range w.due {
			for !due.IsZero() {
				p.work(w, due, free)
				due = p.next(w)
				free = false // a queued call waited for the server
			}
			free = true
		}
	})
}

// work makes one call. free says that the user was idle, so that a late start is the
// fault of the machine.
func (p *pool) work(w *worker, due time.Time, free bool) {
	late := time.Since(due)
	p.count(due, func(o *result.OpenModel) {
		o.Started++
		o.MaxLate = max(o.MaxLate, late.Seconds()*1000)
		if late > result.LateAfter {
			o.Late++
			if free {
				o.OwnLate++
			}
		}
	})
	w.user.call(p.ctx, due)
	if w.user.wait > 0 || w.user.failed > 0 {
		w.user.rest(p.ctx, time.Time{})
	}
}

// next returns the oldest queued call. It drops calls that waited too long. Without a
// call it returns the zero time, and the worker is idle.
func (p *pool) next(w *worker) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		due := p.waiting[0]
		p.waiting = p.waiting[1:]
		if time.Since(due) <= p.patience && !p.run.over(p.ctx) {
			return due
		}
		p.count(due, func(o *result.OpenModel) { o.Dropped++ })
	}
	if p.closed {
		close(w.due)
		return time.Time{}
	}
	p.idle = append(p.idle, w)
	return time.Time{}
}

// count changes the counts for a call, unless it is warm-up.
func (p *pool) count(due time.Time, change func(*result.OpenModel)) {
	if due.Before(p.run.origin) {
		return
	}
	p.run.collect.update(func(c *collector) { change(&c.open) })
}

// close waits until every call has been made or dropped.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, w := range p.idle {
		close(w.due)
	}
	p.mu.Unlock()
	p.wg.Wait()
}
