// Package flame turns snapshots and stacks into one tree and the tree into
// pictures, tables and the formats of other profilers.
package flame

import "iter"

// Tree is merged stacks in order: each chain of frames stands after the one it
// is under, siblings in byte order. chains[0] is the root.
type Tree struct {
	chains []chain
	frames []int32
	names  names
}

// A chain is frames one above the other that weigh the same.
type chain struct {
	parent, depth       int32 // depth is that of its first frame
	count, under        int32 // under is the number of chains under it
	first               uint32
	hits, stuck         uint32  // with all below
	self, total         float64 // self is that of its last frame
	baseSelf, baseTotal float64
}

// tree puts the nodes in order and adds them up. It shares names and frames with what is in order.
func (b *builder) tree() *Tree {
	b = b.sorted()
	t := &Tree{chains: onLargePages(make([]chain, len(b.nodes))), frames: b.frames, names: b.names}
	for i := range b.nodes {
		from := &b.nodes[i]
		c := &t.chains[i]
		*c = chain{
			parent: from.parent, count: from.count, first: from.first, hits: from.hits, stuck: from.stuck,
			self: from.self, total: from.self, baseSelf: from.base, baseTotal: from.base,
		}
		if i != root {
			above := &t.chains[c.parent]
			c.depth = above.depth + max(above.count, 1)
		}
	}
	for i := len(t.chains) - 1; i > root; i-- {
		c := &t.chains[i]
		above := &t.chains[c.parent]
		above.under += 1 + c.under
		above.total += c.total
		above.baseTotal += c.baseTotal
		above.hits += c.hits
		above.stuck += c.stuck
	}
	return t
}

// Total is the weight of everything.
func (t *Tree) Total() float64 { return t.chains[root].total }

// BaseTotal is the weight of everything in the profile that this is compared with.
func (t *Tree) BaseTotal() float64 { return t.chains[root].baseTotal }

// size is the number of frames without the root.
func (t *Tree) size() int {
	n := 0
	for _, c := range t.chains {
		n += int(c.count)
	}
	return n
}

func (t *Tree) of(c *chain) []int32 { return t.frames[c.first : c.first+uint32(c.count)] }

func (t *Tree) name(id int32) string { return string(t.names.bytes(id)) }

// stacks yields the chains that have weight of their own, each with the names
// of the frames from the root to its end. The slice is reused.
func (t *Tree) stacks() iter.Seq2[*chain, []int32] {
	return func(yield func(*chain, []int32) bool) {
		var stack []int32
		for i := range t.chains {
			c := &t.chains[i]
			stack = append(stack[:max(c.depth-1, 0)], t.of(c)...)
			if (c.self != 0 || c.baseSelf != 0) && !yield(c, stack) {
				return
			}
		}
	}
}
