package conduct

import (
	"context"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
)

// The size of a round.
const (
	loadTime       = 2 * time.Second // of a round, unless the user chose its size
	fewTasks       = 3               // tasks that all have rounds of full length
	mostOperations = 20_000
	leastMixed     = 6      // operations of a mixed load
	leastOther     = 3      // of any other
	slowest        = 4      // times the load time that a round of all users may take
	coldSteps      = 3      // of the ramp: the server is cold
	resizedRounds  = 3      // whose size may differ: at least three are dropped as warm-up
	roomShare      = 10     // a longer round may take a tenth of the room for growth
	probeShare     = 20     // the ramp may take a twentieth of the memory
	mostRoomMB     = 2048.0 // for growth that may be that of a cache: runtimes have limits of their own
	mostHeldMB     = 100.0  // that a load may keep which the user did not name
)

// cost is the measured cost of one operation.
type cost struct {
	rate  float64 // operations per second
	mb    float64 // memory kept
	files float64 // open files kept
}

// calibrate warms the server up and returns the number of operations in a round:
// enough to last, and not so many that a server that keeps much of each runs out
// of memory or files before there is a verdict.
func (c *Conductor) calibrate(ctx context.Context, t *Task) int {
	c.report("warm-up")
	if c.chosen(t) {
		return c.Users * c.Calls
	}
	return c.size(t, c.ramp(ctx, t, c.headroom()))
}

// chosen reports whether the user chose the size of a round.
func (c *Conductor) chosen(t *Task) bool { return c.Fixed && t.Has(load.SizedByUsers) }

// headroom returns how much the server may still grow, in MB.
func (c *Conductor) headroom() float64 {
	room := c.MaxMB - c.Server.Memory()
	if c.HeapMB > 0 {
		room = min(room, c.HeapMB)
	}
	return max(0, room)
}

// roomFor returns how much the server may grow under a load, in MB.
func (c *Conductor) roomFor(t *Task) float64 {
	most := mostRoomMB
	if t.Has(load.Unasked) {
		most = mostHeldMB / believedShare
	}
	return min(c.headroom(), most)
}

// size returns the number of operations in a round.
func (c *Conductor) size(t *Task, each cost) int {
	n, least := int(each.rate*c.loadTime(t).Seconds()), t.least()
	// The usual size, unless the server is too slow for it.
	n = max(n, min(c.Users*c.Calls, slowest*n))
	n = min(max(n, least), mostOperations)
	if each.mb > 0.1 {
		n = max(least, min(n, int(c.headroom()/2/sureRounds/each.mb)))
	}
	if each.mb > 0 && t.Has(load.Unasked) {
		n = max(least, min(n, int(mostHeldMB/leastRounds/each.mb)))
	}
	if limit := c.Server.FileLimit; limit > 0 && each.files > 0.1 {
		n = max(least, min(n, int((limit-c.Server.Files())/2/sureRounds/each.files)))
	}
	return n
}

// larger returns the size of the next round: the calibration may have found the
// server cold or the machine busy. Only rounds that are dropped as warm-up differ,
// unless a lazy collector has to be made to run, or the memory would end first.
func (c *Conductor) larger(t *Task, p *judge.Phase, n int) int {
	last := &p.Rounds[len(p.Rounds)-1]
	if c.chosen(t) || last.Operations == 0 {
		return n
	}
	if most := c.sustains(t, p); n > most {
		return most
	}
	if (p.WaitsForCollector() || c.suspected(p) || hints(p)) && last.Loaded-last.From < slowest*c.loadTime(t).Seconds() {
		return min(2*n, max(n, c.affords(p)), c.sustains(t, p))
	}
	if last.Number >= resizedRounds {
		return n
	}
	each := cost{rate: last.Throughput, mb: max(0, last.TreeMB-p.Rounds[0].TreeMB) / float64(last.Operations)}
	if a, b := p.Rounds[0].Files, last.Files; a != nil && b != nil {
		each.files = max(0, *b-*a) / float64(last.Operations)
	}
	if s := c.size(t, each); s > n*3/2 {
		return min(s, 4*n)
	}
	return n
}

// sustains returns the operations of a round of which as many fit into the memory that is
// left as the verdict still needs: free memory of the process may have hidden growth
// from the calibration.
func (c *Conductor) sustains(t *Task, p *judge.Phase) int {
	last, left := &p.Rounds[len(p.Rounds)-1], usualRounds-p.RoundsDone()
	each := max(0, last.TreeMB-p.Rounds[0].TreeMB) / float64(last.Operations)
	if left <= 0 || each <= 0 {
		return mostOperations
	}
	return min(mostOperations, max(t.least(), int(c.headroom()/float64(left+1)/each)))
}

// least returns the fewest operations that make a round.
func (t *Task) least() int {
	if t.Has(load.SizedByUsers) {
		return leastMixed
	}
	return leastOther
}

// affords returns the operations of a round that takes little of the room for growth.
func (c *Conductor) affords(p *judge.Phase) int {
	each := max(p.Rate.Bytes/mib, 1e-9)
	return int(min(mostOperations, c.room/roomShare/each))
}

// Allows returns how many more operations of a phase leave half of the memory and of the open
// files that the server may have, by the memory and files kept of each.
func (c *Conductor) Allows(p *judge.Phase) int {
	most := c.headroom() / max(p.Rate.Bytes/mib, 1e-6)
	for _, count := range p.Counts {
		if count.IsFiles() && count.PerOperation > 0.1 && c.Server.FileLimit > 0 {
			most = min(most, (c.Server.FileLimit-c.Server.Files())/count.PerOperation)
		}
	}
	return int(most / 2)
}

// ramp makes growing numbers of operations, up to half a second of them, and
// measures the cost of one. It goes step by step: memory released from an earlier
// load can hide the memory that the first operations keep.
func (c *Conductor) ramp(ctx context.Context, t *Task, room float64) cost {
	before, files, first, total := c.Server.Memory(), 0.0, 0, 0
	each := cost{}
	for n, step := max(2, min(c.Users, 4)), 1; ; step++ {
		b := c.load(ctx, t, n)
		Pause(ctx, min(c.Settle, time.Second)/2)
		total += n
		if step == 1 {
			files, first = c.Server.Files(), n
		} else {
			each.files = max(0, c.Server.Files()-files) / float64(total-first)
		}
		grown := max(0, c.Server.Memory()-before)
		each.mb, each.rate = grown/float64(total), max(each.rate, b.Rate())
		most := int(room / probeShare / max(each.mb, 1e-3))
		next := min(4*n, int(each.rate/2), most)
		if step <= coldSteps {
			next = min(max(next, n+1), most)
		}
		if next <= n || grown > room/probeShare || c.Full || ctx.Err() != nil {
			return each
		}
		n = next
	}
}

// loadTime returns how long a round should load the server.
func (c *Conductor) loadTime(t *Task) time.Duration {
	if t.Has(load.CallsTool|load.SizedByUsers) && !t.Has(load.AllUsers) || c.phaseCount <= fewTasks {
		return min(loadTime, max(c.Settle, 200*time.Millisecond))
	}
	return min(loadTime/2, max(c.Settle/2, 200*time.Millisecond))
}

// Pause waits, unless the run ends.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
