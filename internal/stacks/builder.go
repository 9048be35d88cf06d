package stacks

import "slices"

// Root is the node that all stacks begin under. It has no name.
const Root int32 = 0

// Node is a frame at one place of the tree, with the weights of that place.
type Node struct {
	Parent, Name int32
	Hits, Stuck  uint32  // observations of calls here; calls that hung here
	Self, Base   float64 // weight, and weight in the profile that it is compared with

	child, sibling int32 // the first maxScan children of a node are a list
}

// Add adds the weights of another node.
func (n *Node) Add(other *Node) {
	n.Self += other.Self
	n.Base += other.Base
	n.Hits += other.Hits
	n.Stuck += other.Stuck
}

// Empty reports whether the node itself weighs nothing.
func (n *Node) Empty() bool { return n.Self == 0 && n.Base == 0 && n.Hits == 0 && n.Stuck == 0 }

// Builder merges stacks. A node stands after its parent in Nodes and keeps its
// index, so an index identifies a place in the tree.
type Builder struct {
	Nodes []Node
	Names []string

	ids   map[string]int32
	edges map[uint64]int32 // children of nodes that have many
}

// maxScan is the number of children that are looked through one by one. Nearly all
// nodes have fewer, and their children lie next to them in memory: with a map for
// all nodes, reading 100,000 stacks takes twice the time.
const maxScan = 8

// NewBuilder returns a Builder that holds nothing but the root.
func NewBuilder() *Builder {
	return &Builder{Nodes: []Node{{Parent: -1, Name: -1}}, ids: map[string]int32{}, edges: map[uint64]int32{}}
}

// NameID returns the number of a name. The bytes are not kept.
func (b *Builder) NameID(name []byte) int32 {
	if id, ok := b.ids[string(name)]; ok {
		return id
	}
	return b.addName(string(name))
}

// ID returns the number of a name. The string is kept.
func (b *Builder) ID(name string) int32 {
	if id, ok := b.ids[name]; ok {
		return id
	}
	return b.addName(name)
}

func (b *Builder) addName(name string) int32 {
	id := int32(len(b.Names))
	b.Names = append(b.Names, name)
	b.ids[name] = id
	return id
}

// Child returns the node of the frame with a name under parent.
func (b *Builder) Child(parent, name int32) int32 {
	count := 0
	for c := b.Nodes[parent].child; c != Root; c = b.Nodes[c].sibling {
		if b.Nodes[c].Name == name {
			return c
		}
		count++
	}
	n := int32(len(b.Nodes))
	if len(b.Nodes) == cap(b.Nodes) { // append grows large slices by a quarter, which copies each node several times
		b.Nodes = slices.Grow(b.Nodes, len(b.Nodes))
	}
	if count == maxScan {
		edge := uint64(parent)<<32 | uint64(uint32(name))
		if known, ok := b.edges[edge]; ok {
			return known
		}
		b.edges[edge] = n
		b.Nodes = append(b.Nodes, Node{Parent: parent, Name: name})
		return n
	}
	b.Nodes = append(b.Nodes, Node{Parent: parent, Name: name, sibling: b.Nodes[parent].child})
	b.Nodes[parent].child = n
	return n
}

// Under returns the node of the frame called name under parent.
func (b *Builder) Under(parent int32, name string) int32 { return b.Child(parent, b.ID(name)) }

// Insert returns the node at the end of a stack that begins under parent.
func (b *Builder) Insert(parent int32, stack []int32) int32 {
	for _, name := range stack {
		parent = b.Child(parent, name)
	}
	return parent
}

// Add adds weight to the end of a stack that begins under the root.
func (b *Builder) Add(stack []int32, weight float64) { b.Nodes[b.Insert(Root, stack)].Self += weight }

// Stack appends the names on the way from the root to n.
func (b *Builder) Stack(dst []int32, n int32) []int32 {
	begin := len(dst)
	for ; n > Root; n = b.Nodes[n].Parent {
		dst = append(dst, b.Nodes[n].Name)
	}
	slices.Reverse(dst[begin:])
	return dst
}

// Path returns the names from the root to n as text.
func (b *Builder) Path(n int32) []string {
	stack := b.Stack(nil, n)
	path := make([]string, len(stack))
	for i, name := range stack {
		path[i] = b.Names[name]
	}
	return path
}

// Merge adds all that other holds.
func (b *Builder) Merge(other *Builder) { b.MergeFunc(other, func(n Node) Node { return n }) }

// MergeFunc adds all that other holds, each node as change returns it.
func (b *Builder) MergeFunc(other *Builder, change func(Node) Node) {
	names := make([]int32, len(other.Names))
	for i, name := range other.Names {
		names[i] = b.ID(name)
	}
	at := make([]int32, len(other.Nodes))
	for i := range other.Nodes {
		n := change(other.Nodes[i])
		if int32(i) != Root {
			at[i] = b.Child(at[n.Parent], names[n.Name])
		}
		b.Nodes[at[i]].Add(&n)
	}
}

// Weight returns the sum of all weights.
func (b *Builder) Weight() float64 {
	sum := 0.0
	for i := range b.Nodes {
		sum += b.Nodes[i].Self
	}
	return sum
}
