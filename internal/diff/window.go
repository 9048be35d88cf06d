package diff

import (
	"math"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Window is one side of a comparison: one or more snapshots of one server, in order.
// Its figures are medians. It keeps the first and the last snapshot.
type Window struct {
	Name    string
	Restart string // why the server seems to have restarted within it, or ""
	InTurn  bool   // several processes answered in turn, as replicas do behind one address

	first, last *snapshot.Snapshot
	samples     []sample
}

// sample holds the figures of one snapshot, NaN for those that it does not give.
type sample []float64

func sampleOf(s *snapshot.Snapshot) sample {
	values := make(sample, len(figures))
	for i, f := range figures {
		v, ok := f.Value(s)
		if !ok {
			v = math.NaN()
		}
		values[i] = v
	}
	return values
}

// One returns the window of one snapshot.
func One(name string, s *snapshot.Snapshot) Window {
	return Window{Name: name, first: s, last: s, samples: []sample{sampleOf(s)}}
}

// mismatch returns why b cannot be a later state of w, and the value of Process; "" if
// it can.
func (w Window) mismatch(b Window) (reason, process string) {
	first, last := w.last, b.last
	if first.Target() != "" && last.Target() != "" && first.Target() != last.Target() {
		switch same, known := sameProcess(first, last); {
		case !known:
			return "A and B have two addresses and one pid, and without a startTime they may be two servers, as containers are", "unknown"
		case !same:
			return "A and B are of two servers", "other"
		}
	}
	if !last.At().IsZero() && last.At().Before(first.At()) {
		return "B was taken before A; are they swapped?", "other"
	}
	return "", ""
}

// sameProcess reports whether a and b, of two addresses, are of one process, and
// whether that is known: in each container the pid is 1, so it does not suffice.
func sameProcess(a, b *snapshot.Snapshot) (same, known bool) {
	if a.PID == nil || b.PID == nil || *a.PID != *b.PID {
		return false, true
	}
	start, other := a.Started(), b.Started()
	return start.Sub(other).Abs() <= time.Second, !start.IsZero() && !other.IsZero()
}

// maxWindow is the limit of samples of a window. Of more, it keeps every second,
// fourth and so on.
const maxWindow = 1024

// Collector makes windows from the snapshots of one server. The zero value is ready.
type Collector struct {
	Failed int // polls that failed

	first, last *snapshot.Snapshot
	kept        []sample
	seen        int
	stride      int
	restart     string
	processes   []snapshot.Process // that answered
	process     int                // the index of the last one
	inTurn      bool               // one answered again after another
}

// Add adds one snapshot, which it keeps.
func (c *Collector) Add(s *snapshot.Snapshot) {
	if s.Failed() {
		c.Failed++
		return
	}
	s.Raw = nil
	s.ToolCallStack = slices.Clone(s.ToolCallStack) // the Reader reuses it
	c.follow(s)
	c.last = s
	if c.seen%c.stride == 0 {
		c.kept = append(c.kept, sampleOf(s))
	}
	c.seen++
	if len(c.kept) == maxWindow {
		for i := range maxWindow / 2 {
			c.kept[i] = c.kept[2*i]
		}
		c.kept = slices.Delete(c.kept, maxWindow/2, maxWindow)
		c.stride *= 2
	}
}

// maxProcesses is how many processes of a server are remembered.
const maxProcesses = 1000

// follow notes a restart before s, or that processes answer in turn.
func (c *Collector) follow(s *snapshot.Snapshot) {
	if c.last == nil {
		c.first, c.stride = s, 1
	} else if reason, restarted := snapshot.Restarted(c.last, s); restarted {
		c.restart = reason
	} else if s.Poll != nil && s.Poll.Restarted {
		c.restart = "the trace says so"
	}
	if p, known := s.Process(); known {
		at := slices.IndexFunc(c.processes, p.Is)
		c.inTurn = c.inTurn || at >= 0 && at != c.process
		if at < 0 && len(c.processes) < maxProcesses {
			c.processes = append(c.processes, p)
			at = len(c.processes) - 1
		}
		c.process = at
	}
	if c.inTurn {
		c.restart = "" // it was none
	}
}

// Len returns the number of snapshots.
func (c *Collector) Len() int { return c.seen }

// Window returns the window of all snapshots.
func (c *Collector) Window(name string) Window {
	kept := slices.Clone(c.kept)
	if (c.seen-1)%c.stride != 0 {
		kept = append(kept, sampleOf(c.last))
	}
	return Window{Name: name, Restart: c.restart, InTurn: c.inTurn, first: c.first, last: c.last, samples: kept}
}

// Ends returns the windows of the first and the last snapshot.
func (c *Collector) Ends(name string) (first, last Window) {
	first, last = One(name+", first", c.first), One(name+", last", c.last)
	last.Restart = c.restart
	one, _ := c.first.Process()
	other, _ := c.last.Process()
	last.InTurn = c.inTurn && !one.Is(other)
	return first, last
}
