package flame

import "slices"

// merge adds all that other holds.
func (b *builder) merge(other *builder) {
	b.adopt(other, func(to, from *node) {
		to.self += from.self
		to.base += from.base
		to.hits += from.hits
		to.stuck += from.stuck
	})
}

// mergeBase adds what other holds, times scale, to what b is compared with.
func (b *builder) mergeBase(other *builder, scale float64) {
	b.adopt(other, func(to, from *node) { to.base += from.self * scale })
}

// adopt makes a node for each of other and calls add for the two.
func (b *builder) adopt(other *builder, add func(to, from *node)) {
	name := make([]int32, other.names.len())
	for i := range name {
		name[i] = b.names.id(other.names.bytes(int32(i)))
	}
	b.nodes = slices.Grow(b.nodes, len(other.nodes))
	m := merger{b: b, from: other, name: name, to: make([]int32, len(other.nodes))}
	for i := range other.nodes {
		add(&b.nodes[m.node(int32(i))], &other.nodes[i])
	}
}

// merger finds the nodes of one builder in another.
type merger struct {
	b, from *builder
	name    []int32 // by the number that it has in from
	to      []int32 // by node of from, root where it was not looked for yet
	chain   []int32
}

func (m *merger) node(n int32) int32 {
	if n == root || m.to[n] != root {
		return m.to[n]
	}
	above := m.node(m.from.nodes[n].parent)
	m.chain = m.chain[:0]
	for _, frame := range m.from.chain(n) {
		m.chain = append(m.chain, m.name[frame])
	}
	m.to[n] = m.b.insert(above, m.chain)
	return m.to[n]
}

// order lists the nodes, each before those under it and siblings in byte order.
func (b *builder) order() []int32 {
	first, next := b.siblings()
	order := make([]int32, 0, len(b.nodes))
	at := int32(root)
	for {
		order = append(order, at)
		if first[at] != 0 {
			at = first[at]
			continue
		}
		for at != root && next[at] == 0 {
			at = b.nodes[at].parent
		}
		if at == root {
			return order
		}
		at = next[at]
	}
}

// siblings links the children of each node in byte order: first[n] is the first
// child of n, next[n] the sibling after it, 0 the end.
func (b *builder) siblings() (first, next []int32) {
	sorted := b.byName()
	first, next = make([]int32, len(b.nodes)), make([]int32, len(b.nodes))
	for _, n := range slices.Backward(sorted) { // each is put before those with a later name
		parent := b.nodes[n].parent
		next[n], first[parent] = first[parent], n
	}
	return first, next
}

// byName lists the nodes but the root in the order of the names they begin with.
func (b *builder) byName() []int32 {
	ranks := b.names.ranks()
	begin := make([]int32, len(ranks)+1)
	for _, n := range b.nodes[1:] {
		begin[ranks[b.frames[n.first]]+1]++
	}
	for i := 1; i < len(begin); i++ {
		begin[i] += begin[i-1]
	}
	sorted := make([]int32, len(b.nodes)-1)
	for i, n := range b.nodes[1:] {
		rank := ranks[b.frames[n.first]]
		sorted[begin[rank]] = int32(i + 1)
		begin[rank]++
	}
	return sorted
}
