package graph

import (
	"errors"
	"fmt"
	"slices"
)

// Kind is the kind of a node or of an edge.
type Kind uint8

// The kinds of nodes.
const (
	Other Kind = iota
	Hidden
	Array
	String
	Object
	Code
	Closure
	RegExp
	Number
	Native
	Synthetic
	Symbol
	BigInt
	Shape
)

// The kinds of edges.
const (
	Context Kind = iota + 1 // a variable of a function
	Element
	Property
	Internal
	Hold // hidden: between objects of V8
	Shortcut
	Weak
)

var nodeKinds = map[string]Kind{
	"hidden": Hidden, "array": Array, "string": String, "object": Object, "code": Code, "closure": Closure, "regexp": RegExp, "number": Number,
	"native": Native, "synthetic": Synthetic, "concatenated string": String, "sliced string": String, "symbol": Symbol, "bigint": BigInt, "object shape": Shape,
}

var edgeKinds = map[string]Kind{
	"context": Context, "element": Element, "property": Property, "internal": Internal, "hidden": Hold, "shortcut": Shortcut, "weak": Weak,
}

const maxFields = 50 // of a node or an edge, and kinds of them

// meta is the description of the records of a snapshot.
type meta struct {
	nodeFields, edgeFields         []string
	nodeKinds, edgeKinds           []string
	nodeCount, edgeCount           uint64 // as claimed
	kind, name, id, size, edges    int    // columns of a node
	edgeKind, edgeName, edgeTarget int    // columns of an edge
	kindOfNode, kindOfEdge         []Kind
}

// read reads the member snapshot.
func (m *meta) read(s *scanner) error {
	err := s.object(func(name string) (err error) {
		switch name {
		case "meta":
			return s.object(func(name string) error { return m.field(s, name) })
		case "node_count":
			m.nodeCount, err = s.number()
		case "edge_count":
			m.edgeCount, err = s.number()
		default:
			err = s.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	return m.place()
}

// field reads one member of meta.
func (m *meta) field(s *scanner, name string) (err error) {
	switch name {
	case "node_fields":
		m.nodeFields, err = s.names()
	case "edge_fields":
		m.edgeFields, err = s.names()
	case "node_types":
		m.nodeKinds, err = s.firstNames()
	case "edge_types":
		m.edgeKinds, err = s.firstNames()
	default:
		err = s.skip()
	}
	return err
}

// place finds the columns.
func (m *meta) place() error {
	var missing error
	column := func(fields []string, name string) int {
		at := slices.Index(fields, name)
		if at < 0 && missing == nil {
			missing = fmt.Errorf("its meta data has no field %q", name)
		}
		return at
	}
	m.kind, m.name, m.id = column(m.nodeFields, "type"), column(m.nodeFields, "name"), column(m.nodeFields, "id")
	m.size, m.edges = column(m.nodeFields, "self_size"), column(m.nodeFields, "edge_count")
	m.edgeKind, m.edgeName, m.edgeTarget = column(m.edgeFields, "type"), column(m.edgeFields, "name_or_index"), column(m.edgeFields, "to_node")
	for _, name := range m.nodeKinds {
		m.kindOfNode = append(m.kindOfNode, nodeKinds[name])
	}
	for _, name := range m.edgeKinds {
		m.kindOfEdge = append(m.kindOfEdge, edgeKinds[name])
	}
	return missing
}

// names reads an array of names.
func (s *scanner) names() (names []string, err error) {
	err = s.list('[', ']', func() error {
		name, err := s.text(nil, maxName)
		if names = append(names, string(name)); err == nil && len(names) > maxFields {
			err = errors.New("its meta data has too many fields")
		}
		return err
	})
	return names, err
}

// firstNames reads an array whose first element is an array of names.
func (s *scanner) firstNames() (names []string, err error) {
	first := true
	err = s.list('[', ']', func() (err error) {
		if !first {
			return s.skip()
		}
		first = false
		names, err = s.names()
		return err
	})
	return names, err
}
