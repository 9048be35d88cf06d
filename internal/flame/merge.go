package flame

import "bytes"

// merged returns all that a and b hold, in order.
func merged(a, b *builder) *builder {
	m := merger{a: source{builder: a.sorted()}, b: source{builder: b.sorted()}}
	m.out = &builder{names: m.names(), inOrder: true}
	m.out.nodes = onLargePages(make([]node, 0, len(m.a.nodes)+len(m.b.nodes)))
	m.out.frames = onLargePages(make([]int32, 0, len(m.a.frames)+len(m.b.frames)))
	m.a.under, m.b.under = m.a.sizes(), m.b.sizes()
	n := node{parent: -1}
	n.add(&m.a.nodes[root])
	n.add(&m.b.nodes[root])
	m.out.nodes = append(m.out.nodes, n)
	m.siblings(root, siblings{at: 1, end: int32(len(m.a.nodes))}, siblings{at: 1, end: int32(len(m.b.nodes))})
	return m.out
}

// add adds the weight of other to n.
func (n *node) add(other *node) {
	n.self += other.self
	n.base += other.base
	n.hits += other.hits
	n.stuck += other.stuck
}

// asBase returns b as something to compare with.
func (b *builder) asBase(scale float64) *builder {
	out := *b.sorted()
	out.nodes = make([]node, len(out.nodes))
	for i, n := range b.sorted().nodes {
		out.nodes[i] = node{parent: n.parent, first: n.first, count: n.count, base: n.self * scale}
	}
	return &out
}

// merger walks through two trees in order, and writes a third.
type merger struct {
	a, b source
	out  *builder
}

// A source is one of the two trees.
type source struct {
	*builder
	ranks []int32 // of its names in the third
	under []int32 // the number of nodes under each
}

// siblings are nodes under the same one. The first lacks so many of its first frames.
type siblings struct{ at, end, skip int32 }

// sizes returns the number of nodes under each.
func (s *source) sizes() []int32 {
	under := make([]int32, len(s.nodes))
	for i := len(under) - 1; i > root; i-- {
		under[s.nodes[i].parent] += 1 + under[i]
	}
	return under
}

func (m *merger) siblings(above int32, a, b siblings) {
	for a.at < a.end && b.at < b.end {
		x, y := m.a.rank(a), m.b.rank(b)
		if x <= y {
			if x == y {
				m.both(above, a, b)
				b = m.b.next(b)
			} else {
				m.copy(&m.a, above, a)
			}
			a = m.a.next(a)
			continue
		}
		m.copy(&m.b, above, b)
		b = m.b.next(b)
	}
	for ; a.at < a.end; a = m.a.next(a) {
		m.copy(&m.a, above, a)
	}
	for ; b.at < b.end; b = m.b.next(b) {
		m.copy(&m.b, above, b)
	}
}

// rank is that of the frame with which the first of the siblings begins.
func (s *source) rank(at siblings) int32 {
	return s.ranks[s.frames[s.nodes[at.at].first+uint32(at.skip)]]
}

func (s *source) next(at siblings) siblings {
	return siblings{at: at.at + 1 + s.under[at.at], end: at.end}
}

// copy writes the first of the siblings and all that is under it.
func (m *merger) copy(s *source, above int32, at siblings) {
	nodes := s.nodes[at.at : at.at+1+s.under[at.at]]
	moved := int32(len(m.out.nodes)) - at.at
	begin, end := nodes[0].first+uint32(at.skip), nodes[len(nodes)-1].first+uint32(nodes[len(nodes)-1].count)
	first := uint32(len(m.out.frames)) - begin
	for _, n := range nodes {
		n.parent += moved
		n.first += first
		m.out.nodes = append(m.out.nodes, n)
	}
	head := &m.out.nodes[at.at+moved]
	head.parent, head.first, head.count = above, begin+first, head.count-at.skip
	for _, name := range s.frames[begin:end] {
		m.out.frames = append(m.out.frames, s.ranks[name])
	}
}

// both writes the frames with which the first of a and of b begin alike, and what comes after.
func (m *merger) both(above int32, a, b siblings) {
	x, y := m.a.chain(a.at)[a.skip:], m.b.chain(b.at)[b.skip:]
	n := node{parent: above, first: uint32(len(m.out.frames))}
	for len(x) > 0 && len(y) > 0 && m.a.ranks[x[0]] == m.b.ranks[y[0]] {
		m.out.frames = append(m.out.frames, m.a.ranks[x[0]])
		x, y, n.count = x[1:], y[1:], n.count+1
	}
	me := int32(len(m.out.nodes))
	a, b = m.a.after(a, len(x), &n), m.b.after(b, len(y), &n)
	m.out.nodes = append(m.out.nodes, n)
	m.siblings(me, a, b)
}

// after returns what comes after the frames of at but the last rest ones. Where
// that is all of them, their weight is n's.
func (s *source) after(at siblings, rest int, n *node) siblings {
	end := at.at + 1 + s.under[at.at]
	if rest > 0 {
		return siblings{at: at.at, end: end, skip: s.nodes[at.at].count - int32(rest)}
	}
	n.add(&s.nodes[at.at])
	return siblings{at: at.at + 1, end: end}
}

// names merges the names, and says what becomes of those of the two.
func (m *merger) names() names {
	a, b := &m.a.names, &m.b.names
	m.a.ranks, m.b.ranks = make([]int32, a.len()), make([]int32, b.len())
	out := names{seed: a.seed}
	for i, j := int32(0), int32(0); int(i) < a.len() || int(j) < b.len(); {
		order := 0
		switch {
		case int(i) == a.len():
			order = 1
		case int(j) == b.len():
			order = -1
		default:
			order = bytes.Compare(a.bytes(i), b.bytes(j))
		}
		rank := int32(out.len())
		if order <= 0 {
			out.append(a.bytes(i), a.hashes[i])
			m.a.ranks[i] = rank
			i++
		}
		if order >= 0 {
			if order > 0 {
				out.append(b.bytes(j), out.hash(b.bytes(j)))
			}
			m.b.ranks[j] = rank
			j++
		}
	}
	return out
}
