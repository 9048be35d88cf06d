package fold

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// holeIntervals is the largest distance of two polls, in intervals, at which they
// stand for the time between them. A longer one is a gap in the trace.
const holeIntervals = 5

// gap is the time from one poll of a target to the next.
type gap struct {
	length time.Duration
	known  bool // the trace records its interval, so a hole was recognized
}

// gap measures the time since the last poll and counts it as watched or as a hole.
func (f *Folder) gap(t *target, s *snapshot.Snapshot) gap {
	at := s.At()
	if at.After(f.watch.To) {
		f.watch.To = at
	}
	if t.last == nil || t.next || at.IsZero() || t.last.At().IsZero() {
		return gap{}
	}
	length := at.Sub(t.last.At())
	if length <= 0 {
		if length < 0 {
			f.back++
		}
		return gap{}
	}
	interval := max(intervalOf(s), intervalOf(t.last)) * time.Duration(t.answering())
	t.hole = interval > 0 && length > holeIntervals*interval
	if interval == 0 {
		t.gaps[length]++
		return gap{length: length}
	}
	return f.judge(length, 1, interval)
}

// judge counts n gaps of one length.
func (f *Folder) judge(length time.Duration, n int, interval time.Duration) gap {
	f.watch.Window += length * time.Duration(n)
	if length > holeIntervals*interval {
		f.watch.Holes += n
		return gap{known: true}
	}
	f.watch.Watched += length * time.Duration(n)
	return gap{length: length, known: true}
}

func intervalOf(s *snapshot.Snapshot) time.Duration {
	if s.Poll == nil {
		return 0
	}
	return time.Duration(s.Poll.IntervalMs * float64(time.Millisecond))
}

// credit adds to each leaf of t its share of half a gap.
func (f *Folder) credit(t *target, g gap) {
	if g.length == 0 || f.opts.Weight != Gap {
		return
	}
	for _, l := range t.leaves {
		if g.known {
			f.b.Nodes[l.node].Self += report.InMillis(g.length) / 2 * l.share
		} else {
			t.credits[credit{g.length, l.node}] += l.share / 2
		}
	}
}

// credit identifies weight from gaps that may be holes. If a trace does not record
// its interval, the interval is the median gap, which is known only at the end.
// Gaps of equal length share a credit, so memory grows with the number of
// different lengths and not with the trace.
type credit struct {
	length time.Duration
	node   int32
}

// settle turns the credits of t into weight, except those from holes.
func (f *Folder) settle(t *target) {
	if len(t.gaps) == 0 {
		return
	}
	interval := median(t.gaps)
	for _, length := range slices.Sorted(maps.Keys(t.gaps)) {
		f.judge(length, t.gaps[length], interval)
	}
	order := slices.SortedFunc(maps.Keys(t.credits), func(a, b credit) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.length, b.length))
	})
	for _, c := range order { // in order, because sums of fractions depend on it
		if c.length <= holeIntervals*interval {
			f.b.Nodes[c.node].Self += report.InMillis(c.length) * t.credits[c]
		}
	}
}

// median returns the median of durations that are counted by their length.
func median(counts map[time.Duration]int) time.Duration {
	total := 0
	for _, n := range counts {
		total += n
	}
	seen := 0
	for _, length := range slices.Sorted(maps.Keys(counts)) {
		if seen += counts[length]; 2*seen >= total {
			return length
		}
	}
	return 0
}
