package graph

import "slices"

// Dominators is the nearest object of each that all ways from the root pass, and
// the bytes that would be freed with each.
type Dominators struct {
	Parent   []uint32 // None for the root and for objects that cannot be reached
	Retained []int64
}

// Dominators finds them with the algorithm Semi-NCA: the numbers of a depth-first
// search, semidominators with path compression, then the nearest common ancestors.
func (g *Graph) Dominators() *Dominators {
	d := &dominator{g: g}
	d.search()
	d.link()
	d.semidominators()
	return d.result()
}

// dominator works on numbers of a depth-first search. The root has the number 0. An
// array that is no longer needed becomes the next one: there may be millions of nodes.
type dominator struct {
	g              *Graph
	order          []uint32 // node by number
	number         []uint32 // number by node, None for those that cannot be reached
	parent, semi   []uint32
	label, above   []uint32 // least semidominator on the compressed path to above
	begin, sources []uint32 // holders of number i with larger numbers: sources[begin[i]:begin[i+1]]
}

// search numbers the nodes depth-first.
func (d *dominator) search() {
	n := d.g.Len()
	d.number = slices.Repeat([]uint32{None}, n)
	d.order, d.parent = make([]uint32, 0, n), make([]uint32, 0, n)
	next := make([]uint32, 0, n) // edge of each number
	visit := func(node, parent uint32) {
		d.number[node] = uint32(len(d.order))
		d.order, d.parent, next = append(d.order, node), append(d.parent, parent), append(next, d.g.first[node])
	}
	visit(0, None)
	for at := uint32(0); at != None; {
		edge := next[at]
		if edge == d.g.first[d.order[at]+1] {
			at = d.parent[at]
			continue
		}
		next[at]++
		if target := d.g.targets[edge]; d.g.edgeKind(edge) != Weak && d.number[target] == None {
			visit(target, at)
			at = d.number[target]
		}
	}
	d.semi = next
}

// link begins semi with the holders that have smaller numbers, and lists the others.
func (d *dominator) link() {
	n := len(d.order)
	copy(d.semi, d.parent)
	d.begin = make([]uint32, n+2)
	for i, node := range d.order {
		for _, target := range d.g.edges(node) {
			if t := d.number[target]; uint32(i) > t {
				d.begin[t+2]++
			} else if uint32(i) < t {
				d.semi[t] = min(d.semi[t], uint32(i))
			}
		}
	}
	for i := range n {
		d.begin[i+2] += d.begin[i+1]
	}
	d.sources = make([]uint32, d.begin[n+1])
	for i, node := range d.order {
		for _, target := range d.g.edges(node) {
			if t := d.number[target]; uint32(i) > t {
				d.sources[d.begin[t+1]] = uint32(i)
				d.begin[t+1]++
			}
		}
	}
}

// semidominators completes semi of each number, from the last on.
func (d *dominator) semidominators() {
	d.label, d.number = d.number, nil
	d.above = slices.Repeat([]uint32{None}, len(d.order))
	var path []uint32
	for i := len(d.order) - 1; i > 0; i-- {
		for _, source := range d.sources[d.begin[i]:d.begin[i+1]] {
			path = d.compress(source, path[:0])
			d.semi[i] = min(d.semi[i], d.label[source])
		}
		d.label[i], d.above[i] = d.semi[i], d.parent[i]
	}
}

// compress lets label of v be the least semidominator between v and the root of its
// tree in the forest.
func (d *dominator) compress(v uint32, path []uint32) []uint32 {
	for u := v; d.above[u] != None && d.above[d.above[u]] != None; u = d.above[u] {
		path = append(path, u)
	}
	for _, u := range slices.Backward(path) {
		up := d.above[u]
		d.label[u], d.above[u] = min(d.label[u], d.label[up]), d.above[up]
	}
	return path
}

// result derives the dominators and adds up the bytes.
func (d *dominator) result() *Dominators {
	res := &Dominators{Parent: d.label, Retained: make([]int64, d.g.Len())}
	for i := range res.Parent {
		res.Parent[i] = None
	}
	idom := d.parent
	for i := 1; i < len(d.order); i++ {
		for idom[i] > d.semi[i] {
			idom[i] = idom[idom[i]]
		}
	}
	for i, node := range slices.Backward(d.order) {
		res.Retained[node] += d.g.Size(node)
		if i > 0 {
			up := d.order[idom[i]]
			res.Parent[node] = up
			res.Retained[up] += res.Retained[node]
		}
	}
	return res
}

// Freed returns the bytes that would be freed with all of the nodes, of which one below
// another adds nothing.
func (d *Dominators) Freed(nodes []uint32) (bytes int64) {
	const member, below, outside = 1, 2, 3
	state := make([]byte, len(d.Parent)) // of the nodes that were passed
	for _, n := range nodes {
		state[n] = member
	}
	var passed []uint32
	for _, n := range nodes {
		at, is := d.Parent[n], byte(outside)
		for passed = passed[:0]; at != None && state[at] == 0; at = d.Parent[at] {
			passed = append(passed, at)
		}
		if at != None && state[at] != outside {
			is = below
		}
		for _, p := range passed {
			state[p] = is
		}
		if is == outside {
			bytes += d.Retained[n]
		}
	}
	return bytes
}

// ByClass returns the bytes that would be freed with all objects of each class. An
// object below another one of its class counts once.
func (d *Dominators) ByClass(g *Graph) map[Class]int64 {
	first, children := d.children()
	sums, open := map[Class]int64{}, map[Class]int{}
	var stack []uint32
	stack = append(stack, 0)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n&leaving != 0 {
			open[g.ClassOf(n&^leaving)]--
			continue
		}
		class := g.ClassOf(n)
		if open[class] == 0 {
			sums[class] += d.Retained[n]
		}
		open[class]++
		stack = append(stack, n|leaving)
		stack = append(stack, children[first[n]:first[n+1]]...)
	}
	return sums
}

// leaving marks a node on the stack whose children were visited. No snapshot that
// fits into memory has so many nodes.
const leaving = 1 << 31

// children lists the nodes that each dominates: those of n are children[first[n]:first[n+1]].
func (d *Dominators) children() (first, children []uint32) {
	first = make([]uint32, len(d.Parent)+2)
	for _, parent := range d.Parent {
		if parent != None {
			first[parent+2]++
		}
	}
	for i := range d.Parent {
		first[i+1] += first[i]
	}
	children = make([]uint32, len(d.Parent))
	for n, parent := range d.Parent {
		if parent != None {
			children[first[parent+1]] = uint32(n)
			first[parent+1]++
		}
	}
	return first, children
}
