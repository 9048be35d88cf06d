package flame

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// sorted returns b in order: each node after the one that it is under, siblings
// in byte order, and names by rank. b stays as it is, for others may know its
// nodes by their numbers.
func (b *builder) sorted() *builder {
	if b.inOrder {
		return b
	}
	b.linkSiblings()
	names, ranks := b.names.sorted()
	out := &builder{
		names: names, frames: onLargePages(make([]int32, 0, len(b.frames))), nodes: onLargePages(make([]node, 0, len(b.nodes))), inOrder: true,
	}
	for open := []pending{{above: -1}}; len(open) > 0; {
		last := len(open) - 1
		at := open[last]
		open = open[:last]
		me, n := int32(len(out.nodes)), b.nodes[at.node]
		for c := n.child; c != root; c = b.nodes[c].sibling {
			open = append(open, pending{node: c, above: me, rank: ranks[b.frames[b.nodes[c].first]]})
		}
		lastFirst(open[last:])
		begin := uint32(len(out.frames))
		for _, name := range b.chain(at.node) {
			out.frames = append(out.frames, ranks[name])
		}
		n.parent, n.first, n.child, n.sibling = at.above, begin, root, root
		out.nodes = append(out.nodes, n)
	}
	return out
}

// pending is a node that comes after all of those that are in order already.
type pending struct{ node, above, rank int32 }

// lastFirst puts siblings in the order in which they are to lie on a stack.
func lastFirst(siblings []pending) {
	if len(siblings) > 1 {
		slices.SortFunc(siblings, func(a, b pending) int { return cmp.Compare(b.rank, a.rank) })
	}
}

// linkSiblings leads from each node to the nodes directly under it, in any order.
func (b *builder) linkSiblings() {
	for i := range b.nodes {
		b.nodes[i].child = root
	}
	for i := 1; i < len(b.nodes); i++ {
		n := &b.nodes[i]
		above := &b.nodes[n.parent]
		n.sibling, above.child = above.child, int32(i)
	}
}

// sorted returns the names in byte order, and the place of each in it.
func (n *names) sorted() (_ names, ranks []int32) {
	order := n.order()
	ranks = make([]int32, len(order))
	out := names{
		text: make([]byte, 0, len(n.text)), ends: make([]int, 0, len(order)),
		hashes: make([]uint64, 0, len(order)), seed: n.seed,
	}
	for rank, key := range order {
		ranks[key.id] = int32(rank)
		out.append(n.bytes(key.id), n.hashes[key.id])
	}
	return out, ranks
}

// nameKey begins as a name does, so that most comparisons need not fetch its text.
type nameKey struct {
	begin uint64
	id    int32
}

func (n *names) order() []nameKey {
	keys := make([]nameKey, n.len())
	for i := range keys {
		var begin [8]byte
		copy(begin[:], n.bytes(int32(i)))
		keys[i] = nameKey{binary.BigEndian.Uint64(begin[:]), int32(i)}
	}
	slices.SortFunc(keys, func(a, b nameKey) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return bytes.Compare(n.bytes(a.id), n.bytes(b.id))
	})
	return keys
}
