package heap

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
)

const (
	minPerOperation = 0.5     // objects per operation that a holder must keep to be reported
	minKept         = 20      // objects: fewer prove nothing, whatever the number of operations
	maxHolders      = 10      // holders that are listed
	maxPaths        = 100_000 // objects whose path is found
	maxClasses      = 20      // classes that are listed
	maxContents     = 5       // classes that are listed of the contents of a holder
	fewOperations   = 100     // below this number, a result has a warning

	// Growth, in bytes, that is not called steady although no holder and no class explains it.
	minOpen             = 4 << 20
	minOpenPerOperation = 2 << 10

	minLarger = 64 << 10 // bytes by which the storage of a holder must have grown to be reported
)

// Compare finds the objects that are new in b, and their holders. Objects that took
// the place of others of their class are no growth.
func Compare(a *graph.Summary, b *graph.Graph, operations int) *Result {
	c := comparison{a: a, b: b, tree: b.Tree(), operations: operations, grown: grownClasses(a, &b.Summary)}
	res := &Result{Schema: Schema, Operations: operations, Holders: c.holders(), Classes: largest(classList(c.grown, operations))}
	res.judge(c.total(), "no holder keeps an object per two operations")
	return res
}

// grownClasses returns the growth of each class.
func grownClasses(a, b *graph.Summary) map[string]graph.Sum {
	grown := map[string]graph.Sum{}
	for name, sum := range b.Classes {
		before := a.Classes[name]
		grown[name] = graph.Sum{Count: sum.Count - before.Count, Bytes: sum.Bytes - before.Bytes}
	}
	for name, before := range a.Classes {
		if _, ok := b.Classes[name]; !ok {
			grown[name] = graph.Sum{Count: -before.Count, Bytes: -before.Bytes}
		}
	}
	return grown
}

// comparison is the work of Compare.
type comparison struct {
	a          *graph.Summary
	b          *graph.Graph
	tree       *graph.Tree
	operations int
	grown      map[string]graph.Sum // classes
}

func (c *comparison) total() Kept {
	return keep(c.b.Total.Count-c.a.Total.Count, c.b.Total.Bytes-c.a.Total.Bytes, c.operations)
}

// isNew reports whether a node is an object that did not exist in a.
func (c *comparison) isNew(n uint32) bool { return c.b.ID(n)%2 == 1 && c.b.ID(n) > c.a.LastID }

// owners returns the holder of each new object, None for old ones.
func (c *comparison) owners() []uint32 {
	owners := slices.Repeat([]uint32{graph.None}, c.b.Len())
	for _, n := range c.tree.Order { // first, the nearest old object that each is, or is a part of
		owners[n] = n
		if parent := c.tree.Parent(n); parent != graph.None && (c.isNew(n) || c.b.Kind(n).Internal()) {
			owners[n] = owners[parent]
		}
	}
	for n := range owners {
		if n == 0 || !c.isNew(uint32(n)) {
			owners[n] = graph.None
		}
	}
	return owners
}

// holders returns the holders of the most new objects, with those contents that are
// growth. Holders with the same path and class are one, such as a Map of each session.
func (c *comparison) holders() []Holder {
	owners := c.owners()
	groups := c.groups(owners)
	for n, owner := range owners {
		if g := groups[owner]; g != nil {
			class, size := c.b.ClassOf(uint32(n)), c.b.Size(uint32(n))
			sum := g.contents[class]
			sum.Add(graph.Sum{Count: 1, Bytes: size})
			g.contents[class] = sum
			storage := c.b.Kind(uint32(n)).Internal() || c.b.Kind(uint32(n)) == graph.Native
			if storage && c.b.Blocks[size] > c.a.Blocks[size] { // else it took the place of as much
				g.blocks[class] += size
			}
		}
	}
	var holders []Holder
	for owner, g := range groups {
		if owner != g.owners[0] {
			continue // one entry of the map for each group
		}
		if h := c.holder(g); h.Objects >= minKept || h.Larger >= minLarger {
			holders = append(holders, h)
		}
	}
	slices.SortFunc(holders, func(x, y Holder) int {
		return cmp.Or(-compareBool(x.Judged, y.Judged), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(y.Objects, x.Objects), cmp.Compare(x.ID, y.ID))
	})
	holders = holders[:min(len(holders), maxHolders)]
	c.retained(holders)
	return holders
}

// index is the place of an object in an array, which differs where all else is equal.
var index = regexp.MustCompile(`\[\d+\]`)

// group is the holders with one path and class.
type group struct {
	path, class string
	owners      []uint32 // the one with the most new objects first
	contents    map[graph.Class]graph.Sum
	blocks      map[graph.Class]int64 // bytes of large blocks among them, of sizes that there were not before
}

// groups returns the group of each owner of new objects, by its class alone beyond the
// maxPaths with the most of them.
func (c *comparison) groups(owners []uint32) map[uint32]*group {
	counts := map[uint32]int{}
	for _, owner := range owners {
		if owner != graph.None {
			counts[owner]++
		}
	}
	most := slices.SortedFunc(maps.Keys(counts), func(x, y uint32) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y))
	})
	byName, groups := map[[2]string]*group{}, map[uint32]*group{}
	for i, owner := range most {
		path := ""
		if i < maxPaths {
			path = c.tree.Path(owner)
		}
		if class := c.b.Class(owner); strings.HasPrefix(class, "system / Context") && (path == "" || strings.HasPrefix(path, "Node / ")) {
			path = cmp.Or(c.tree.Variable(owner, c.isNew), path) // the scope of a module: nothing of the program leads there
		}
		name := [2]string{index.ReplaceAllString(path, "[*]"), c.b.Class(owner)}
		g := byName[name]
		if g == nil {
			g = &group{path: path, class: name[1], contents: map[graph.Class]graph.Sum{}, blocks: map[graph.Class]int64{}}
			byName[name] = g
		} else {
			g.path = name[0]
		}
		g.owners = append(g.owners, owner)
		groups[owner] = g
	}
	return groups
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// holder describes a holder. Of each class not more counts than that class has grown; a block
// that took the place of a smaller one counts by the bytes by which the class has grown.
func (c *comparison) holder(g *group) Holder {
	h := Holder{Path: g.path, Class: g.class, ID: c.b.ID(g.owners[0]), Instances: len(g.owners), nodes: g.owners}
	for class, sum := range g.contents {
		grown := c.grown[c.b.ClassName(class)]
		count := min(sum.Count, max(0, grown.Count))
		larger := int64(0)
		if count < minKept {
			larger = min(g.blocks[class], max(0, grown.Bytes))
		}
		if count == 0 && larger == 0 {
			continue
		}
		bytes := max(larger, int64(float64(sum.Bytes)*float64(count)/float64(sum.Count)))
		h.Objects += count
		h.Bytes += bytes
		h.Larger += larger
		h.Classes = append(h.Classes, Class{Name: c.b.ClassName(class), Kept: keep(count, bytes, c.operations)})
	}
	h.Kept = keep(h.Objects, h.Bytes, c.operations)
	h.Judged = h.Objects >= minKept && c.operations > 0 && *h.ObjectsPerOperation >= minPerOperation
	slices.SortFunc(h.Classes, func(x, y Class) int {
		return cmp.Or(cmp.Compare(y.Objects, x.Objects), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	h.Classes = h.Classes[:min(len(h.Classes), maxContents)]
	return h
}

// retained adds the bytes that would be freed with each holder.
func (c *comparison) retained(holders []Holder) {
	if len(holders) == 0 {
		return
	}
	c.tree = nil // it takes as much memory as the work below
	runtime.GC()
	d := c.b.Dominators()
	for i := range holders {
		holders[i].Retained = d.Freed(holders[i].nodes)
	}
}

// classList returns the classes that grew in bytes, also without more objects: a larger array
// may have replaced a smaller one.
func classList(sums map[string]graph.Sum, operations int) []Class {
	var list []Class
	for name, sum := range sums {
		if sum.Bytes > 0 {
			list = append(list, Class{Name: name, Kept: keep(sum.Count, sum.Bytes, operations)})
		}
	}
	return list
}

// largest returns the classes with the most bytes.
func largest(list []Class) []Class {
	slices.SortFunc(list, func(x, y Class) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	return list[:min(len(list), maxClasses)]
}

const noOperations = "without --ops, the number of operations between the two, nothing is judged"

// judge derives the verdict and the headline; none is the phrase where no holder, line or class is judged.
func (r *Result) judge(total Kept, none string) {
	change := "the heap grew by " + size(float64(total.Bytes))
	if total.Bytes < 0 {
		change = "the heap shrank by " + size(float64(-total.Bytes))
	}
	judged, first := r.first()
	switch {
	case r.Operations == 0:
		r.Verdict, r.Headline = Measured, change
		if first != "" {
			r.Headline += ": " + first
		}
		r.Warnings = append(r.Warnings, noOperations)
		return
	case judged:
		r.Verdict, r.Headline = Grows, first
	case r.larger() != nil:
		r.Verdict, r.Headline = Measured, change+", but "+none+"; "+r.larger().sentence()
		r.Warnings = append(r.Warnings, "two heaps do not tell whether storage that grew once grows with the operations: a third one after as many does")
	case total.Bytes >= minOpen && value(total.BytesPerOperation) >= minOpenPerOperation:
		r.Verdict, r.Headline = Measured, change+", but "+none
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s per operation are too much to be called steady: if something rarer than the operations keeps it, such as a session, give the number of those with --ops", size(value(total.BytesPerOperation))))
	default:
		r.Verdict, r.Headline = Steady, change+", and "+none
	}
	if r.Operations < fewOperations {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d operations are few: code that is compiled and caches that fill look like growth; %d or more tell them apart", r.Operations, fewOperations))
	}
}

// larger returns the holder whose storage grew most, nil if none grew by as much as a line that is
// reported.
func (r *Result) larger() *Holder {
	for i := range r.Holders {
		if h := &r.Holders[i]; h.Larger >= minLarger && value(h.BytesPerOperation) >= minBytesPerOperation {
			return h
		}
	}
	return nil
}

// first returns the sentence of the first goroutines, holder, site or class.
func (r *Result) first() (judged bool, sentence string) {
	switch {
	case len(r.Goroutines) > 0:
		return r.Goroutines[0].Judged, r.Goroutines[0].waiting()
	case len(r.Holders) > 0:
		return r.Holders[0].Judged, r.Holders[0].sentence()
	case len(r.Sites) > 0:
		return r.Sites[0].Judged, r.Sites[0].sentence()
	case r.byClass && len(r.Classes) > 0:
		return r.Classes[0].Judged, r.classSentence()
	}
	return false, ""
}
