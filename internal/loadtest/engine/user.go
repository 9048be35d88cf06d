package engine

import (
	"context"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// user is one virtual user.
type user struct {
	run     *run
	index   int
	rand    *rand.Rand
	vars    plan.Vars
	line    *line
	records recorder

	session *listening
	calls   int           // in the session
	failed  int           // consecutive exchanges without an answer
	burst   int           // calls since the last rest
	wait    time.Duration // requested by the server
}

func newUser(ctx context.Context, r *run, i int) *user {
	u := &user{run: r, index: i, rand: plan.NewRand(r.plan.Seed, uint64(i)+2), line: r.newLine(ctx)}
	u.vars = plan.Vars{User: i, Users: max(r.plan.Most(), 1), Rand: u.rand}
	u.records.into = r.collect
	return u
}

// play makes calls one after the other, from one time until another, or a number of them.
func (u *user) play(ctx context.Context, from, until time.Time, calls int) {
	if !u.warmUp(ctx) || !u.run.pauseUntil(ctx, from) {
		return
	}
	u.run.active.Add(1)
	defer u.run.active.Add(-1)
	for n := 0; calls == 0 || n < calls; n++ {
		if !until.IsZero() && !time.Now().Before(until) || u.run.over(ctx) {
			return
		}
		last := calls > 0 && n == calls-1
		u.call(ctx, time.Time{})
		if !last && !u.rest(ctx, until) {
			return
		}
	}
}

// warmUp makes calls until the end of the warm-up.
func (u *user) warmUp(ctx context.Context) bool {
	u.run.active.Add(1)
	defer u.run.active.Add(-1)
	for time.Now().Before(u.run.origin) {
		u.call(ctx, time.Time{})
		if !u.rest(ctx, u.run.origin) {
			return false
		}
	}
	return true
}

// backOff is the first pause after a failed connection or session. It doubles up to
// maxBackOff.
const (
	backOff    = 100 * time.Millisecond
	maxBackOff = 2 * time.Second
)

// rest waits between two calls, at most until a time.
func (u *user) rest(ctx context.Context, until time.Time) bool {
	d := u.think()
	if u.wait > 0 {
		d, u.wait = max(d, u.wait), 0
	}
	if u.failed > 0 {
		d = max(d, min(backOff<<min(u.failed-1, 10), maxBackOff))
	}
	if !until.IsZero() {
		d = min(d, max(time.Until(until), 0))
	}
	return u.run.pause(ctx, d)
}

func (u *user) think() time.Duration {
	plan := u.run.plan
	if plan.Burst.Calls == 0 {
		return plan.Think.Draw(u.rand)
	}
	if u.burst++; u.burst%plan.Burst.Calls == 0 {
		return plan.Burst.Rest
	}
	return 0
}

// step draws the next step.
func (u *user) step() int {
	w := u.run.weights
	if len(w) == 1 {
		return 0
	}
	n := u.rand.IntN(w[len(w)-1])
	return sort.SearchInts(w, n+1)
}

// call makes one call. due is the zero time in the closed model.
func (u *user) call(ctx context.Context, due time.Time) {
	s := sample{user: u.index, step: u.step(), due: !due.IsZero()}
	request := u.request(s.step)
	from := due
	if from.IsZero() {
		from = time.Now()
	}
	session, err := u.ensureSession(ctx)
	if err != nil {
		u.record(ctx, &s, from, from, time.Now(), failureOf(err))
		return
	}
	start := time.Now()
	if !s.due {
		from = start
	}
	answer, timing, err := u.line.do(ctx, session, request, start)
	stop := answer.At
	if stop.IsZero() {
		stop = time.Now()
	}
	s.sent, s.bytes, s.first = answer.Sent, answer.Received, timing.FirstByte
	u.run.countConnection(from, timing)
	var f *failure
	switch {
	case err != nil:
		f = failureOf(err)
	case answer.IsError:
		f = toolFailure(answer.Text)
	}
	u.record(ctx, &s, from, start, stop, f)
	if err != nil && ctx.Err() != nil {
		u.cutOff(ctx, session)
	}
	u.after(ctx, f)
}

// cancelTime bounds the cancellation of a call.
const cancelTime = time.Second

// cutOff cancels a call that the end of the run interrupted: some servers end no
// session during a call.
func (u *user) cutOff(ctx context.Context, session *mcp.Session) {
	if u.run.cfg.Shared {
		return // the process ends with the run
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	_ = session.Cancel(ctx) // without it the server ends the session later
}

func (u *user) request(step int) *mcp.Request {
	r := u.run.requests[step]
	if r == nil {
		r = u.run.plan.Steps[step].Request(&u.vars)
	}
	u.vars.Iter++
	return r
}

// record records a call, unless it is warm-up. Of a call that the end of the run
// interrupted the age alone is known.
func (u *user) record(ctx context.Context, s *sample, from, start, stop time.Time, f *failure) {
	switch {
	case from.Before(u.run.origin):
		return
	case f != nil && ctx.Err() != nil:
		u.run.collect.update(func(c *collector) { c.waiting.Add(stop.Sub(from)) })
		return
	}
	s.at, s.end = from.Sub(u.run.origin), stop.Sub(u.run.origin)
	s.latency, s.service, s.failure = stop.Sub(from), stop.Sub(start), f
	u.records.add(s)
}

// after ends the session or schedules a wait, if the call requires it.
func (u *user) after(ctx context.Context, f *failure) {
	u.calls++
	u.failed = u.unanswered(f)
	if f != nil {
		if f.kind == result.ErrSession {
			u.run.collect.update(func(c *collector) { c.sessions.Lost++ })
		}
		if u.run.plan.RespectRetryAfter {
			u.wait = min(f.wait, maxWait)
		}
	}
	if most := u.run.plan.SessionCalls; most > 0 && u.calls >= most {
		u.endSession(ctx)
	}
}

// unanswered returns how many consecutive exchanges failed without a connection. They
// fail at once if the server is gone, and a user without a pause would only spin.
func (u *user) unanswered(f *failure) int {
	if f == nil {
		return 0
	}
	switch f.kind {
	case result.ErrConnect, result.ErrTLS, result.ErrReset, result.ErrOther:
		return u.failed + 1
	}
	return 0
}

// maxWait bounds the wait that a server can request.
const maxWait = time.Minute

// countConnection records how long a new connection took to open.
func (r *run) countConnection(from time.Time, t timing) {
	if t.Connect == 0 && t.TLS == 0 || from.Before(r.origin) {
		return
	}
	r.collect.update(func(c *collector) {
		if t.Connect > 0 {
			c.phases.connect.Add(t.Connect)
		}
		if t.TLS > 0 {
			c.phases.tls.Add(t.TLS)
		}
	})
}
