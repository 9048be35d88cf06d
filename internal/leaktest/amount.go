package leaktest

import (
	"context"
	"time"
)

// amount is the work of a round.
type amount struct{ operations, calls int }

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
