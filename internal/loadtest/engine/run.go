package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// run is the state of one run of a plan.
type run struct {
	*Runner
	plan    *plan.Plan
	weights []int // cumulative, of the steps
	collect *collector
	began   time.Time
	origin  time.Time     // calls that begin before are warm-up
	quit    chan struct{} // closed to stop making calls
	stopped sync.Once
	round   atomic.Int64
	active  atomic.Int64 // users that are making calls
	abort   func(reason string)

	mu    sync.Mutex
	users []*user
	kept  []*listening

	streams sync.WaitGroup // standalone streams
}

// errAborted is the cause of a run that Options.Watch ended.
var errAborted = errors.New("aborted")

func newRun(r *Runner, plan *plan.Plan) *run {
	one := &run{
		Runner: r, plan: plan, collect: newCollector(plan, r.cfg.Log), began: time.Now(),
		quit: make(chan struct{}), abort: func(string) {},
	}
	one.origin = one.began.Add(plan.Warmup)
	sum := 0
	for i := range plan.Steps {
		sum += max(plan.Steps[i].Weight, 1)
		one.weights = append(one.weights, sum)
	}
	return one
}

// stop lets users finish their calls and begin no others.
func (r *run) stop() { r.stopped.Do(func() { close(r.quit) }) }

func (r *run) over(ctx context.Context) bool {
	select {
	case <-r.quit:
		return true
	default:
		return ctx.Err() != nil
	}
}

// pause waits for d. It returns false if the run ends first.
func (r *run) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return !r.over(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.quit:
		return false
	case <-timer.C:
		return true
	}
}

func (r *run) pauseUntil(ctx context.Context, t time.Time) bool { return r.pause(ctx, time.Until(t)) }

// user returns the virtual user i, which may exist from an earlier stage.
func (r *run) user(ctx context.Context, i int) *user {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.users) <= i {
		r.users = append(r.users, nil)
	}
	if r.users[i] == nil {
		r.users[i] = newUser(ctx, r, i)
	}
	return r.users[i]
}

func (r *run) everyone() []*user {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*user
	for _, u := range r.users {
		if u != nil {
			all = append(all, u)
		}
	}
	return all
}

// playRound plays the stages and returns their duration.
func (r *run) playRound(ctx context.Context, first bool) time.Duration {
	from := time.Now()
	if first && r.plan.Warmup > 0 {
		from = r.origin
	}
	start, before := from, plan.Stage{}
	for i := range r.plan.Stages {
		if r.over(ctx) {
			break
		}
		stage := &r.plan.Stages[i]
		if stage.Rate > 0 {
			r.playRate(ctx, start, before.Rate, stage)
		} else {
			r.playUsers(ctx, start, before.Users, stage, r.plan.Stages[i+1:])
		}
		start, before = time.Now(), *stage
	}
	took := max(time.Since(from), 0)
	r.endAll(ctx)
	return took
}

// playUsers plays a stage of the closed model.
func (r *run) playUsers(ctx context.Context, start time.Time, before int, stage *plan.Stage, later []plan.Stage) {
	var wg sync.WaitGroup
	for i := range max(before, stage.Users) {
		from, to, ok := window(before, stage, i)
		if !ok {
			continue
		}
		until := time.Time{}
		if to > 0 {
			until = start.Add(to)
		}
		u := r.user(ctx, i)
		wg.Go(func() {
			u.play(ctx, start.Add(from), until, stage.Calls)
			if !plays(later, i) {
				u.endSession(ctx)
			}
		})
	}
	wg.Wait()
}

// plays reports whether user i is active in any of the stages.
func plays(stages []plan.Stage, i int) bool {
	for s := range stages {
		if i < stages[s].Users {
			return true
		}
	}
	return false
}

// endAll ends the sessions of all users.
func (r *run) endAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, u := range r.everyone() {
		wg.Go(func() { u.endSession(ctx) })
	}
	wg.Wait()
}

// enders bounds how many kept sessions end concurrently.
const enders = 64

// closeAll ends the sessions that were kept until now, and closes all connections.
func (r *run) closeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	r.mu.Lock()
	kept := r.kept
	r.kept = nil
	r.mu.Unlock()
	var wg sync.WaitGroup
	places := make(chan struct{}, enders)
	for _, s := range kept {
		places <- struct{}{}
		wg.Go(func() { r.closeSession(ctx, s); <-places })
	}
	wg.Wait()
	for _, u := range r.everyone() {
		u.line.close()
	}
	r.streams.Wait()
}

// closeSession ends a session with DELETE and counts it.
func (r *run) closeSession(ctx context.Context, s *listening) {
	defer s.stop()
	if !s.Era().Sessions() {
		_ = s.Close(ctx) // ends a process; over HTTP it does nothing
		return
	}
	from := time.Now()
	err := s.Close(ctx)
	r.collect.update(func(c *collector) {
		if err != nil {
			c.sessions.EndFailed++
			return
		}
		c.sessions.Closed++
		c.phases.end.Add(time.Since(from))
	})
}

// result returns the result so far.
func (r *run) result(took time.Duration, whole bool) *result.Result {
	for _, u := range r.everyone() {
		u.records.collect()
	}
	res := r.Describe()
	res.StartedAt, res.Rounds, res.DurationS = r.began, int(r.round.Load()), took.Seconds()
	r.collect.result(res, whole)
	return res
}

// judge gives the result its verdict.
func (r *run) judge(ctx context.Context, res *result.Result, lag *result.Histogram) {
	res.Load = generator(lag)
	res.Interrupted = ctx.Err() != nil
	if cause := context.Cause(ctx); errors.Is(cause, errAborted) {
		res.Reasons = append(res.Reasons, strings.TrimPrefix(cause.Error(), errAborted.Error()+": "))
	}
	res.Conclude()
}
