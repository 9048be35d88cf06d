package heap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const maxLargest = 10 // objects that are listed

// Inspect describes one snapshot: its largest classes, and the objects that hold most.
func Inspect(g *graph.Graph) *Result {
	d := g.Dominators()
	retained := map[string]int64{}
	for class, bytes := range d.ByClass(g) {
		retained[g.ClassName(class)] += bytes
	}
	var list []Class
	for name, sum := range g.Classes {
		list = append(list, Class{Name: name, Kept: keep(sum.Count, sum.Bytes, 0), Retained: retained[name]})
	}
	return &Result{
		Schema: Schema, Verdict: Measured, Classes: largest(list), Largest: largestObjects(g, d),
		Headline: fmt.Sprintf("the heap holds %s in %s", report.Plural(g.Total.Count, "object"), size(float64(g.Total.Bytes))),
	}
}

// largestObjects returns the objects of the program that hold the most memory.
func largestObjects(g *graph.Graph, d *graph.Dominators) []Object {
	var nodes []uint32
	for n := range uint32(g.Len()) {
		if kind := g.Kind(n); kind == graph.Object || kind == graph.Closure {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(d.Retained[y], d.Retained[x]), cmp.Compare(x, y))
	})
	tree := g.Tree()
	var list []Object
	for _, n := range nodes[:min(len(nodes), maxLargest)] {
		list = append(list, Object{Path: tree.Path(n), Class: g.Class(n), ID: g.ID(n), Retained: d.Retained[n]})
	}
	return list
}
