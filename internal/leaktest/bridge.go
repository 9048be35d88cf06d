package leaktest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// newConductor returns a conductor of the server.
func (r *run) newConductor() *conduct.Conductor {
	return &conduct.Conductor{
		Config: conduct.Config{Users: r.cfg.Users, Calls: r.cfg.Calls, Fixed: r.cfg.Fixed, Rounds: r.cfg.Rounds, Settle: r.cfg.Settle, LiveSettle: r.cfg.LiveSettle,
			Expiry: r.cfg.Expiry, Hold: r.cfg.Hold, MaxTime: r.cfg.MaxTime, MaxMB: float64(r.cfg.MaxMemory) / mib, HeapMB: float64(r.server.heapLimit) / mib},
		Server: conduct.Server{
			Run: r.guarded, Settle: r.settle, Memory: r.server.memory, Files: r.server.files, FileLimit: fileLimit(r.server.info.PID),
			Begin: r.load.OpenStanding, End: func(ctx context.Context, _ *load.Operation) { r.load.CloseStanding(ctx) },
			Collectors: func() (float64, func() bool) {
				c := collectorsOf(r.server, r.cfg)
				return c.mayMB(), c.beyond
			},
			Missed: r.watch.missed,
			Ended:  r.ended,
		},
		Warn: r.warn, Report: r.report, Round: r.log.round,
	}
}

// guarded makes n operations, unless the memory limit is reached first.
func (r *run) guarded(ctx context.Context, op *load.Operation, n int) (load.Batch, bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.watch.guard(func() { cancel(errMemory) })
	defer r.watch.guard(nil)
	b := r.load.Run(ctx, op, n)
	return b, errors.Is(context.Cause(ctx), errMemory)
}

// ended returns how the server ended, with its last complaint, and whether memory ran out.
func (r *run) ended() (how string, outOfMemory bool) {
	how = r.server.end()
	if how == "" {
		return "", false
	}
	killed := !r.server.endedByItself()
	outOfMemory = killed && outOfMemoryKills() > r.deaths
	if last := r.out.lastWords(); last.Failed && !killed {
		how += "; it said: " + lastSaid(last)
		outOfMemory = outOfMemory || last.OutOfMemory()
	}
	return how, outOfMemory
}

// settle waits until the server is idle and reads its memory and counts: the minimum
// of the end of the wait, since a collector may run late.
func (r *run) settle(ctx context.Context, wait time.Duration) conduct.Reading {
	last := min(lastPart, wait/2)
	r.load.CloseIdle()
	conduct.Pause(ctx, (wait-last)/2)
	r.collect(ctx)
	before, _ := r.liveMB(ctx) // RSS is quieter after it
	conduct.Pause(ctx, (wait-last)/2)
	reading := conduct.Reading{}
	reading.TreeMB = math.Inf(1)
	for end := time.Now().Add(last); ; {
		m, err := r.server.tree.Read()
		if err != nil {
			return conduct.Reading{}
		}
		if mb := float64(m.Total.RSS) / mib; mb < reading.TreeMB {
			reading.TreeMB, reading.RootMB = mb, float64(m.Self.RSS)/mib
		}
		reading.Processes, reading.Zombies = 1+m.Children, float64(m.Zombies)
		if m.Short {
			reading.Unread = process.ShortText
		}
		if ctx.Err() != nil || !time.Now().Before(end) {
			break
		}
		conduct.Pause(ctx, min(100*time.Millisecond, last/4+time.Millisecond))
	}
	r.counts(ctx, &reading.Round)
	reading.LiveMB, reading.Partial = r.liveMB(ctx)
	if reading.LiveMB != nil && before != nil { // buffers of requests come and go
		*reading.LiveMB = min(*reading.LiveMB, *before)
	}
	return reading
}

// counts reads the counts of the processes and of the snapshot endpoint.
func (r *run) counts(ctx context.Context, round *judge.Round) {
	d := process.NoDetail()
	r.server.tree.ReadCounts(&d)
	r.server.tree.ReadSockets(&d)
	if d.Denied {
		r.warn("sockets were not counted, nor open files before Linux 6.2: permission denied; the server belongs to another user: run as that user, or with more rights")
	}
	round.Files, round.Sockets = known(d.Files), known(d.Sockets)
	round.CloseWait, round.Threads = known(d.CloseWait), known(d.Threads)
	if r.cfg.Held != nil {
		var err error
		if round.Held, err = r.cfg.Held(ctx); err != nil {
			r.warn(err.Error())
		}
	}
	if !r.snapshot {
		return
	}
	s, err := poll.Once(ctx, r.cfg.Client, r.cfg.Snapshot)
	if err != nil {
		return // the value stays unknown
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

// collectTime limits one request to run the collector.
const collectTime = 10 * time.Second

// collect asks the collector of the runtime to run, if the user said how.
func (r *run) collect(ctx context.Context) {
	if r.cfg.GCSignal != "" {
		if err := process.Signal(r.server.info.ID, r.cfg.GCSignal); err != nil {
			r.warn(fmt.Sprintf("asking the collector: sending %s to process %d: %v", r.cfg.GCSignal, r.server.info.PID, err))
		}
	}
	if r.cfg.GCURL == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, collectTime)
	defer cancel()
	if err := r.load.Get(ctx, r.cfg.GCURL.String()); err != nil {
		r.warn("asking the collector: " + err.Error())
	}
}
