package conduct

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// confirm tests whether the server releases the growth of a suspected leak:
// it idles until it has, or for the hold time; in the first case it is loaded and
// idles once more.
func (c *Conductor) confirm(ctx context.Context, t *Task, p *judge.Phase, n int) {
	if p.Verdict() != trend.Leak || c.Hold <= 0 || ctx.Err() != nil {
		return
	}
	hold := max(c.Hold, 2*c.Expiry)
	if left := c.MaxTime - time.Since(c.start) - c.later; left < hold {
		c.Warn(fmt.Sprintf("per %s: there was no time to wait for --hold %s, so memory that is released later is not ruled out; --max-time allows it", p.Per, c.Hold))
		return
	}
	last := p.Rounds[len(p.Rounds)-1]
	h := &judge.Hold{BaseMB: base(p), BeforeMB: last.TreeMB}
	kept := judge.CountsOf(&p.Evidence)
	reading, took := c.idle(ctx, t, hold, func(r *judge.Round) bool { return fell(kept, r) || !with(h, r).Kept() })
	if ctx.Err() != nil || reading.TreeMB == 0 {
		return
	}
	h.Seconds, h.AfterMB, h.CountsFell = Seconds(took), reading.TreeMB, fell(kept, &reading)
	if !h.Kept() {
		c.again(ctx, t, h, n, max(took, c.wait(t)))
	}
	p.Hold = h
	p.Judge()
}

// base returns the memory before the growth that was judged.
func base(p *judge.Phase) float64 {
	if p.Trend.Span > 0 {
		return p.Trend.Level
	}
	return p.Rounds[min(1, len(p.Rounds)-1)].TreeMB
}

// with returns h as it would be after the reading r.
func with(h *judge.Hold, r *judge.Round) *judge.Hold {
	now := *h
	now.AfterMB = r.TreeMB
	return &now
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

// again loads the server for one more round and lets it idle until it has released
// that, or for twice the time of the first release.
func (c *Conductor) again(ctx context.Context, t *Task, h *judge.Hold, n int, took time.Duration) {
	if c.Full || c.MaxTime-time.Since(c.start) < 2*took {
		h.Cut = true
		return
	}
	c.tell("load")
	c.load(ctx, t, n)
	reading, _ := c.idle(ctx, t, 2*took, func(r *judge.Round) bool {
		h.AgainMB = r.TreeMB
		return h.Returned()
	})
	h.AgainMB, h.Cut = reading.TreeMB, ctx.Err() != nil || reading.TreeMB == 0
}

// idle reads the idle server again and again, until done says so or the time is
// over. It returns the last reading.
func (c *Conductor) idle(ctx context.Context, t *Task, limit time.Duration, done func(*judge.Round) bool) (judge.Round, time.Duration) {
	for from := time.Now(); ; {
		c.tell("hold")
		r := c.Server.Settle(ctx, c.wait(t)).Round
		took := time.Since(from)
		if ctx.Err() != nil || r.TreeMB == 0 || took >= limit || done(&r) {
			return r, took
		}
	}
}
