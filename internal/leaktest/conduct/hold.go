package conduct

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// confirm tests whether the server releases the growth of a suspected leak: it idles
// until it has, or for the hold time, and is loaded and idles once more.
func (c *Conductor) confirm(ctx context.Context, t *Task, p *judge.Phase, n int) {
	if p.Verdict() != trend.Leak || c.Hold <= 0 {
		return
	}
	if ctx.Err() != nil {
		c.interrupted(p)
		return
	}
	hold := c.holdTime()
	if c.timeLeft() < hold {
		p.Doubt = fmt.Sprintf("there was no time to wait for --hold %s, so memory that is released later is not ruled out; --max-time allows it, --hold 0 does without", c.Hold)
		p.Judge()
		return
	}
	kept := judge.CountsOf(&p.Evidence)
	h := &judge.Hold{BaseMB: base(p), BeforeMB: p.Measured(&p.Rounds[len(p.Rounds)-1], p.By), Counted: len(kept) > 0}
	h.AfterMB = h.BeforeMB
	took, whole := c.idle(ctx, t, hold, func(r *judge.Round) bool {
		h.AfterMB, h.CountsFell = min(h.AfterMB, p.Measured(r, p.By)), h.CountsFell || fell(kept, r)
		return h.Fell()
	})
	if !whole {
		c.interrupted(p)
		return
	}
	h.Seconds = Seconds(took)
	if p.By != judge.ByLive {
		h.SlackMB = slackShare * h.AfterMB
	}
	if !h.Counted {
		c.secondLoad(ctx, t, p, h, n, took)
	}
	p.Hold = h
	p.Judge()
}

// interrupted notes that the run ended before the hold time did, unless the server ended it.
func (c *Conductor) interrupted(p *judge.Phase) {
	if !c.ended(p) {
		p.Doubt = fmt.Sprintf("the run was interrupted before the server had idled for --hold %s, so memory that is released later is not ruled out", c.Hold)
		p.Judge()
	}
}

// timeLeft returns the time for the current task.
func (c *Conductor) timeLeft() time.Duration { return c.MaxTime - time.Since(c.start) - c.reserved }

// starvedShare is the share of missing samples that a machine without time for the load has.
const starvedShare = 0.2

// doubt notes that a cache is not ruled out: the machine had no time for the operations that fill one.
func (c *Conductor) doubt(p *judge.Phase) {
	if c.Server.Missed == nil || c.Server.Missed() < starvedShare || !c.suspected(p) {
		return
	}
	p.Doubt = fmt.Sprintf("the machine was too busy to take each sample, and %s operations do not rule out a cache that fills; repeat it on a machine with time, or with a longer --max-time",
		report.Count(p.Operations))
	p.Judge()
}

// holdTime returns the idle time before a leak is believed.
func (c *Conductor) holdTime() time.Duration {
	if c.Hold <= 0 {
		return 0
	}
	return max(c.Hold, 2*c.Expiry)
}

// secondLoadTime is the usual time of the second load and its idle time.
const secondLoadTime = 40 * time.Second

// base returns the memory before the growth that was judged.
func base(p *judge.Phase) float64 {
	if p.Trend.Span > 0 {
		return p.Trend.Level
	}
	return p.Measured(&p.Rounds[min(1, len(p.Rounds)-1)], p.By)
}

// fell reports whether a count that had accumulated has fallen by half.
func fell(kept []judge.Count, r *judge.Round) bool {
	for _, k := range kept {
		for _, c := range judge.Counters() {
			if v := c.Of(r); c.Name == k.What && v != nil && *v < k.Before+(k.After-k.Before)/2 {
				return true
			}
		}
	}
	return false
}

// The second load is a third of the operations that were judged, or more where a
// smaller one could not be told from noise.
const (
	secondShare = 3
	secondNoise = 4    // times the noise by which a leak must grow
	leastSecond = 1000 // operations, where the live heap is read
	liveNoise   = 40   // times its noise by which a leak must grow then
	slackShare  = 0.5  // of RSS that may be free: Go collects when the heap has doubled
	overSlack   = 1.2  // times the slack by which a leak must grow
)

// secondLoad loads the server once more and lets it idle until it has released that too,
// at most for the hold time: a release at intervals may have come early the first
// time. If there was no release it idles for a third of the hold time.
func (c *Conductor) secondLoad(ctx context.Context, t *Task, p *judge.Phase, h *judge.Hold, n int, took time.Duration) {
	rate := p.Rate.Bytes / mib
	n = max(n, int(p.Trend.Span/secondShare), int(secondNoise*p.Trend.Noise/max(rate, 1e-9)))
	switch {
	case h.Fell():
		took = c.holdTime()
	case p.By == judge.ByLive: // nothing delays its readings
		n, took = min(n, max(leastSecond, int(liveNoise*p.Trend.Noise/max(rate, 1e-9)))), 0
	default:
		n = max(n, min(int(overSlack*h.SlackMB/max(rate, 1e-9)), c.affordable(p, took)))
		took /= secondShare
	}
	if next := int64(p.Trend.NextStep) - p.Operations; p.Trend.NextStep > 0 {
		if n = max(n, int(next)); n > c.affordable(p, took) {
			return // a smaller load may change nothing, although it is a leak
		}
	}
	n = min(n, secondShare*mostOperations, int(c.headroom()/max(rate, 1e-9)))
	if c.Full || n <= 0 || c.MaxTime-time.Since(c.start) < took {
		return
	}
	c.report("load")
	b := c.load(ctx, t, n)
	again := *h
	again.AgainMB, again.LeakMB = math.Inf(1), rate*float64(b.Done)
	_, whole := c.idle(ctx, t, max(took, 2*c.wait(t)), func(r *judge.Round) bool {
		again.AgainMB = min(again.AgainMB, p.Measured(r, p.By))
		return h.Fell() && again.Released()
	})
	if whole && b.Done > 0 {
		*h = again
	}
}

// affordable returns the operations for which there is time, beside an idle time.
func (c *Conductor) affordable(p *judge.Phase, idle time.Duration) int {
	left := c.timeLeft() - idle
	return int(p.Rounds[len(p.Rounds)-1].Throughput * left.Seconds() / 2)
}

// Holding is the state of a run that waits whether memory is released.
const Holding = "hold"

// idle reads the idle server repeatedly, until done returns true or the limit is
// reached. It returns how long that took, and false if the run or the server ended.
func (c *Conductor) idle(ctx context.Context, t *Task, limit time.Duration, done func(*judge.Round) bool) (time.Duration, bool) {
	for from := time.Now(); ; {
		c.report(Holding)
		r := c.Server.Settle(ctx, c.wait(t)).Round
		if ctx.Err() != nil || r.TreeMB == 0 {
			return 0, false
		}
		if took := time.Since(from); done(&r) || took >= limit {
			return took, true
		}
	}
}
