package heap

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

const (
	maxSites   = 10
	maxCallers = 3

	maxSiteName = 200 // columns

	// defaultPeriod is the mean number of bytes between two samples of a Go program,
	// and of node --heap-prof.
	defaultPeriod = 512 << 10
)

// Profile is a profile of live memory: bytes, and more if the format has it, else nil.
type Profile struct {
	Bytes     *stacks.Profile
	Objects   *stacks.Profile
	Allocated *stacks.Profile // bytes that were ever allocated
}

// place is the weight before and after of the stacks that end at one line.
type place struct {
	name          string
	callers       []string // of the heaviest stack, the nearest first
	before, after float64  // bytes
	moved         float64  // bytes that were allocated or released in between, of which the samples differ
	objects       float64  // difference
}

// CompareProfiles finds the stacks whose live memory has grown. A profile is a
// sample: growth is reported as such if it is three times the error of sampling. If both
// are of one process and count allocations, only memory that was allocated or released in
// between adds to that error: objects that live on are the same samples in both.
func CompareProfiles(a, b Profile, operations int) *Result {
	res := &Result{Schema: Schema, Operations: operations}
	found := bySite(a, b)
	period := max(a.Bytes.Period, b.Bytes.Period)
	if period == 0 {
		period = samplingPeriod(b.Bytes)
	}
	for _, s := range found {
		grown := s.after - s.before
		if grown <= 0 {
			continue
		}
		sure := grown > 3*math.Sqrt(s.moved*period)
		res.Sites = append(res.Sites, site(s, operations, sure))
	}
	// Lines of the program come before those of the standard library.
	library := func(x Site) bool { return operations > 0 && isGo(b.Bytes.Format) && ofLibrary(x.Name) }
	slices.SortFunc(res.Sites, func(x, y Site) int {
		return cmp.Or(-compareBool(x.Judged, y.Judged), compareBool(library(x), library(y)), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	res.Sites = res.Sites[:min(len(res.Sites), maxSites)]
	// Without the operations, growth in all is not judged: it may be an error of sampling, too.
	none := "no line keeps memory per operation beyond the error of sampling"
	res.judge(keep(0, int64(b.Bytes.Weight()-a.Bytes.Weight()), 0), none)
	return res
}

// samplingPeriod estimates the period from the mean size of a sample.
func samplingPeriod(p *stacks.Profile) float64 {
	if p.Observed > 0 && p.Weight() > 0 {
		return p.Weight() / p.Observed
	}
	return defaultPeriod
}

// minBytesPerOperation is the growth per operation of a site that is reported.
const minBytesPerOperation = 16

func site(p *place, operations int, sure bool) Site {
	own := Site{Name: printable(p.name), Kept: keep(max(0, int64(p.objects)), int64(p.after-p.before), operations)}
	for _, caller := range p.callers {
		own.Callers = append(own.Callers, printable(caller))
	}
	own.Judged = sure && operations > 0 && *own.BytesPerOperation >= minBytesPerOperation
	return own
}

// printable returns the name of a function, of at most maxSiteName columns.
func printable(name string) string { return report.Cut(stacks.Printable(name), maxSiteName) }

// bySite ends each stack at its own code and merges those that end at the same line,
// called as the heaviest of them.
func bySite(a, b Profile) []*place {
	all := stacks.NewBuilder()
	before, after, objects := weights(all, a.Bytes), weights(all, b.Bytes), weights(all, b.Objects)
	fewer := weights(all, a.Objects)
	fresh, same := allocated(all, a.Allocated, b.Allocated)
	own, heaviest := ownCode(all, b.Bytes.Format), map[int32]float64{}
	if b.Bytes.Unit == Goroutine {
		own = waits(all)
	}
	sites := map[int32]*place{}
	var list []*place
	for n := range all.Nodes {
		at := int32(n)
		was, is := before[at], after[at]
		if was == 0 && is == 0 && objects[at] == 0 && fewer[at] == 0 {
			continue
		}
		name := all.Nodes[own[n]].Name
		p := sites[name]
		if p == nil {
			p = &place{}
			sites[name] = p
			list = append(list, p)
		}
		if most, ok := heaviest[name]; !ok || is-was > most {
			heaviest[name] = is - was
			p.name, p.callers = calledBy(all, own[n])
		}
		p.before += was
		p.after += is
		if moved := 2*fresh[at] - (is - was); same && moved >= 0 { // allocated in between, plus released
			p.moved += min(moved, was+is)
		} else {
			p.moved += was + is
		}
		p.objects += objects[at] - fewer[at]
	}
	return list
}

// allocated returns the bytes that each place allocated between two profiles. same reports
// whether both count allocations and are of one process: such a count never falls.
func allocated(tree *stacks.Builder, a, b *stacks.Profile) (fresh map[int32]float64, same bool) {
	if a == nil || b == nil {
		return nil, false
	}
	before, fresh := weights(tree, a), weights(tree, b)
	for at, was := range before {
		if fresh[at] -= was; fresh[at] < 0 {
			return nil, false
		}
	}
	return fresh, true
}

// weights adds a profile to a tree and returns the weight of each place; p may be nil.
func weights(tree *stacks.Builder, p *stacks.Profile) map[int32]float64 {
	weight := map[int32]float64{}
	if p == nil {
		return weight
	}
	names, at := make([]int32, len(p.Names)), make([]int32, len(p.Nodes))
	for i, name := range p.Names {
		names[i] = tree.ID(name)
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if int32(i) != stacks.Root {
			at[i] = tree.Child(at[n.Parent], names[n.Name])
		}
		if n.Self != 0 {
			weight[at[i]] += n.Self
		}
	}
	return weight
}

// ownCode returns for each place the last frame of its stack outside the runtime: in V8
// the frames of Node.js lie in node: and built-in ones have no location, in Go those of
// the runtime have a package, and those of the standard library do not count below the program.
// Without such a frame, and in Python, it is the place itself.
func ownCode(tree *stacks.Builder, format stacks.Format) []int32 {
	own, last := make([]int32, len(tree.Nodes)), make([]int32, len(tree.Nodes)) // last is Root without such a frame
	program := make([]bool, len(tree.Nodes))                                    // whether it is outside the standard library of Go
	for i := range tree.Nodes {
		n, at := &tree.Nodes[i], int32(i)
		if at == stacks.Root {
			continue
		}
		name := tree.Names[n.Name]
		library := isGo(format) && ofLibrary(name)
		last[i], program[i] = last[n.Parent], program[n.Parent]
		if format != Tracemalloc && isOwn(name) && (!library || !program[i]) {
			last[i], program[i] = at, !library
		}
		if own[i] = last[i]; own[i] == stacks.Root {
			own[i] = at
		}
	}
	return own
}

func isOwn(frame string) bool {
	_, location, ok := strings.Cut(frame, " ")
	return ok && !strings.HasPrefix(location, "node:") && !strings.HasPrefix(frame, "runtime.")
}

func isGo(format stacks.Format) bool {
	return slices.Contains([]stacks.Format{read.Pprof, read.Binary, read.GoText}, format)
}

// standard are the first elements of the packages of Go's standard library.
var standard = strings.Fields("archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt " +
	"go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings structs " +
	"sync syscall testing text time unicode unique unsafe vendor weak")

// ofLibrary reports whether a function of Go belongs to the standard library.
func ofLibrary(function string) bool {
	return slices.Contains(standard, function[:max(0, strings.IndexAny(function, "./"))])
}

// calledBy returns the name of a place and those of its callers.
func calledBy(tree *stacks.Builder, at int32) (name string, callers []string) {
	if at == stacks.Root {
		return "(root)", nil
	}
	name = tree.Names[tree.Nodes[at].Name]
	for at = tree.Nodes[at].Parent; at != stacks.Root && len(callers) < maxCallers; at = tree.Nodes[at].Parent {
		callers = append(callers, tree.Names[tree.Nodes[at].Name])
	}
	return name, callers
}

// nothing returns an empty profile to compare p with.
func nothing(p *stacks.Profile) Profile { return Profile{Bytes: stacks.NewProfile(p.Format, p.Unit)} }

// InspectProfile lists the stacks that hold the most memory.
func InspectProfile(p Profile) *Result {
	res := CompareProfiles(nothing(p.Bytes), p, 0)
	res.Verdict, res.Headline, res.Warnings = Measured, fmt.Sprintf("the profile holds %s of live memory", size(p.Bytes.Weight())), nil
	return res
}

var _ finding.Result = (*Result)(nil)
