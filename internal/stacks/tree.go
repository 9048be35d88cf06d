package stacks

import (
	"cmp"
	"iter"
	"slices"
)

// Order is the order of the frames under one parent.
type Order int

// The orders: by name, in byte order, or the heaviest first.
const (
	ByName Order = iota
	Heaviest
)

// Tree is stacks in order, added up: each node stands after its parent and
// directly before the nodes above it.
type Tree struct {
	Nodes []TreeNode
	Names []string
}

// TreeNode is a node with its place in the order and the weights of everything above it.
type TreeNode struct {
	Parent, Name     int32
	Depth, Under     int32   // levels below the root; number of nodes above this one
	Hits, Stuck      uint32  // with those above
	Self, Base       float64 // weight, and weight in the profile that it is compared with
	Total, BaseTotal float64
}

// Tree puts the nodes in order and adds them up. The Builder stays as it is.
func (b *Builder) Tree(order Order) *Tree {
	s := sorter{nodes: b.Nodes, rank: ranks(b.Names)}
	if order == Heaviest {
		s.total = b.totals()
	}
	s.link()
	t := &Tree{Names: b.Names, Nodes: make([]TreeNode, 0, len(b.Nodes))}
	at := make([]int32, len(b.Nodes)) // new index by old index
	for open := []int32{Root}; len(open) > 0; {
		old := open[len(open)-1]
		open = open[:len(open)-1]
		n := &b.Nodes[old]
		at[old] = int32(len(t.Nodes))
		t.Nodes = append(t.Nodes, TreeNode{
			Parent: -1, Name: n.Name, Hits: n.Hits, Stuck: n.Stuck, Self: n.Self, Base: n.Base, Total: n.Self, BaseTotal: n.Base,
		})
		if old != Root {
			added := &t.Nodes[at[old]]
			added.Parent = at[n.Parent]
			added.Depth = t.Nodes[added.Parent].Depth + 1
		}
		for i := s.first[old+1] - 1; i >= s.first[old]; i-- {
			open = append(open, s.children[i])
		}
	}
	t.addUp()
	return t
}

// addUp adds the weights of each node to those of its parent.
func (t *Tree) addUp() {
	for i := len(t.Nodes) - 1; i > 0; i-- {
		n := &t.Nodes[i]
		parent := &t.Nodes[n.Parent]
		parent.Total += n.Total
		parent.BaseTotal += n.BaseTotal
		parent.Hits += n.Hits
		parent.Stuck += n.Stuck
		parent.Under += 1 + n.Under
	}
}

// totals returns the weight of each node with everything above it.
func (b *Builder) totals() []float64 {
	total := make([]float64, len(b.Nodes))
	for i := len(total) - 1; i >= 0; i-- {
		total[i] += b.Nodes[i].Self
		if i > 0 {
			total[b.Nodes[i].Parent] += total[i]
		}
	}
	return total
}

// sorter puts the children of each node in order: those of node i are
// children[first[i]:first[i+1]].
type sorter struct {
	nodes           []Node
	rank            []int32   // of a name in byte order
	total           []float64 // nil sorts by name alone
	first, children []int32
}

func (s *sorter) link() {
	s.first = make([]int32, len(s.nodes)+1)
	s.children = make([]int32, len(s.nodes)-1)
	for i := 1; i < len(s.nodes); i++ {
		s.first[s.nodes[i].Parent+1]++
	}
	for i := range s.nodes {
		s.first[i+1] += s.first[i]
	}
	next := slices.Clone(s.first)
	for i := 1; i < len(s.nodes); i++ {
		parent := s.nodes[i].Parent
		s.children[next[parent]] = int32(i)
		next[parent]++
	}
	for i := range s.nodes {
		if siblings := s.children[s.first[i]:s.first[i+1]]; len(siblings) > 1 {
			slices.SortFunc(siblings, s.compare)
		}
	}
}

func (s *sorter) compare(a, b int32) int {
	if s.total != nil && s.total[a] != s.total[b] {
		return cmp.Compare(s.total[b], s.total[a])
	}
	return cmp.Compare(s.rank[s.nodes[a].Name], s.rank[s.nodes[b].Name])
}

// ranks returns the place of each name in byte order.
func ranks(names []string) []int32 {
	order := make([]int32, len(names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(names[a], names[b]) })
	rank := make([]int32, len(names))
	for place, name := range order {
		rank[name] = int32(place)
	}
	return rank
}

// Total is the weight of everything.
func (t *Tree) Total() float64 { return t.Nodes[Root].Total }

// BaseTotal is the weight of everything in the profile that this is compared with.
func (t *Tree) BaseTotal() float64 { return t.Nodes[Root].BaseTotal }

// Size is the number of frames without the root.
func (t *Tree) Size() int { return len(t.Nodes) - 1 }

// Name returns the name of node i, "" for the root.
func (t *Tree) Name(i int32) string {
	if i == Root {
		return ""
	}
	return t.Names[t.Nodes[i].Name]
}

// Path returns the names from the root to node i.
func (t *Tree) Path(i int32) []string {
	var path []string
	for ; i > Root; i = t.Nodes[i].Parent {
		path = append(path, t.Name(i))
	}
	slices.Reverse(path)
	return path
}

// Children yields the nodes directly above node i.
func (t *Tree) Children(i int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		end := i + t.Nodes[i].Under
		for c := i + 1; c <= end; c += 1 + t.Nodes[c].Under {
			if !yield(c) {
				return
			}
		}
	}
}

// Walk yields each node but the root in order, with the names from
// the root to it. The slice is reused.
func (t *Tree) Walk() iter.Seq2[int32, []int32] {
	return func(yield func(int32, []int32) bool) {
		var stack []int32
		for i := 1; i < len(t.Nodes); i++ {
			n := &t.Nodes[i]
			stack = append(stack[:n.Depth-1], n.Name)
			if !yield(int32(i), stack) {
				return
			}
		}
	}
}

// Stacks yields the nodes that have weight of their own, each with the names
// from the root to it. The slice is reused.
func (t *Tree) Stacks() iter.Seq2[*TreeNode, []int32] {
	return func(yield func(*TreeNode, []int32) bool) {
		for i, stack := range t.Walk() {
			if n := &t.Nodes[i]; (n.Self != 0 || n.Base != 0) && !yield(n, stack) {
				return
			}
		}
	}
}
