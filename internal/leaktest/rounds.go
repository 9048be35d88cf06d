package leaktest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phase loads the server with one factor, round after round.
func (r *run) phase(ctx context.Context, f *factor) *Phase {
	p := &Phase{ID: f.id, Per: f.perTool(r.load.tool.Name), Does: f.does, expected: f.fails, Held: f.held, Errors: map[string]string{}}
	if r.load.line != nil && f.id == everyday {
		p.Does = "a call over the standard streams"
	}
	lazy := collectorsOf(r.server, r.cfg)
	r.current, p.lazy = p, lazy.mayMB()
	defer r.load.forget(context.WithoutCancel(ctx))
	n := r.calibrate(ctx, f)
	p.each = float64(n.calls)
	r.load.stand(ctx, f)
	base := r.settle(ctx, f, Round{From: r.elapsed(), Loaded: r.elapsed()})
	if ctx.Err() != nil || base.TreeMB == 0 {
		return p
	}
	p.Rounds = append(p.Rounds, base)
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

// amount is the work of a round.
type amount struct{ operations, calls int }

// round makes one round. It is not whole where it was cut off.
func (r *run) round(ctx context.Context, f *factor, p *Phase, n amount) (Round, bool) {
	round := Round{Number: len(p.Rounds), From: r.elapsed()}
	r.tell("load")
	b := r.guarded(ctx, f, n.operations)
	round.Loaded = r.elapsed()
	p.count(b)
	round.Operations, round.Failed, round.Latency = p.Operations, b.failed, b.summary()
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

// calibrate warms the server up and finds out how many operations a round can have: enough to
// last, and not so many that a server that keeps much of each runs out of memory before the
// verdict. What a person chose is left as it is.
func (r *run) calibrate(ctx context.Context, f *factor) amount {
	r.tell("warm-up")
	if r.chosen(f) {
		return amount{r.cfg.Users * r.cfg.Calls, r.cfg.Calls}
	}
	rate, each := r.ramp(ctx, f, r.room())
	return r.size(f, rate, each)
}

// chosen reports whether a person chose the size of a round of f.
func (r *run) chosen(f *factor) bool { return r.cfg.Fixed && (f.id == everyday || f.parallel) }

// room is what the server may still take, in MB.
func (r *run) room() float64 { return max(0, float64(r.cfg.MaxMemory)/mib-r.server.memory()) }

// size is the work of a round, where the server does so many operations a second
// and keeps so many MB of each.
func (r *run) size(f *factor, rate, each float64) amount {
	n, least := int(rate*r.loadTime(f).Seconds()), 3
	// What a person would choose, unless the server is too slow for it.
	n = max(n, min(r.cfg.Users*r.cfg.Calls, slowest*n))
	if f.id == everyday {
		least = 6
	}
	n = min(max(n, least), mostOperations)
	if each > 0.1 {
		n = max(least, min(n, int(r.room()/2/sureRounds/each)))
	}
	return amount{n, min(r.cfg.Calls, n)}
}

// larger is the work of the next round after the last one of p: a server that
// was cold when it was calibrated, or a machine that was busy, may have made it
// small. Only the rounds that are left out as warm-up differ, unless a lazy
// collector has to be made to work.
func (r *run) larger(f *factor, p *Phase, n amount) amount {
	last := &p.Rounds[len(p.Rounds)-1]
	if r.chosen(f) || last.Operations == 0 {
		return n
	}
	if p.waits() && last.Loaded-last.From < slowest*r.loadTime(f).Seconds() {
		return amount{min(2*n.operations, mostOperations), n.calls}
	}
	if last.Number >= resized {
		return n
	}
	each := max(0, last.TreeMB-p.Rounds[0].TreeMB) / float64(last.Operations)
	if s := r.size(f, last.Throughput, each); s.operations > n.operations*3/2 {
		return amount{min(s.operations, 4*n.operations), s.calls}
	}
	return n
}

// mostProbe is the share of the memory that the ramp may take: one in so many.
const mostProbe = 20

// ramp makes more and more operations, up to half a second of them, and says how
// many a second are made and how much memory each took. It goes step by step: what a server
// gives back of an earlier load can hide what the first operations keep. The first
// steps find the server cold, and say little about how fast it is.
func (r *run) ramp(ctx context.Context, f *factor, room float64) (rate, each float64) {
	before, total := r.server.memory(), 0
	for n, step := max(2, min(r.cfg.Users, factorWorkers)), 1; ; step++ {
		b := r.guarded(ctx, f, n)
		r.pause(ctx, min(r.cfg.Settle, time.Second)/2)
		total += n
		grown := max(0, r.server.memory()-before)
		each, rate = grown/float64(total), max(rate, b.rate())
		most := int(room / mostProbe / max(each, 1e-3))
		next := min(4*n, int(rate/2), most)
		if step <= coldSteps {
			next = min(max(next, n+1), most)
		}
		if next <= n || grown > room/mostProbe || r.full || ctx.Err() != nil {
			return rate, each
		}
		n = next
	}
}

const (
	mostOperations = 20_000
	slowest        = 4 // times the usual load time, that a round of all users may take
	coldSteps      = 3 // of the ramp
	resized        = 3 // the last round whose size may differ: three are left out at least
)

// fewFactors is how many factors have the time for rounds of full length.
const fewFactors = 3

func (r *run) loadTime(f *factor) time.Duration {
	if f.id == everyday || r.of <= fewFactors {
		return min(loadTime, max(r.cfg.Settle, 200*time.Millisecond))
	}
	return min(loadTime/2, max(r.cfg.Settle/2, 200*time.Millisecond))
}

// settle waits until the server is idle and reads what it holds then: the least
// of the end of the wait, since a collector may come late.
func (r *run) settle(ctx context.Context, f *factor, round Round) Round {
	r.tell("settle")
	wait := r.cfg.Settle
	if f.held {
		wait += r.cfg.Expiry
	}
	last := min(lastPart, wait/2)
	r.load.idle()
	r.pause(ctx, (wait-last)/2)
	r.collect(ctx)
	r.pause(ctx, (wait-last)/2)
	round.TreeMB = math.Inf(1)
	for end := time.Now().Add(last); ; {
		m, err := r.server.tree.Read()
		if err != nil {
			round.TreeMB = 0
			return round
		}
		if mb := float64(m.Total.RSS) / mib; mb < round.TreeMB {
			round.TreeMB, round.RootMB = mb, float64(m.Self.RSS)/mib
		}
		round.Processes = 1 + m.Children
		if r.server.child != nil {
			r.server.child.Know(r.server.tree.Members())
		}
		if ctx.Err() != nil || !time.Now().Before(end) {
			break
		}
		r.pause(ctx, min(100*time.Millisecond, last/4+time.Millisecond))
	}
	r.counts(ctx, &round)
	round.Settled = r.elapsed()
	return round
}

// counts reads what has no noise: of the processes, and of what the server
// says of itself now.
func (r *run) counts(ctx context.Context, round *Round) {
	d := r.server.tree.ReadDetail()
	if d.Denied {
		r.once("open files and sockets were not counted: permission denied; the server belongs to another user: run as that user, or with more rights")
	}
	round.Files, round.Sockets = known(d.Files), known(d.Sockets)
	round.CloseWait, round.Threads = known(d.CloseWait), known(d.Threads)
	if !r.snapshot {
		return
	}
	s, err := poll.Once(ctx, r.cfg.Client, r.cfg.Snapshot)
	if err != nil {
		return // a hole
	}
	if s.ActiveSessions != nil {
		round.Sessions = known(float64(*s.ActiveSessions))
	}
	round.HeapMB = s.HeapUsedMB
}

func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
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
		return LeastRounds
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
