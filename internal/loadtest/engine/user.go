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
	failed  int           // exchanges in a row without an answer
	burst   int           // calls since the last rest
	wait    time.Duration // as long as the server asked to
}

func newUser(ctx context.Context, r *run, i int) *user {
	u := &user{run: r, index: i, rand: seeded(r.plan.Seed, i), line: r.newLine(ctx)}
	u.vars = plan.Vars{User: i, Users: max(r.plan.Most(), 1), Rand: u.rand}
	u.records.into = r.collect
	return u
}

// play makes calls one after the other, from one time until another, or so many.
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

// warmUp makes calls until those begin that count.
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

// backOff is how long a user waits after a connection that failed, or a session
// that could not be opened; it doubles up to maxBackOff.
const (
	backOff    = 100 * time.Millisecond
	maxBackOff = 2 * time.Second
)

// rest lets time pass between two calls, at most until a time.
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

// step draws what to call.
func (u *user) step() int {
	w := u.run.weights
	if len(w) == 1 {
		return 0
	}
	n := u.rand.IntN(w[len(w)-1])
	return sort.SearchInts(w, n+1)
}

// call makes one call, which was due at a time, or is when there is none.
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

// cancelTime is how long it may take to tell the server of a call that was cut off.
const cancelTime = time.Second

// cutOff tells the server that the end of the run cut off a call: some end no
// session while one of its calls goes on.
func (u *user) cutOff(ctx context.Context, session *mcp.Session) {
	if u.run.cfg.Shared {
		return // the process ends with the run
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	_ = session.Cancel(ctx) // a server that does not hear it ends its sessions later
}

func (u *user) request(step int) *mcp.Request {
	r := u.run.requests[step]
	if r == nil {
		r = u.run.plan.Steps[step].Request(&u.vars)
	}
	u.vars.Iter++
	return r
}

// record counts a call, unless it is warm-up, or was cut off by the end of the
// run: that says nothing of the server.
func (u *user) record(ctx context.Context, s *sample, from, start, stop time.Time, f *failure) {
	if f != nil && ctx.Err() != nil || from.Before(u.run.origin) {
		return
	}
	s.at, s.end = from.Sub(u.run.origin), stop.Sub(u.run.origin)
	s.latency, s.service, s.failure = stop.Sub(from), stop.Sub(start), f
	u.records.add(s)
}

// after does what a call leaves to do: to end the session, to wait.
func (u *user) after(ctx context.Context, f *failure) {
	u.calls++
	u.failed = u.unanswered(f)
	if f != nil {
		if f.kind == result.ErrSession {
			u.run.collect.note(func(c *collector) { c.sessions.Lost++ })
		}
		if u.run.plan.RespectRetryAfter {
			u.wait = min(f.wait, maxWait)
		}
	}
	if most := u.run.plan.SessionCalls; most > 0 && u.calls >= most {
		u.endSession(ctx)
	}
}

// unanswered is how many exchanges in a row have failed for want of a connection.
// Where a server is gone, they fail at once, and a loop would make nothing else.
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

// maxWait bounds how long a server can have a user wait.
const maxWait = time.Minute

// countConnection records how long a new connection took to open.
func (r *run) countConnection(from time.Time, t timing) {
	if t.Connect == 0 && t.TLS == 0 || from.Before(r.origin) {
		return
	}
	r.collect.note(func(c *collector) {
		if t.Connect > 0 {
			c.phases.connect.Add(t.Connect)
		}
		if t.TLS > 0 {
			c.phases.tls.Add(t.TLS)
		}
	})
}
