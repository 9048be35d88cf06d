package flame

import (
	"bytes"
	"slices"
)

// A builder merges stacks into a tree. A node is a chain of frames: as long as
// no stack ends or turns off in between, the frames of a chain weigh the same,
// and one node stands for them all. Of a large profile that is nine in ten.
// Nothing in it is a pointer, so the garbage collector has nothing to walk through.
type builder struct {
	names  names
	frames []int32 // names of frames; each chain is a piece of it
	nodes  []node
	edges  []edge // a hash table of the edges between the nodes; nil until something is looked for
	line   []int32
	last   trail

	inOrder bool // as sorted says
}

// A node is a chain of frames under its parent, and the weight of the last of
// them. Nodes that are split keep their lower end, so that a node is always the same frame.
type node struct {
	parent, count  int32
	first          uint32 // of its frames
	hits           uint32 // observations of a call at this very frame
	stuck          uint32 // calls that hung here
	child, sibling int32  // while they are put in order
	self, base     float64
}

// An edge leads from the end of a node to the chain that begins with name. It
// says where the rest of the chain is, so that on the way down nothing of a node
// need be fetched from memory, and no frames where there is a single one.
type edge struct {
	parent, name, child, count int32
	first                      uint32
}

const root = 0

var separator = []byte(";") // of frames in folded stacks

func newBuilder() *builder {
	return &builder{names: newNames(), nodes: []node{{parent: -1}}}
}

func (b *builder) chain(n int32) []int32 {
	at := &b.nodes[n]
	return b.frames[at.first : at.first+uint32(at.count)]
}

// find returns the place of an edge in the table: its own, or the free one where it belongs.
func (b *builder) find(parent, name int32) *edge {
	mask := uint64(len(b.edges) - 1)
	for i := place(parent, b.names.hashes[name]); ; i++ {
		if e := &b.edges[i&mask]; e.child == 0 || e.parent == parent && e.name == name {
			return e
		}
	}
}

// findText is find of a name that need not have a number yet.
func (b *builder) findText(parent int32, name []byte) *edge {
	mask := uint64(len(b.edges) - 1)
	for i := place(parent, b.names.hash(name)); ; i++ {
		if e := &b.edges[i&mask]; e.child == 0 || e.parent == parent && bytes.Equal(b.names.bytes(e.name), name) {
			return e
		}
	}
}

// place is where the search for an edge begins.
func place(parent int32, hash uint64) uint64 {
	return (hash ^ uint64(uint32(parent))*0x9e3779b97f4a7c15) >> 32
}

// insert returns the node at the end of stack, which begins under the node at.
func (b *builder) insert(at int32, stack []int32) int32 {
	b.index()
	for len(stack) > 0 {
		e := b.find(at, stack[0])
		if e.child == 0 {
			return b.add(at, stack)
		}
		chain := b.chain(e.child)
		same := 1
		for same < len(chain) && same < len(stack) && chain[same] == stack[same] {
			same++
		}
		at, stack = e.child, stack[same:]
		if same < len(chain) {
			at = b.split(e, int32(same))
		}
	}
	return at
}

// ids returns the names of a stack, until the next call.
func (b *builder) ids(stack []byte) []int32 {
	b.line = b.line[:0]
	for more := true; more; {
		var name []byte
		name, stack, more = bytes.Cut(stack, separator)
		b.line = append(b.line, b.names.id(name))
	}
	return b.line
}

// add puts a new chain under parent.
func (b *builder) add(parent int32, chain []int32) int32 {
	n := int32(len(b.nodes))
	b.nodes = append(room(b.nodes, 1), node{parent: parent, first: uint32(len(b.frames)), count: int32(len(chain))})
	b.frames = append(room(b.frames, len(chain)), chain...)
	b.link(n)
	return n
}

// split makes a node of its own of the first frames of the one that e leads to.
func (b *builder) split(e *edge, count int32) int32 {
	lower, upper := e.child, int32(len(b.nodes))
	n := &b.nodes[lower]
	b.nodes = append(room(b.nodes, 1), node{parent: n.parent, first: n.first, count: count})
	e.child, e.count = upper, count
	n = &b.nodes[lower]
	n.parent, n.first, n.count = upper, n.first+uint32(count), n.count-count
	b.link(lower)
	return upper
}

// link puts the edge that leads to n into the table.
func (b *builder) link(n int32) {
	if 3*len(b.nodes) > 2*len(b.edges) {
		old := b.edges
		b.edges = onLargePages(make([]edge, 2*len(old)))
		for _, e := range old {
			if e.child != 0 {
				*b.find(e.parent, e.name) = e
			}
		}
	}
	b.enter(n)
}

func (b *builder) enter(n int32) {
	at := &b.nodes[n]
	name := b.frames[at.first]
	*b.find(at.parent, name) = edge{at.parent, name, n, at.count, at.first}
}

// index makes the table of edges, for a builder that is to grow again.
func (b *builder) index() {
	if b.edges != nil {
		return
	}
	size := 64
	for 3*len(b.nodes) > 2*size {
		size *= 2
	}
	b.edges, b.inOrder = onLargePages(make([]edge, size)), false
	for n := 1; n < len(b.nodes); n++ {
		b.enter(int32(n))
	}
}

// child returns the node of the frame called name under parent.
func (b *builder) child(parent int32, name string) int32 {
	return b.insert(parent, []int32{b.names.id([]byte(name))})
}

// stack appends the names of the frames on the way from the root to n.
func (b *builder) stack(dst []int32, n int32) []int32 {
	begin := len(dst)
	for ; n > root; n = b.nodes[n].parent {
		for _, name := range slices.Backward(b.chain(n)) {
			dst = append(dst, name)
		}
	}
	slices.Reverse(dst[begin:])
	return dst
}

// path returns the names from the root to the frame of n.
func (b *builder) path(n int32) []string {
	var path []string
	for _, name := range b.stack(nil, n) {
		path = append(path, string(b.names.bytes(name)))
	}
	return path
}
