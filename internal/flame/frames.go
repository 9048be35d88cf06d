package flame

import (
	"cmp"
	"container/heap"
)

// Frame is one box of a flame graph: a name at one place of the tree.
type Frame struct {
	Name      string  `json:"name"`
	Parent    int     `json:"parent"`
	Depth     int     `json:"depth"`
	Row       int     `json:"-"`     // where it is drawn: its depth, or in a flame chart a free row
	Start     float64 `json:"start"` // the weight left of it; its own comes before that of its children
	Self      float64 `json:"self"`
	Total     float64 `json:"total"` // with all that is on it
	BaseSelf  float64 `json:"baseSelf,omitempty"`
	BaseTotal float64 `json:"baseTotal,omitempty"`
	Hits      int     `json:"observations,omitempty"` // of calls, here and above
	Stuck     int     `json:"stuck,omitempty"`        // calls that hung, here and above
}

// LeftOut is what a list of frames does not show.
type LeftOut struct {
	Frames int     `json:"frames"`
	Weight float64 `json:"weight"`
	Share  float64 `json:"share"` // of all weight
}

// Frames lists the frames, the root first, each after its parent and with all
// that is under it directly after it. Of more than limit the widest are kept; 0
// is no limit.
func (t *Tree) Frames(limit int) ([]Frame, LeftOut) {
	keep := t.widest(limit)
	var out LeftOut
	var frames []Frame
	last := make([]int, len(t.chains)) // the frame that a chain ends with
	fill := make([]float64, len(t.chains))
	for i := range t.chains {
		c := &t.chains[i]
		out.Frames += int(c.count - keep[i])
		above := -1
		if i != root {
			above = last[c.parent]
			fill[i] = fill[c.parent]
			fill[c.parent] += c.total
			if keep[i] < c.count && keep[c.parent] == t.chains[c.parent].count {
				out.Weight += c.total
			}
		}
		frames, last[i] = t.expand(frames, c, above, int(keep[i]), fill[i])
		fill[i] += c.self
	}
	out.Share = share(out.Weight, t.Total())
	return frames, out
}

// expand appends the first frames of a chain.
func (t *Tree) expand(frames []Frame, c *chain, above, keep int, start float64) (_ []Frame, last int) {
	f := Frame{
		Parent: above, Depth: int(c.depth), Start: start, Total: c.total, BaseTotal: c.baseTotal,
		Hits: int(c.hits), Stuck: int(c.stuck),
	}
	f.Row = f.Depth
	if above < 0 {
		f.Self, f.BaseSelf = c.self, c.baseSelf
		return append(frames, f), 0
	}
	for i, name := range t.of(c)[:keep] {
		f.Name = t.name(name)
		if i == int(c.count)-1 {
			f.Self, f.BaseSelf = c.self, c.baseSelf
		}
		frames = append(frames, f)
		f.Parent, f.Depth, f.Row = len(frames)-1, f.Depth+1, f.Row+1
	}
	return frames, len(frames) - 1
}

// widest says how many frames of each chain are among the widest. A frame is
// never wider than its parent, so it goes down from the root, always under the
// widest frame that it has reached.
func (t *Tree) widest(limit int) []int32 {
	keep := make([]int32, len(t.chains))
	if limit <= 0 || t.size() <= limit {
		for i, c := range t.chains {
			keep[i] = c.count
		}
		return keep
	}
	front := &frontier{t: t}
	front.under(root)
	for limit > 0 && front.Len() > 0 {
		i, _ := heap.Pop(front).(int32)
		keep[i] = min(t.chains[i].count, int32(limit))
		limit -= int(keep[i])
		front.under(i)
	}
	return keep
}

// frontier holds the chains that could come next, the widest on top.
type frontier struct {
	t      *Tree
	chains []int32
}

// under adds the chains directly under i.
func (f *frontier) under(i int32) {
	end := i + f.t.chains[i].under
	for c := i + 1; c <= end; c += 1 + f.t.chains[c].under {
		if f.t.chains[c].total > 0 {
			heap.Push(f, c)
		}
	}
}

func (f *frontier) Len() int { return len(f.chains) }

func (f *frontier) Less(i, j int) bool {
	a, b := f.chains[i], f.chains[j]
	return cmp.Or(cmp.Compare(f.t.chains[b].total, f.t.chains[a].total), cmp.Compare(a, b)) < 0
}

func (f *frontier) Swap(i, j int) { f.chains[i], f.chains[j] = f.chains[j], f.chains[i] }

// Push implements heap.Interface.
func (f *frontier) Push(x any) {
	i, _ := x.(int32)
	f.chains = append(f.chains, i)
}

// Pop implements heap.Interface.
func (f *frontier) Pop() any {
	last := len(f.chains) - 1
	i := f.chains[last]
	f.chains = f.chains[:last]
	return i
}

// share returns part as a share of whole, 0 where there is nothing.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
