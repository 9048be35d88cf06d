package leaktest

import (
	"context"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

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
		r.current.short = r.current.short || m.Short
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
	d := process.NoDetail()
	r.server.tree.ReadCounts(&d)
	r.server.tree.ReadSockets(&d)
	if d.Denied {
		r.once("sockets were not counted, nor open files before Linux 6.2: permission denied; the server belongs to another user: run as that user, or with more rights")
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
