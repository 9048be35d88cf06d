package graph

import (
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Graph is the objects of a snapshot and the references between them. Node 0 is the root.
type Graph struct {
	Summary

	kinds []Kind
	names []uint32 // indexes of strings
	ids   []uint32
	sizes []uint32
	large map[uint32]uint64 // sizes of nodes that are larger
	first []uint32          // edges of node n: first[n] to first[n+1]

	labels  []uint32 // of an edge; above labelBits its kind
	targets []uint32

	text []byte
	ends []uint32 // of each string in text
}

// Class is the class of a node: its kind and name.
type Class struct {
	kind Kind
	name uint32
}

// named reports whether the names of nodes of this kind are names of classes or
// functions. Those of others may be contents.
func (k Kind) named() bool {
	return k == Object || k == Closure || k == Native || k == Synthetic || k == Hidden
}

// labelled reports whether the label of an edge of this kind is a string.
func (k Kind) labelled() bool { return k != Element && k != Hold }

// Internal reports whether nodes of this kind are parts of other objects.
func (k Kind) Internal() bool {
	return k != Object && k != Closure && k != Native && k != Synthetic
}

var kindNames = map[Kind]string{
	Array: "(array)", String: "(string)", Code: "(compiled code)", RegExp: "(regexp)", Number: "(number)", Symbol: "(symbol)",
	BigInt: "(bigint)", Shape: "(object shape)", Other: "(other)",
}

func (g *Graph) str(n uint32) string {
	begin := uint32(0)
	if n > 0 {
		begin = g.ends[n-1]
	}
	return string(g.text[begin:g.ends[n]])
}

// ClassName returns the name of a class for people.
func (g *Graph) ClassName(c Class) string {
	if text, ok := kindNames[c.kind]; ok {
		return text
	}
	name := report.Line(g.str(c.name))
	switch {
	case c.kind == Closure:
		return strings.TrimSpace("function " + safe(name))
	case c.kind == Hidden && name == "":
		return "(system)"
	case c.kind == Synthetic && name == "":
		return "(root)"
	case name == "":
		return "(unnamed)"
	case c.kind == Object && !strings.HasPrefix(name, "system / "):
		name, _, _ = strings.Cut(name, " / ") // the address of a page or module follows the class
		return safe(name)
	}
	return report.Cut(report.RedactText(name), maxSystemName)
}

const maxSystemName = 60 // columns of a name that V8 or Node.js gave

// name adds up the classes by name.
func (g *Graph) name(sums map[Class]Sum) {
	g.Classes = map[string]Sum{}
	for c, sum := range sums {
		name := g.ClassName(c)
		of := g.Classes[name]
		of.Add(sum)
		g.Classes[name] = of
	}
}

// weaken makes references from V8's table of strings weak, as they are: it keeps no
// string alive.
func (g *Graph) weaken() {
	for n, kind := range g.kinds {
		if kind != Synthetic || g.str(g.names[n]) != "(Internalized strings)" {
			continue
		}
		for e := g.first[n]; e < g.first[n+1]; e++ {
			g.labels[e] |= uint32(Weak) << labelBits
		}
	}
}

// Len returns the number of nodes.
func (g *Graph) Len() int { return len(g.kinds) }

// Kind returns the kind of a node.
func (g *Graph) Kind(n uint32) Kind { return g.kinds[n] }

// ID returns the id of a node, which it keeps in later snapshots.
func (g *Graph) ID(n uint32) uint32 { return g.ids[n] }

// Size returns the own bytes of a node.
func (g *Graph) Size(n uint32) int64 {
	if g.sizes[n] == math.MaxUint32 {
		return int64(g.large[n])
	}
	return int64(g.sizes[n])
}

// ClassOf returns the class of a node.
func (g *Graph) ClassOf(n uint32) Class { return Class{g.kinds[n], g.names[n]} }

// Class returns the name of the class of a node.
func (g *Graph) Class(n uint32) string { return g.ClassName(g.ClassOf(n)) }

// labelBits are the bits of labels that hold the index of a string or of an element;
// elements above maxLabel look alike.
const (
	labelBits = 29
	maxLabel  = 1<<labelBits - 1
)

// edgeKind returns the kind of an edge.
func (g *Graph) edgeKind(edge uint32) Kind { return Kind(g.labels[edge] >> labelBits) }

// edges yields the edges of a node that keep their target alive.
func (g *Graph) edges(n uint32) iter.Seq2[uint32, uint32] {
	return func(yield func(edge, target uint32) bool) {
		for e := g.first[n]; e < g.first[n+1]; e++ {
			if g.edgeKind(e) != Weak && !yield(e, g.targets[e]) {
				return
			}
		}
	}
}

// Label returns the name of the variable or property of an edge, or its index; ""
// for references within V8.
func (g *Graph) Label(edge uint32) (text string, variable bool) {
	label := g.labels[edge] & maxLabel
	switch g.edgeKind(edge) {
	case Context:
		return safe(g.str(label)), true
	case Property:
		return property(g.str(label)), false
	case Element:
		return "[" + strconv.FormatUint(uint64(label), 10) + "]", false
	}
	return "", false
}

// property returns the name of a property as a program writes it: that of a symbol in brackets.
func property(name string) string {
	if description, ok := symbol(name); ok {
		return "[" + description + "]"
	}
	return safe(name)
}

// symbol returns the description of a symbol that is the name of a property, which V8 writes
// as <symbol kEvents>.
func symbol(name string) (description string, ok bool) {
	rest, begins := strings.CutPrefix(name, "<symbol ")
	description, ends := strings.CutSuffix(rest, ">")
	return description, begins && ends && safe(description) != "[…]"
}

// safe returns a name if it looks like an identifier of a program, "[…]" if it may
// be data, such as a key of an object that is used as a map.
func safe(name string) string {
	digits := 0
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '$' || r == '#'
		digit := r >= '0' && r <= '9'
		if digit {
			digits++
		}
		if !letter && (i == 0 || !digit && r != ' ' && r != '.') {
			return "[…]"
		}
	}
	if len(name) > 60 || digits > 4 {
		return "[…]"
	}
	return name
}
