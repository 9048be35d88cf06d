package graph

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	maxName   = 200     // bytes of a name that are kept
	maxString = 1 << 28 // strings of a snapshot

	nodeBytes = 65 // memory of a node, with that of its place in trees
	edgeBytes = 10 // memory of an edge

	classBytes = 120 // memory of the totals of a class

	claimed = 1 << 23 // nodes, and a quarter of the edges, for which memory is reserved because a snapshot claims them
)

// DefaultLimit is the default limit of the memory for one snapshot.
const DefaultLimit = 2 << 30

// Sum is the number of some objects and their own bytes.
type Sum struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
}

// Add adds other.
func (s *Sum) Add(other Sum) {
	s.Count += other.Count
	s.Bytes += other.Bytes
}

// Summary is the totals of a snapshot.
type Summary struct {
	Total   Sum
	LastID  uint32 // the largest odd id: V8 gives odd ids to objects of JavaScript, in order
	Classes map[string]Sum
	// Blocks is the number of nodes by their size, of those with BlockBytes or more.
	Blocks map[int64]int
}

// BlockBytes is the size of a large block, such as the elements of an array with 2,000 numbers.
const BlockBytes = 16 << 10

const maxBlocks = 100_000 // different sizes of blocks that are counted

// block counts a large block.
func (s *Summary) block(bytes int64) {
	if bytes < BlockBytes {
		return
	}
	if s.Blocks == nil {
		s.Blocks = map[int64]int{}
	}
	if _, known := s.Blocks[bytes]; known || len(s.Blocks) < maxBlocks {
		s.Blocks[bytes]++
	}
}

// Summarize reads the totals of a snapshot, of which those of the classes must fit into
// limit bytes of memory. It keeps neither nodes nor edges.
func Summarize(in io.Reader, limit int64) (*Summary, error) {
	g, err := read(in, limit, false)
	if err != nil {
		return nil, err
	}
	return &g.Summary, nil
}

// Read reads a snapshot with nodes and edges that fit into limit bytes of memory.
func Read(in io.Reader, limit int64) (*Graph, error) { return read(in, limit, true) }

// reader is a snapshot that is being read.
type reader struct {
	*scanner
	meta
	g      *Graph
	limit  int64
	keep   bool
	sums   map[Class]Sum
	needed bitset   // strings that are names
	system bitset   // those of them that V8 and Node.js gave
	ready  bool     // meta was read
	edges  uint64   // claimed by the nodes
	seen   []string // members of the document
}

func read(in io.Reader, limit int64, keep bool) (*Graph, error) {
	r := &reader{scanner: newScanner(in), g: &Graph{large: map[uint32]uint64{}}, limit: limit, keep: keep, sums: map[Class]Sum{}}
	if err := r.whole(); err != nil {
		return nil, err
	}
	r.g.weaken()
	r.g.name(r.sums)
	return r.g, nil
}

// whole reads the snapshot to its end.
func (r *reader) whole() error {
	if err := r.object(r.member); err != nil {
		return err
	}
	if r.peek() != 0 {
		return r.fail("the end of the snapshot")
	}
	if len(r.g.ends) == 0 || r.g.Total.Count == 0 {
		return errors.New("it has no nodes or no strings: was it written completely?")
	}
	return r.check()
}

// member reads one member of the document.
func (r *reader) member(name string) error {
	if err := r.once(name); err != nil {
		return err
	}
	switch name {
	case "snapshot":
		r.ready = true
		if err := r.read(r.scanner); err != nil {
			return err
		}
		r.reserve()
		return nil
	case "nodes", "edges", "strings":
		if !r.ready {
			return fmt.Errorf("the member %s stands before the member snapshot, which describes it", name)
		}
	}
	switch {
	case name == "nodes":
		return r.records(len(r.nodeFields), r.node)
	case name == "edges" && r.keep:
		return r.records(len(r.edgeFields), r.edge)
	case name == "edges" && r.out != nil:
		return r.records(len(r.edgeFields), func(record []uint64) error { _, err := r.label(record); return err })
	case name == "strings" && r.out != nil:
		return r.scrubStrings()
	case name == "strings":
		return r.strings()
	}
	r.blank = r.out != nil
	err := r.skip()
	r.blank = false
	return err
}

// once refuses duplicate members, and strings before nodes and edges, which say which are names.
func (r *reader) once(name string) error {
	if !slices.Contains([]string{"snapshot", "nodes", "edges", "strings"}, name) {
		return nil
	}
	if slices.Contains(r.seen, name) {
		return fmt.Errorf("it has the member %s twice", name)
	}
	if slices.Contains(r.seen, "strings") {
		return fmt.Errorf("its strings stand before its %s, which V8 writes first", name)
	}
	r.seen = append(r.seen, name)
	return nil
}

// reserve allocates memory for the claimed nodes and edges, within reason.
func (r *reader) reserve() {
	if !r.keep {
		return
	}
	nodes, edges := min(r.nodeCount, claimed), min(r.edgeCount, 4*claimed)
	r.g.kinds, r.g.names = make([]Kind, 0, nodes), make([]uint32, 0, nodes)
	r.g.ids, r.g.sizes = make([]uint32, 0, nodes), make([]uint32, 0, nodes)
	r.g.first = make([]uint32, 0, nodes+1)
	r.g.labels, r.g.targets = make([]uint32, 0, edges), make([]uint32, 0, edges)
}

// node adds a node.
func (r *reader) node(record []uint64) error {
	g, n := r.g, r.g.Total.Count
	kind, name, id := record[r.kind], record[r.name], record[r.id]
	switch {
	case kind >= uint64(len(r.kindOfNode)):
		return fmt.Errorf("node %d is of the type %d, of %d", n, kind, len(r.kindOfNode))
	case name >= maxString:
		return fmt.Errorf("the name of node %d is string %d, which does not exist", n, name)
	case id > math.MaxUint32:
		return fmt.Errorf("the id of node %d is %d", n, id)
	case uint64(g.Total.Bytes)+record[r.size] > 1<<53:
		return fmt.Errorf("node %d: the sizes add up to more than 2^53 bytes", n)
	}
	sum := Sum{1, int64(record[r.size])}
	g.Total.Add(sum)
	g.block(sum.Bytes)
	c := Class{r.kindOfNode[kind], uint32(name)}
	if !c.kind.named() {
		c.name = 0
	} else {
		r.needed.set(uint32(name))
		if c.kind != Object && c.kind != Closure {
			r.system.set(uint32(name))
		}
	}
	of := r.sums[c]
	of.Add(sum)
	r.sums[c] = of
	if id%2 == 1 {
		g.LastID = max(g.LastID, uint32(id))
	}
	if !r.keep {
		return r.fits()
	}
	g.kinds, g.names, g.ids = append(g.kinds, c.kind), append(g.names, c.name), append(g.ids, uint32(id))
	if record[r.size] >= math.MaxUint32 {
		g.large[uint32(n)] = record[r.size]
	}
	g.sizes, g.first = append(g.sizes, uint32(min(record[r.size], math.MaxUint32))), append(g.first, uint32(r.edges))
	if r.edges += record[r.meta.edges]; r.edges > math.MaxUint32 {
		return fmt.Errorf("node %d: the nodes have %d edges or more", n, r.edges)
	}
	return r.fits()
}

// fits compares the memory with the limit.
func (r *reader) fits() error {
	used := nodeBytes*int64(len(r.g.kinds)) + edgeBytes*int64(len(r.g.targets)) + classBytes*int64(len(r.sums))
	if used += int64(len(r.g.text)) + 4*int64(len(r.g.ends)) + 8*int64(len(r.needed)); used > r.limit {
		return &MemoryError{r.limit}
	}
	return nil
}

// MemoryError says that a snapshot needs more memory than the limit.
type MemoryError struct{ Limit int64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("its objects need more than %s of memory", report.MB(float64(e.Limit)/(1<<20)))
}

// edge adds an edge.
func (r *reader) edge(record []uint64) error {
	g := r.g
	target, width := record[r.edgeTarget], uint64(len(r.nodeFields))
	k, err := r.label(record)
	switch {
	case err != nil:
		return err
	case target%width != 0 || target/width > math.MaxUint32:
		return fmt.Errorf("edge %d points to %d, where no node begins", len(g.targets), target)
	}
	g.labels = append(g.labels, uint32(k)<<labelBits|uint32(min(record[r.edgeName], maxLabel)))
	g.targets = append(g.targets, uint32(target/width))
	return r.fits()
}

// label returns the kind of an edge and notes its name.
func (r *reader) label(record []uint64) (Kind, error) {
	kind, label := record[r.edgeKind], record[r.edgeName]
	if kind >= uint64(len(r.kindOfEdge)) {
		return Other, fmt.Errorf("edge %d is of the type %d, of %d", len(r.g.targets), kind, len(r.kindOfEdge))
	}
	k := r.kindOfEdge[kind]
	if k.labelled() {
		if label >= maxString {
			return Other, fmt.Errorf("the name of edge %d is string %d, which does not exist", len(r.g.targets), label)
		}
		r.needed.set(uint32(label))
	}
	return k, nil
}

// strings reads the names among the strings.
func (r *reader) strings() error {
	return r.list('[', ']', func() (err error) {
		g := r.g
		limit := 0
		if r.needed.has(uint32(len(g.ends))) {
			limit = maxName
		}
		if g.text, err = r.text(g.text, limit); err != nil {
			return err
		}
		if len(g.text) > math.MaxUint32 || len(g.ends) >= maxString {
			return errors.New("it has too many strings")
		}
		g.ends = append(g.ends, uint32(len(g.text)))
		return r.fits()
	})
}

// check compares the parts with each other.
func (r *reader) check() error {
	g := r.g
	if n := r.needed.last(); n >= len(g.ends) {
		return fmt.Errorf("string %d is a name, but there are only %d strings: was it written completely?", n, len(g.ends))
	}
	if !r.keep {
		return nil
	}
	if r.edges != uint64(len(g.targets)) {
		return fmt.Errorf("its nodes have %d edges, but it holds %d: was it written completely?", r.edges, len(g.targets))
	}
	g.first = append(g.first, uint32(r.edges))
	if g.first[1] == 0 && len(g.kinds) > 1 {
		return errors.New("its first node, the root that holds all others, has no edges")
	}
	for i, target := range g.targets {
		if int(target) >= len(g.kinds) {
			return fmt.Errorf("edge %d points to node %d, of %d", i, target, len(g.kinds))
		}
	}
	return nil
}

// bitset is a set of small numbers.
type bitset []uint64

func (b *bitset) set(n uint32) {
	if missing := int(n/64) + 1 - len(*b); missing > 0 {
		*b = append(*b, make([]uint64, missing)...)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bitset) has(n uint32) bool { return int(n/64) < len(b) && b[n/64]>>(n%64)&1 == 1 }

// last returns the largest number in b, -1 if it is empty.
func (b bitset) last() int {
	for i, word := range slices.Backward(b) {
		if word != 0 {
			return i*64 + bits.Len64(word) - 1
		}
	}
	return -1
}
