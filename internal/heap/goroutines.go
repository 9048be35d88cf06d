package heap

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Goroutine is the unit of a profile of goroutines, as a Go server gives it at
// /debug/pprof/goroutine. Its heap does not contain their stacks.
const Goroutine stacks.Unit = "goroutine"

// CompareGoroutines finds the places where more goroutines wait than before. It is exact.
func CompareGoroutines(a, b *stacks.Profile, operations int) *Result {
	res := &Result{Schema: Schema, Operations: operations}
	for _, p := range bySite(Profile{Bytes: a}, Profile{Bytes: b}) {
		if p.after <= p.before {
			continue
		}
		s := Site{Name: printable(p.name), Kept: keep(int64(p.after-p.before), 0, operations)}
		for _, caller := range p.callers {
			s.Callers = append(s.Callers, printable(caller))
		}
		s.Judged = s.Objects >= minKept && operations > 0 && *s.ObjectsPerOperation >= minPerOperation
		res.Goroutines = append(res.Goroutines, s)
	}
	slices.SortFunc(res.Goroutines, func(x, y Site) int {
		return cmp.Or(cmp.Compare(y.Objects, x.Objects), cmp.Compare(x.Name, y.Name))
	})
	res.Goroutines = res.Goroutines[:min(len(res.Goroutines), maxSites)]
	res.judgeGoroutines(int64(a.Weight()), int64(b.Weight()))
	return res
}

// judgeGoroutines derives the verdict and the headline.
func (r *Result) judgeGoroutines(before, after int64) {
	judged, first := r.first()
	r.Verdict, r.Headline = Steady, fmt.Sprintf("there are %s, and were %s", report.Plural(after, "goroutine"), report.Count(before))
	switch {
	case r.Operations == 0:
		r.Verdict = Measured
		r.Warnings = append(r.Warnings, noOperations)
	case judged:
		r.Verdict, r.Headline = Grows, first
	}
}

// InspectGoroutines lists the places where goroutines wait.
func InspectGoroutines(p *stacks.Profile) *Result {
	res := CompareGoroutines(stacks.NewProfile(p.Format, p.Unit), p, 0)
	res.Headline, res.Warnings = "there are "+report.Plural(int64(p.Weight()), "goroutine"), nil
	return res
}

// TakenGoroutines returns a profile of goroutines, the nth of a process, which keep stores.
func TakenGoroutines(page []byte, nth int, keep *Keep) Source {
	return keep.Source(Taken("goroutines", func() ([]byte, error) { return page, nil }), fmt.Sprintf("goroutines-%d.pb.gz", nth))
}

// AddGoroutines adds the goroutines that wait in b and did not in a, two profiles of the process
// of r.
func (r *Result) AddGoroutines(a, b Source) error {
	g, err := Run([]Source{a, b}, Options{Operations: r.Operations})
	if err != nil {
		return err
	}
	if r.Goroutines = g.Goroutines; g.Verdict == Grows {
		if r.Verdict == Grows {
			g.Headline += "; " + r.Headline
		}
		r.Verdict, r.Headline = Grows, g.Headline
	}
	return nil
}

// waits returns for each place the last frame of its stack in the program, or the function that
// the goroutine runs, if all of it is of the standard library.
func waits(tree *stacks.Builder) []int32 {
	own, program := make([]int32, len(tree.Nodes)), make([]bool, len(tree.Nodes))
	for i := range tree.Nodes {
		at := int32(i)
		if at == stacks.Root {
			continue
		}
		n := &tree.Nodes[i]
		name := tree.Names[n.Name]
		switch up := n.Parent; {
		case isOwn(name) && !ofLibrary(name):
			own[i], program[i] = at, true
		case up == stacks.Root:
			own[i] = at
		default:
			own[i], program[i] = own[up], program[up]
		}
	}
	return own
}
