package heap

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const maxLargest = 10 // objects that are listed

// Inspect describes one snapshot: its largest classes, and the objects that hold most.
func Inspect(g *graph.Graph) *Result {
	d := g.Dominators()
	runtime.GC() // finding them took as much memory as the next steps
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
	var nodes []uint32 // the largest first
	for n := range uint32(g.Len()) {
		if kind := g.Kind(n); kind != graph.Object && kind != graph.Closure {
			continue
		}
		at, _ := slices.BinarySearchFunc(nodes, d.Retained[n]-1, func(m uint32, than int64) int { return cmp.Compare(than, d.Retained[m]) })
		if at < maxLargest {
			nodes = slices.Insert(nodes, at, n)[:min(len(nodes)+1, maxLargest)]
		}
	}
	tree := g.Tree()
	var list []Object
	for _, n := range nodes {
		list = append(list, Object{Path: tree.Path(n), Class: g.Class(n), ID: g.ID(n), Retained: d.Retained[n]})
	}
	return list
}
