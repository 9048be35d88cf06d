package diff

import (
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Window is one side of a comparison: one snapshot, or several of one server in
// the order in which they were taken. Figures are the medians of the window.
type Window struct {
	Name      string
	Snapshots []*snapshot.Snapshot
	Restart   string // why the server is thought to have restarted within it, or ""
}

func (w Window) last() *snapshot.Snapshot { return w.Snapshots[len(w.Snapshots)-1] }

// mismatch says why b cannot be what became of a, "" where it can.
func (w Window) mismatch(b Window) string {
	first, last := w.last(), b.last()
	switch {
	case first.Target() != "" && last.Target() != "" && first.Target() != last.Target() && !sameProcess(first, last):
		return "A and B are of two servers"
	case !first.At().IsZero() && last.At().Before(first.At()):
		return "B was taken before A; are they swapped?"
	}
	return ""
}

func sameProcess(a, b *snapshot.Snapshot) bool {
	return a.PID != nil && b.PID != nil && *a.PID == *b.PID
}

// maxWindow bounds the snapshots that a window keeps; of more, it keeps every
// second, fourth and so on.
const maxWindow = 1024

// Collector makes windows of what a trace holds of one server. The zero value is ready.
type Collector struct {
	Failed int // polls that failed

	first, last *snapshot.Snapshot
	kept        []*snapshot.Snapshot
	seen        int
	stride      int
	restart     string
}

// Add takes in one snapshot.
func (c *Collector) Add(s *snapshot.Snapshot) {
	if s.Failed() {
		c.Failed++
		return
	}
	if c.last == nil {
		c.first, c.stride = s, 1
	} else if reason, restarted := snapshot.Restarted(c.last, s); restarted {
		c.restart = reason
	} else if s.Poll != nil && s.Poll.Restarted {
		c.restart = "the trace says so"
	}
	c.last = s
	if c.seen%c.stride == 0 {
		c.kept = append(c.kept, s)
	}
	c.seen++
	if len(c.kept) == maxWindow {
		for i := range maxWindow / 2 {
			c.kept[i] = c.kept[2*i]
		}
		c.kept = c.kept[:maxWindow/2]
		c.stride *= 2
	}
}

// Len is the number of snapshots that were taken in.
func (c *Collector) Len() int { return c.seen }

// Window is all of it.
func (c *Collector) Window(name string) Window {
	kept := slices.Clone(c.kept)
	if kept[len(kept)-1] != c.last {
		kept = append(kept, c.last)
	}
	return Window{Name: name, Snapshots: kept, Restart: c.restart}
}

// Ends are its first snapshot and its last.
func (c *Collector) Ends(name string) (first, last Window) {
	return Window{Name: name + ", first", Snapshots: []*snapshot.Snapshot{c.first}},
		Window{Name: name + ", last", Snapshots: []*snapshot.Snapshot{c.last}, Restart: c.restart}
}
