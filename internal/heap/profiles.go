package heap

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

const (
	maxSites   = 10
	maxCallers = 3

	maxSiteName = 200 // columns

	// defaultPeriod is the mean number of bytes between two samples of a Go program,
	// and of node --heap-prof.
	defaultPeriod = 512 << 10
)

// Profile is a profile of allocations: bytes, and objects if it has them.
type Profile struct {
	Bytes   *stacks.Profile
	Objects *stacks.Profile // nil if the format has none
}

// stack is the weight of one stack before and after.
type stack struct {
	name          []string // from the root on
	before, after float64  // bytes
	objects       float64  // difference
}

// CompareProfiles finds the stacks whose live memory has grown. A profile is a
// sample: growth is reported as such if it is three times the error of sampling.
func CompareProfiles(a, b Profile, operations int) *Result {
	res := &Result{Schema: Schema, Operations: operations}
	found := bySite(differences(a, b))
	period := max(a.Bytes.Period, b.Bytes.Period)
	if period == 0 {
		period = samplingPeriod(b.Bytes)
	}
	for _, s := range found {
		grown := s.after - s.before
		if grown <= 0 {
			continue
		}
		sure := grown > 3*math.Sqrt((s.before+s.after)*period)
		res.Sites = append(res.Sites, site(s, operations, sure))
	}
	slices.SortFunc(res.Sites, func(x, y Site) int {
		return cmp.Or(-compareBool(x.Judged, y.Judged), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	res.Sites = res.Sites[:min(len(res.Sites), maxSites)]
	res.judge(keep(0, int64(b.Bytes.Weight()-a.Bytes.Weight()), operations))
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

func site(s *stack, operations int, sure bool) Site {
	grown := int64(s.after - s.before)
	own := Site{Name: "(root)", Kept: keep(max(0, int64(s.objects)), grown, operations)}
	if n := len(s.name); n > 0 {
		own.Name = printable(s.name[n-1])
		for _, caller := range slices.Backward(s.name[:n-1]) {
			if len(own.Callers) < maxCallers {
				own.Callers = append(own.Callers, printable(caller))
			}
		}
	}
	own.Judged = sure && operations > 0 && *own.BytesPerOperation >= minBytesPerOperation
	return own
}

// printable returns the name of a function, of at most maxSiteName columns.
func printable(name string) string { return report.Cut(stacks.Printable(name), maxSiteName) }

// bySite ends each stack at its own code and merges those that end at the same line,
// called as the heaviest of them.
func bySite(all []*stack) []*stack {
	slices.SortFunc(all, func(x, y *stack) int {
		return cmp.Or(cmp.Compare(y.after-y.before, x.after-x.before), slices.Compare(x.name, y.name))
	})
	sites := map[string]*stack{}
	var list []*stack
	for _, s := range all {
		s.name = s.name[:ownCode(s.name)]
		key := ""
		if len(s.name) > 0 {
			key = s.name[len(s.name)-1]
		}
		if known := sites[key]; known != nil {
			known.before += s.before
			known.after += s.after
			known.objects += s.objects
			continue
		}
		sites[key] = s
		list = append(list, s)
	}
	return list
}

// ownCode returns the length of a stack up to its last frame outside the runtime: in
// V8 the frames of Node.js lie in node: and built-in ones have no location, in Go
// those of the runtime have a package. Without such a frame it is the whole length.
func ownCode(name []string) int {
	for i, frame := range slices.Backward(name) {
		_, location, ok := strings.Cut(frame, " ")
		if ok && !strings.HasPrefix(location, "node:") && !strings.HasPrefix(frame, "runtime.") {
			return i + 1
		}
	}
	return len(name)
}

// differences returns each stack of a and b.
func differences(a, b Profile) []*stack {
	all := map[string]*stack{}
	add := func(p *stacks.Profile, weigh func(*stack, float64)) {
		if p == nil {
			return
		}
		for i := range p.Nodes {
			if p.Nodes[i].Self == 0 {
				continue
			}
			path := p.Path(int32(i))
			key := strings.Join(path, "\x00")
			if all[key] == nil {
				all[key] = &stack{name: path}
			}
			weigh(all[key], p.Nodes[i].Self)
		}
	}
	add(a.Bytes, func(s *stack, v float64) { s.before += v })
	add(b.Bytes, func(s *stack, v float64) { s.after += v })
	add(a.Objects, func(s *stack, v float64) { s.objects -= v })
	add(b.Objects, func(s *stack, v float64) { s.objects += v })
	return slices.Collect(maps.Values(all))
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
