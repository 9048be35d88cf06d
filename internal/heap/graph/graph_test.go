package graph_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
)

// The types of a snapshot that tests write.
var (
	nodeTypes = []string{"hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic"}
	edgeTypes = []string{"context", "element", "property", "internal", "hidden", "shortcut", "weak"}
)

type node struct {
	kind, name string
	id, size   int
	edges      []edge
}

type edge struct {
	kind, name string
	index, to  int
}

// snapshot writes nodes with the fields in the given order.
func snapshot(fields []string, nodes []node) []byte {
	var texts []string
	text := func(s string) int {
		if i := slices.Index(texts, s); i >= 0 {
			return i
		}
		texts = append(texts, s)
		return len(texts) - 1
	}
	records, links := []int{}, []int{}
	for _, n := range nodes {
		values := map[string]int{"type": slices.Index(nodeTypes, n.kind), "name": text(n.name), "id": n.id, "self_size": n.size, "edge_count": len(n.edges)}
		for _, f := range fields {
			records = append(records, values[f])
		}
		for _, e := range n.edges {
			label := e.index
			if e.kind != "element" && e.kind != "hidden" {
				label = text(e.name)
			}
			links = append(links, slices.Index(edgeTypes, e.kind), label, e.to*len(fields))
		}
	}
	data, err := json.Marshal(struct {
		Snapshot any   `json:"snapshot"`
		Nodes    []int `json:"nodes"`
		Edges    []int `json:"edges"`
		Other    any   `json:"trace_tree"`
		Strings  any   `json:"strings"`
	}{map[string]any{"meta": map[string]any{
		"node_fields": fields, "node_types": []any{nodeTypes, "string"}, "edge_fields": []string{"type", "name_or_index", "to_node"},
		"edge_types": []any{edgeTypes, "string_or_number"}, "more": map[string]any{"a": []int{1}},
	}, "node_count": len(nodes), "edge_count": len(links) / 3}, records, links, []any{map[string]any{"x]": "]"}, -1.5e3, nil}, texts})
	if err != nil {
		panic(err)
	}
	return data
}

var (
	sixFields   = []string{"type", "name", "id", "self_size", "edge_count", "trace_node_id"}
	sevenFields = []string{"detachedness", "edge_count", "self_size", "id", "name", "type", "trace_node_id"}
)

// store is a snapshot of a variable that holds a Map with a table.
func store() []node {
	return []node{
		{"synthetic", "", 1, 0, []edge{{kind: "element", index: 1, to: 1}}},
		{"synthetic", "(GC roots)", 3, 0, []edge{{kind: "element", index: 7, to: 2}}},
		{"object", "system / Context", 5, 40, []edge{{kind: "context", name: "state", to: 3}, {kind: "weak", name: "x", to: 6}}},
		{"object", "Object", 7, 30, []edge{{kind: "property", name: "entries", to: 4}, {kind: "property", name: "sk-12345678", to: 6}}},
		{"object", "Map", 9, 20, []edge{{kind: "internal", name: "table", to: 5}}},
		{"array", "", 11, 100, []edge{{kind: "internal", name: "1", to: 6}}},
		{"string", "password1\u2028\"é", 13, 64, nil},
	}
}

func TestFieldsInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, fields := range [][]string{sixFields, sevenFields} {
		data := snapshot(fields, store())
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data))} {
			g, err := graph.Read(in, graph.DefaultLimit)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if g.Total != (graph.Sum{Count: 7, Bytes: 254}) || g.LastID != 13 {
				t.Errorf("%s: %+v, last id %d", name, g.Total, g.LastID)
			}
			tree := g.Tree()
			if path := tree.Path(4); path != "state.entries" {
				t.Errorf("the path to the Map is %q", path)
			}
			if holder := tree.Holder(5); holder != 4 {
				t.Errorf("the table is a part of node %d", holder)
			}
			if path := tree.Path(6); path != "state[…]" {
				t.Errorf("the path to the string is %q", path)
			}
			if d := g.Dominators(); d.Retained[4] != 120 || d.Retained[3] != 214 || d.Parent[6] != 3 {
				t.Errorf("retained %v, dominators %v", d.Retained, d.Parent)
			}
			if class := g.Class(6); class != "(string)" {
				t.Errorf("the class of a string is %q", class)
			}
		}
		s, err := graph.Summarize(bytes.NewReader(data), graph.DefaultLimit)
		if err != nil || s.Classes["Map"] != (graph.Sum{Count: 1, Bytes: 20}) || s.Classes["(string)"].Bytes != 64 {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// A size of more than 32 bits is exact, and an index of more than 29 is still an index.
func TestLargeNumbers(t *testing.T) {
	t.Parallel()
	const large = 5 << 30
	g, err := graph.Read(bytes.NewReader(snapshot(sixFields, []node{
		{"synthetic", "", 1, 0, []edge{{kind: "element", index: 1, to: 1}}},
		{"object", "Array", 3, 1<<32 - 1, []edge{{kind: "element", index: 1 << 30, to: 2}}},
		{"native", "ArrayBuffer", 5, large, nil},
	})), graph.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	if g.Size(1) != 1<<32-1 || g.Size(2) != large || g.Dominators().Retained[1] != large+1<<32-1 {
		t.Errorf("the sizes are %d and %d, and %d are retained", g.Size(1), g.Size(2), g.Dominators().Retained[1])
	}
	if path := g.Tree().Path(2); !strings.HasPrefix(path, "Array[") {
		t.Errorf("the path is %q", path)
	}
}

// Files that are damaged or made to harm are refused with a reason.
func TestHostile(t *testing.T) {
	t.Parallel()
	good := string(snapshot(sixFields, store()))
	change := func(old, text string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, text, 1)
	}
	for name, c := range map[string]struct{ data, want string }{
		"edge target out of range":    {change(`"edges":[1,1,6`, `"edges":[1,1,6000`), "points to node 1000, of 7"},
		"edge target within a node":   {change(`"edges":[1,1,6`, `"edges":[1,1,7`), "where no node begins"},
		"edge counts overflow":        {change(`"nodes":[9,0,1,0,1,0`, `"nodes":[9,0,1,0,4294967296,0`), "the nodes have 4294967296 edges"},
		"edge counts too large":       {change(`"nodes":[9,0,1,0,1,0`, `"nodes":[9,0,1,0,1000,0`), "its nodes have 1007 edges, but it holds 8"},
		"string index out of range":   {change(`"nodes":[9,0,1`, `"nodes":[9,1000,1`), "string 1000 is a name, but there are only"},
		"string index huge":           {change(`"nodes":[9,0,1`, `"nodes":[9,9007199254740992,1`), "which does not exist"},
		"string index negative":       {change(`"nodes":[9,0,1`, `"nodes":[9,-1,1`), "a whole number"},
		"a fraction":                  {change(`"nodes":[9,0,1`, `"nodes":[9,0.5,1`), "a whole number"},
		"type out of range":           {change(`"nodes":[9,0,1`, `"nodes":[99,0,1`), "node 0 is of the type 99, of 10"},
		"id out of range":             {change(`"nodes":[9,0,1`, `"nodes":[9,0,4294967297`), "the id of node 0"},
		"sizes overflow":              {change(`9,0,1,0,1,0,9,1,3,0,`, `9,0,1,9007199254740992,1,0,9,1,3,1,`), "more than 2^53 bytes"},
		"a torn record":               {change(`"nodes":[9,0,1,0,1,0`, `"nodes":[9,0,1,0,1`), "a record has 6 numbers, and here ends one of 5"},
		"no description":              {`{"nodes":[1],"strings":[""]}`, "stands before the member snapshot"},
		"fields missing":              {change(`"self_size"`, `"size"`), `no field "self_size"`},
		"a thousand million claimed":  {change(`"node_count":7`, `"node_count":1000000000`), ""},
		"no nodes":                    {`{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"edge_fields":["type","name_or_index","to_node"]}},"nodes":[],"strings":[]}`, "it has no nodes"},
		"an unfinished escape":        {change(`"Map"`, `"\u12`), "hexadecimal"},
		"half a character":            {change(`"Map"`, `"\ud800Map"`), ""},
		"text after the end":          {good + "x", "the end of the snapshot"},
		"deeply nested":               {change(`[{"x]":"]"},-1500,null]`, strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20)), ""},
		"a string of a million bytes": {change(`"Map"`, `"`+strings.Repeat("M", 1<<20)+`"`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := graph.Read(strings.NewReader(c.data), graph.DefaultLimit)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err == nil && len(g.Class(4)) > 210 {
				t.Errorf("a name of %d bytes", len(g.Class(4)))
			}
		})
	}
	for end := range len(good) {
		if _, err := graph.Read(strings.NewReader(good[:end]), graph.DefaultLimit); err == nil {
			t.Fatalf("the first %d of %d bytes were read without an error", end, len(good))
		}
	}
	if _, err := graph.Read(strings.NewReader(good), 100); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("a limit of 100 bytes: %v", err)
	}
}

// The totals of a class for each object are within the limit, too.
func TestClassesAreBounded(t *testing.T) {
	t.Parallel()
	nodes := store()
	for i := range 2000 {
		nodes = append(nodes, node{kind: "object", name: fmt.Sprintf("C%d", i), id: 101 + 2*i, size: 8})
	}
	data := snapshot(sixFields, nodes)
	if _, err := graph.Summarize(bytes.NewReader(data), 100_000); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("2,000 classes within 100 KB: %v", err)
	}
	if s, err := graph.Summarize(bytes.NewReader(data), 1_000_000); err != nil || len(s.Classes) < 2000 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A chain of objects as long as a heap, and a ring, need no stack.
func TestLongChainAndRing(t *testing.T) {
	t.Parallel()
	const n = 200_000
	nodes := make([]node, n)
	for i := range nodes {
		nodes[i] = node{kind: "object", name: "Link", id: 2*i + 1, size: 1, edges: []edge{{kind: "property", name: "next", to: (i + 1) % n}}}
	}
	g, err := graph.Read(bytes.NewReader(snapshot(sixFields, nodes)), graph.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	d := g.Dominators()
	if d.Retained[0] != n || d.Retained[n-1] != 1 {
		t.Errorf("the first retains %d, the last %d", d.Retained[0], d.Retained[n-1])
	}
	if path := g.Tree().Path(n - 1); path != "Link.next" {
		t.Errorf("the path is %q", path)
	}
	if freed := d.Freed([]uint32{n - 1, 7, 3, 50}); freed != d.Retained[3] {
		t.Errorf("with four links %d are freed, with the first of them %d", freed, d.Retained[3])
	}
	if by := d.ByClass(g); len(by) != 1 || slices.Collect(maps.Values(by))[0] != n {
		t.Errorf("retained by class: %v", by)
	}
}

// The dominators of random graphs are those that removing each node shows.
func TestDominators(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		nodes := make([]node, 2+r.IntN(14))
		for i := range nodes {
			nodes[i] = node{kind: "object", name: "N", id: 2*i + 1, size: 1 + r.IntN(9)}
			for range r.IntN(4) {
				kind := []string{"property", "property", "internal", "weak"}[r.IntN(4)]
				nodes[i].edges = append(nodes[i].edges, edge{kind: kind, name: fmt.Sprint(i), to: r.IntN(len(nodes))})
			}
		}
		if len(nodes[0].edges) == 0 {
			continue
		}
		g, err := graph.Read(bytes.NewReader(snapshot(sevenFields, nodes)), graph.DefaultLimit)
		if err != nil {
			t.Fatal(err)
		}
		d := g.Dominators()
		all := reachable(nodes, -1)
		for i := range nodes {
			without, want := reachable(nodes, i), int64(0)
			for j := range nodes {
				if all[j] && !without[j] {
					want += int64(nodes[j].size)
				}
			}
			if d.Retained[i] != want {
				t.Fatalf("seed %d: node %d retains %d, want %d", seed, i, d.Retained[i], want)
			}
		}
	}
}

// reachable returns the nodes that the root reaches without passing one.
func reachable(nodes []node, without int) []bool {
	seen := make([]bool, len(nodes))
	var visit func(int)
	visit = func(n int) {
		if seen[n] || n == without {
			return
		}
		seen[n] = true
		for _, e := range nodes[n].edges {
			if e.kind != "weak" {
				visit(e.to)
			}
		}
	}
	visit(0)
	return seen
}

// A scrubbed snapshot has the same objects, names and paths, and no content of a string.
func TestScrub(t *testing.T) {
	t.Parallel()
	nodes := append(store(), node{"object", "system / Map", 15, 8, nil}, node{"object", "Entry / http://a.example/?token=t", 17, 8, nil},
		node{"native", "Node / TCPSocket", 19, 8, nil}, node{"string", strings.Repeat("long secret ", 20_000), 21, 8, nil}, node{"string", "entries", 23, 8, nil})
	for _, fields := range [][]string{sixFields, sevenFields} {
		data := bytes.Replace(snapshot(fields, nodes), []byte(`"trace_tree":[`), []byte(`"trace_tree":["more secret",`), 1)
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data))} {
			var out bytes.Buffer
			if err := graph.Scrub(&out, in); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text := out.String(); !json.Valid(out.Bytes()) || strings.Contains(text, "secret") || strings.Contains(text, "password") || strings.Contains(text, "sk-") || strings.Contains(text, "token") {
				t.Fatalf("%s: %.2000s", name, text)
			}
			before, err := graph.Read(bytes.NewReader(data), graph.DefaultLimit)
			if err != nil {
				t.Fatal(err)
			}
			g, err := graph.Read(&out, graph.DefaultLimit)
			if err != nil {
				t.Fatal(err)
			}
			if g.Total != before.Total || !maps.Equal(g.Classes, before.Classes) || g.Tree().Path(4) != "state.entries" || g.Tree().Path(6) != "state[…]" {
				t.Errorf("%s: %v, path %q", name, g.Classes, g.Tree().Path(4))
			}
		}
	}
}

// A file that cannot be read cannot be scrubbed, and a full disk is an error.
func TestScrubFails(t *testing.T) {
	t.Parallel()
	data := snapshot(sixFields, store())
	for end := range len(data) {
		if err := graph.Scrub(io.Discard, bytes.NewReader(data[:end])); err == nil {
			t.Fatalf("the first %d of %d bytes were scrubbed without an error", end, len(data))
		}
	}
	r, w := io.Pipe()
	r.CloseWithError(io.ErrShortWrite)
	if err := graph.Scrub(w, bytes.NewReader(data)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk: %v", err)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add(snapshot(sixFields, store()))
	f.Add(snapshot(sevenFields, store()[:2]))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if graph.Scrub(&out, bytes.NewReader(data)) != nil {
			return
		}
		a, err := graph.Summarize(bytes.NewReader(data), graph.DefaultLimit)
		if err != nil {
			return // Scrub checks no more than Summarize
		}
		b, err := graph.Summarize(&out, graph.DefaultLimit)
		if err != nil || a.Total != b.Total || a.LastID != b.LastID {
			t.Fatalf("%v: %+v, want %+v", err, b, a)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(snapshot(sixFields, store()))
	f.Add(snapshot(sevenFields, store()[:2]))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := graph.Read(bytes.NewReader(data), 1<<20)
		if err != nil {
			return
		}
		tree, d := g.Tree(), g.Dominators()
		if len(tree.Order) > g.Len() || d.Retained[0] > g.Total.Bytes {
			t.Fatalf("%d of %d nodes, %d of %d bytes", len(tree.Order), g.Len(), d.Retained[0], g.Total.Bytes)
		}
		for n := range uint32(g.Len()) {
			_, _, _ = tree.Path(n), tree.Holder(n), g.Class(n)
		}
		d.ByClass(g)
		if s, err := graph.Summarize(bytes.NewReader(data), graph.DefaultLimit); err != nil || s.Total != g.Total {
			t.Fatalf("the summary is %+v (%v), the graph %+v", s, err, g.Total)
		}
	})
}
