package picture

import (
	"cmp"
	"container/heap"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Frame is one box of a flame graph: a name at one place of the tree.
type Frame struct {
	Name      string  `json:"name"`
	Parent    int     `json:"parent"`
	Depth     int     `json:"depth"`
	Row       int     `json:"-"`     // where it is drawn: its depth, or in a chart a free row
	Start     float64 `json:"start"` // the weight left of it; its own comes before that of its children
	Self      float64 `json:"self"`
	Total     float64 `json:"total"` // with all that is above it
	BaseSelf  float64 `json:"baseSelf,omitempty"`
	BaseTotal float64 `json:"baseTotal,omitempty"`
	Hits      int     `json:"observations,omitempty"` // of calls, here and above
	Stuck     int     `json:"stuck,omitempty"`        // calls that hung, here and above

	merged bool // it stands for several narrower frames
}

// LeftOut is the part of a tree that a list of frames does not show.
type LeftOut struct {
	Frames int     `json:"frames"`
	Weight float64 `json:"weight"`
	Share  float64 `json:"share"` // of all weight
}

// Frames lists the frames, the root first, each after its parent and directly
// before the frames above it. Of more than limit the widest are kept; 0 is no limit.
func Frames(t *stacks.Tree, limit int) ([]Frame, LeftOut) { return layout(t, limit, false) }

// mergedShare is the least share of the whole that is drawn as one box for all
// frames under one parent that are too many to draw.
const mergedShare = 0.001

// layout lists frames; with merge, a frame stands for the frames under one parent
// that were left out.
func layout(t *stacks.Tree, limit int, merge bool) ([]Frame, LeftOut) {
	l := layouter{t: t, keep: widest(t, limit), merge: merge}
	for i := range t.Nodes {
		l.close(int32(i))
		l.add(int32(i))
	}
	l.close(int32(len(t.Nodes)))
	l.out.Share = stacks.Share(l.out.Weight, t.Total())
	return l.frames, l.out
}

type layouter struct {
	t      *stacks.Tree
	keep   []bool
	merge  bool
	open   []parent // from the root to the current node
	frames []Frame
	out    LeftOut
}

// parent is a kept node whose subtree is not complete.
type parent struct {
	node  int32
	index int     // of its frame
	fill  float64 // where its next child starts
	rest  LeftOut // its children that are not kept
}

func (l *layouter) add(i int32) {
	n := &l.t.Nodes[i]
	f := Frame{
		Name: l.t.Name(i), Parent: -1, Depth: int(n.Depth), Row: int(n.Depth), Self: n.Self, Total: n.Total,
		BaseSelf: n.Base, BaseTotal: n.BaseTotal, Hits: int(n.Hits), Stuck: int(n.Stuck),
	}
	if i != stacks.Root {
		if !l.keep[i] {
			l.skip(n)
			return
		}
		under := &l.open[len(l.open)-1]
		f.Parent, f.Start = under.index, under.fill
		under.fill += n.Total
	}
	l.open = append(l.open, parent{node: i, index: len(l.frames), fill: f.Start + n.Self})
	l.frames = append(l.frames, f)
}

// skip leaves a node out. Its place stays empty unless a merged frame takes it.
func (l *layouter) skip(n *stacks.TreeNode) {
	l.out.Frames++
	under := &l.open[len(l.open)-1]
	under.rest.Frames++
	if n.Parent != under.node {
		return // it is above a node that was skipped
	}
	l.out.Weight += n.Total
	under.rest.Weight += n.Total
	if !l.merge {
		under.fill += n.Total
	}
}

// close ends the subtrees that end before node i, each with its merged frame.
func (l *layouter) close(i int32) {
	for len(l.open) > 0 {
		top := l.open[len(l.open)-1]
		if i <= top.node+l.t.Nodes[top.node].Under {
			return
		}
		l.open = l.open[:len(l.open)-1]
		if l.merge && top.rest.Frames > 0 && stacks.Share(top.rest.Weight, l.t.Total()) >= mergedShare {
			depth := int(l.t.Nodes[top.node].Depth) + 1
			l.frames = append(l.frames, Frame{
				Name:   "(" + stacks.Plural(float64(top.rest.Frames), "narrower frame") + ")",
				Parent: top.index, Depth: depth, Row: depth, Start: top.fill, Self: top.rest.Weight, Total: top.rest.Weight, merged: true,
			})
		}
	}
}

// widest selects the widest nodes. A node is never wider than its parent, so it
// goes from the root upwards, always to the widest node within reach.
func widest(t *stacks.Tree, limit int) []bool {
	keep := make([]bool, len(t.Nodes))
	keep[stacks.Root] = true
	if limit <= 0 || t.Size() <= limit {
		for i := range keep {
			keep[i] = true
		}
		return keep
	}
	front := &frontier{t: t}
	front.expand(stacks.Root)
	for ; limit > 0 && front.Len() > 0; limit-- {
		i, _ := heap.Pop(front).(int32)
		keep[i] = true
		front.expand(i)
	}
	return keep
}

// frontier holds the nodes that can come next, the widest on top.
type frontier struct {
	t     *stacks.Tree
	nodes []int32
}

// expand adds the nodes directly above i.
func (f *frontier) expand(i int32) {
	for c := range f.t.Children(i) {
		if f.t.Nodes[c].Total > 0 {
			heap.Push(f, c)
		}
	}
}

// Len implements heap.Interface.
func (f *frontier) Len() int { return len(f.nodes) }

// Less implements heap.Interface. Equal nodes keep their order.
func (f *frontier) Less(i, j int) bool {
	a, b := f.nodes[i], f.nodes[j]
	return cmp.Or(cmp.Compare(f.t.Nodes[b].Total, f.t.Nodes[a].Total), cmp.Compare(a, b)) < 0
}

// Swap implements heap.Interface.
func (f *frontier) Swap(i, j int) { f.nodes[i], f.nodes[j] = f.nodes[j], f.nodes[i] }

// Push implements heap.Interface.
func (f *frontier) Push(x any) {
	i, _ := x.(int32)
	f.nodes = append(f.nodes, i)
}

// Pop implements heap.Interface.
func (f *frontier) Pop() any {
	last := len(f.nodes) - 1
	i := f.nodes[last]
	f.nodes = f.nodes[:last]
	return i
}
