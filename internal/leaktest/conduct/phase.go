package conduct

import (
	"cmp"
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phase loads the server with one task, round after round.
func (c *Conductor) phase(ctx context.Context, t *Task) *judge.Phase {
	p := &judge.Phase{ID: t.ID, Per: t.Per, Does: t.Does, Tool: t.Tool, ComposedOf: t.ComposedOf, OpensSessions: t.Has(load.OpensSessions),
		Evidence: judge.Evidence{MeantToFail: t.Has(load.MeantToFail), Held: t.Has(load.HeldByTime), Expired: c.Expiry > 0,
			Asked: t.Asked, FileLimit: c.Server.FileLimit, Errors: map[string]string{}}}
	c.current, c.task = p, t
	if t.Select != nil {
		t.Select()
	}
	defer c.Server.End(context.WithoutCancel(ctx), &t.Operation)
	c.room = c.roomFor(t)
	n := c.calibrate(ctx, t)
	c.Server.Begin(ctx, &t.Operation)
	base := c.settle(ctx, t, judge.Round{From: c.elapsed(), Loaded: c.elapsed()})
	if ctx.Err() != nil || base.TreeMB == 0 {
		c.ended(p)
		return p
	}
	mb, exceeded := c.Server.Collectors()
	p.CollectorMB, p.Rounds = mb, append(p.Rounds, base)
	p.Judge()
	for c.more(t, p) && ctx.Err() == nil && !c.ended(p) {
		round, whole := c.round(ctx, t, n)
		if !whole {
			break
		}
		p.Rounds = append(p.Rounds, round)
		p.OverCollector = exceeded()
		p.Judge()
		n = c.larger(t, p, n)
	}
	if !c.ended(p) {
		c.confirm(ctx, t, p, n)
		c.doubt(p)
	}
	return p
}

// ended notes how the server ended, if it did.
func (c *Conductor) ended(p *judge.Phase) bool {
	how, outOfMemory := c.Server.Ended()
	if how == "" {
		return false
	}
	c.Ended, p.Ended, p.OutOfMemory = how, how, outOfMemory
	if len(p.Rounds) > 0 {
		p.Judge()
	}
	return true
}

// round makes one round of n operations. It is not whole if it was cut off.
func (c *Conductor) round(ctx context.Context, t *Task, n int) (judge.Round, bool) {
	p := c.current
	round := judge.Round{Number: len(p.Rounds), From: c.elapsed()}
	c.report("load")
	b := c.load(ctx, t, n)
	round.Loaded = c.elapsed()
	count(p, &b)
	round.Operations, round.Failed, round.Latency = p.Operations, b.Failed, b.Latency()
	if b.Took > 0 {
		round.Throughput = b.Rate()
	}
	if c.Round != nil {
		c.Round(p, &round, &b)
	}
	round = c.settle(ctx, t, round)
	return round, ctx.Err() == nil && round.TreeMB > 0
}

// count adds the outcome of a round to the evidence.
func count(p *judge.Phase, b *load.Batch) {
	p.Operations, p.Failed, p.Refused = p.Operations+b.Done, p.Failed+b.Failed, p.Refused+b.Refused
	for kind, example := range b.Errors {
		if p.Errors[kind] == "" {
			p.Errors[kind] = example
		}
	}
	if b.Done == 0 {
		return
	}
	p.Shares = nil
	if b.Sessions > 0 {
		p.Shares = append(p.Shares, judge.Share{Per: "session", Of: float64(b.Sessions) / float64(b.Done)})
	}
	if b.Discovers > 0 {
		p.Shares = append(p.Shares, judge.Share{Per: "server/discover", Of: float64(b.Discovers) / float64(b.Done)})
	}
}

// load makes n operations, unless the memory limit is reached first.
func (c *Conductor) load(ctx context.Context, t *Task, n int) load.Batch {
	b, full := c.Server.Run(ctx, &t.Operation, n)
	c.Full = c.Full || full
	return b
}

// settle waits until the server is idle and adds its reading to round.
func (c *Conductor) settle(ctx context.Context, t *Task, round judge.Round) judge.Round {
	c.report("settle")
	r := c.Server.Settle(ctx, c.wait(t))
	if r.Unread != "" {
		c.current.Unread = r.Unread
	}
	c.current.LivePartial = c.current.LivePartial || r.Partial
	r.Number, r.Operations, r.Failed, r.From, r.Loaded = round.Number, round.Operations, round.Failed, round.From, round.Loaded
	r.Latency, r.Throughput = round.Latency, round.Throughput
	r.Settled = c.elapsed()
	return r.Round
}

// wait returns the settle time of a task.
func (c *Conductor) wait(t *Task) time.Duration {
	settle := c.Settle
	if c.current != nil && c.current.LiveKnown() {
		settle = cmp.Or(c.LiveSettle, c.Settle)
	}
	if t.Has(load.HeldByTime) {
		return settle + c.Expiry
	}
	return settle
}

// more decides whether p needs another round.
func (c *Conductor) more(t *Task, p *judge.Phase) bool {
	n := p.RoundsDone()
	if c.Full || c.Rounds > 0 {
		return !c.Full && n < c.Rounds
	}
	if time.Since(c.start) > c.MaxTime {
		return false
	}
	if n < c.usual(t) {
		return wants(p, n, c.usual(t)) && !c.timeForHoldOnly(p)
	}
	return (wants(p, n, c.usual(t)) || c.fills(p)) && time.Now().Before(c.until(p))
}

// timeForHoldOnly reports whether another round would take the time to confirm a leak.
func (c *Conductor) timeForHoldOnly(p *judge.Phase) bool {
	if p.Verdict() != trend.Leak || p.By == judge.ByCount || c.Hold <= 0 {
		return false
	}
	last := &p.Rounds[len(p.Rounds)-1]
	round := time.Duration((last.Settled - last.From) * float64(time.Second))
	return c.timeLeft() < c.holdTime()+2*round // a round may take longer than the one before
}

// until returns when the phase gets no more rounds. The hold time is worth more than
// longer load, and a suspected cache more than the share of a single load.
func (c *Conductor) until(p *judge.Phase) time.Time {
	until := c.extendUntil
	if c.fills(p) && c.named <= 1 {
		until = c.start.Add(c.MaxTime - c.reserved)
	}
	if p.Verdict() == trend.Leak && p.By != judge.ByCount {
		until = until.Add(-c.holdTime() - secondLoadTime)
	}
	return until
}

// Growth is hardly that of a cache that fills if it has lasted for more operations than
// caches take to fill, exceeds the size of most caches of most numbers of entries, or
// takes a share of the memory that the server may hold.
const (
	believedOperations = 150_000
	believedMB         = 256.0
	believedEntries    = 25_000
	believedShare      = 0.5
)

// suspected reports whether the memory of p grows, but may yet be that of a cache that fills.
func (c *Conductor) suspected(p *judge.Phase) bool {
	if p.Verdict() != trend.Leak || p.By == judge.ByCount {
		return false
	}
	last := &p.Rounds[len(p.Rounds)-1]
	grown := p.Measured(last, p.By) - p.Measured(&p.Rounds[0], p.By)
	return last.Operations < believedOperations && (grown < believedMB || last.Operations < believedEntries) && grown < believedShare*c.room
}

// fills reports whether the memory of p may be that of a cache that fills, or that is full
// since a few rounds.
func (c *Conductor) fills(p *judge.Phase) bool {
	return c.suspected(p) || p.Verdict() == trend.Undecided && p.Trend.Slowing && !p.Unexpired()
}

// usual returns the number of rounds of a phase that is decided early: fewer if the
// user named several loads.
func (c *Conductor) usual(t *Task) int {
	if t.Has(load.Unasked) || c.named > 1 {
		return leastRounds
	}
	return usualRounds
}

// countedRounds is the number of rounds after which a count is believed.
const countedRounds = 6

// rssTime is how long a small leak that only RSS shows must last after the warm-up: a
// cache may fill until then.
const rssTime = 2 * time.Minute

// keptTime returns the time of the readings after the warm-up.
func keptTime(p *judge.Phase) time.Duration {
	first, last := p.Rounds[max(0, len(p.Rounds)-p.Trend.Kept)], p.Rounds[len(p.Rounds)-1]
	return time.Duration((last.Settled - first.Settled) * float64(time.Second))
}

// creeps reports whether the memory rises steadily by nearly as much as is called a leak.
func creeps(t *trend.Judgement) bool {
	const near = 0.5 // of the limit
	return t.Rate.Low > 0 && t.P < trend.Significant && t.Growth > near*t.Limit && !t.Slowing
}

// hints reports whether RSS rises in rounds that should have decided: its noise hides a
// small leak, which longer rounds show.
func hints(p *judge.Phase) bool {
	return p.Verdict() == trend.Undecided && p.By == judge.ByRSS && p.RoundsDone() >= sureRounds && p.Trend.Rate.Low > 0
}

// wants reports whether the verdict on p after n rounds can still change.
func wants(p *judge.Phase, n, usual int) bool {
	t := &p.Trend
	switch {
	case n >= mostRounds:
		return false
	case n >= countedRounds && p.By == judge.ByCount:
		return false
	case n < usual:
		return true
	case t.Verdict == trend.Leak && t.Bends && n < bentRounds:
		return p.By != judge.ByCount
	case t.Verdict == trend.Leak && p.By == judge.ByLive:
		return false
	case t.Verdict == trend.Leak:
		// A long warm-up and a cache that fills look like a leak until they are over,
		// but they rarely make the server half as large again.
		small := p.By != judge.ByCount && t.Growth < t.Level/2
		return small && (n < sureRounds || p.By == judge.ByRSS && keptTime(p) < rssTime)
	case t.Verdict == trend.NoLeak: // it may have grown more than is passed over, or soon will
		return n < sureRounds && (t.Rate.High*t.Span > t.Limit*mib || p.By == judge.ByLive && creeps(t))
	}
	return !(p.Unexpired() && p.Rate.Low > 0)
}
