package graph

import "slices"

// None is the index of no node.
const None = ^uint32(0)

// Tree is the shortest ways from the root to each object, without weak references.
type Tree struct {
	g      *Graph
	parent []uint32 // None for the root and for objects that cannot be reached
	via    []uint32 // the edge from the parent
	Order  []uint32 // the objects that can be reached, each after its parent
	steps  int      // that are left
}

// Each way to the root is followed for minSteps objects, and for more until all of them
// together took maxSteps: a list of a million entries would be followed from each entry.
const (
	minSteps = 1000
	maxSteps = 20_000_000
)

// Tree finds the shortest ways from the root.
func (g *Graph) Tree() *Tree {
	t := &Tree{g: g, parent: slices.Repeat([]uint32{None}, g.Len()), via: make([]uint32, g.Len()), Order: make([]uint32, 1, g.Len()), steps: maxSteps}
	for i := 0; i < len(t.Order); i++ {
		n := t.Order[i]
		for edge, target := range g.edges(n) {
			if target != 0 && t.parent[target] == None {
				t.parent[target], t.via[target] = n, edge
				t.Order = append(t.Order, target)
			}
		}
	}
	return t
}

// Parent returns the node that holds n, None for the root.
func (t *Tree) Parent(n uint32) uint32 { return t.parent[n] }

// Holder returns n, or the object of JavaScript that n is a part of.
func (t *Tree) Holder(n uint32) uint32 {
	for walked := 0; t.g.kinds[n].Internal() && t.parent[n] != None && t.step(walked); walked++ {
		n = t.parent[n]
	}
	return n
}

// step takes one of the steps.
func (t *Tree) step(walked int) bool {
	t.steps--
	return walked < minSteps || t.steps > 0
}

const maxPath = 6 // names of a path

// Path names a node by the variable that it is reached from and the properties on
// the way, at most maxPath of them, such as "state.cache.entries". Before a property
// that no variable leads to stands the class of its owner.
func (t *Tree) Path(n uint32) string {
	var steps []string
	last, owner := None, None
	for walked := 0; len(steps) < maxPath && t.parent[n] != None && t.step(walked); walked++ {
		edge := t.via[n]
		n = t.parent[n]
		if t.g.labels[edge] == last || t.g.kinds[n] == Synthetic { // in a long list the text is not made for each
			continue
		}
		label, variable := t.g.Label(edge)
		last = t.g.labels[edge]
		if label == "" || len(steps) > 0 && label == steps[len(steps)-1] {
			continue
		}
		steps, owner = append(steps, label), n
		if variable {
			return join(steps)
		}
	}
	if owner != None {
		steps = append(steps, t.g.Class(t.Holder(owner)))
	}
	return join(steps)
}

// Variable names the variable or property by which n itself holds the first of the objects that
// match; "" if there is none.
func (t *Tree) Variable(n uint32, match func(uint32) bool) string {
	for edge, target := range t.g.edges(n) {
		if label, _ := t.g.Label(edge); label != "" && t.parent[target] == n && match(target) {
			return label
		}
	}
	return ""
}

// join writes steps in reverse.
func join(steps []string) string {
	path := ""
	for _, step := range slices.Backward(steps) {
		if path != "" && step[0] != '[' {
			path += "."
		}
		path += step
	}
	return path
}
