package write

import (
	"errors"
	"io"
	"math"
	"slices"

	"github.com/google/pprof/profile"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// mostLost is the share of the whole that may be lost to whole numbers.
const mostLost = 0.01

// Pprof writes the stacks as a pprof profile. The first frames become labels
// with the names in dims.
func Pprof(w io.Writer, t *stacks.Tree, unit stacks.Unit, dims []string) error {
	if err := checkSize(t); err != nil {
		return err
	}
	out := &pprofWriter{t: t, dims: dims, functions: make([]*profile.Location, len(t.Names))}
	kind, pprofUnit, scale := string(unit), "count", 1.0
	switch unit {
	case stacks.Millis:
		kind, pprofUnit, scale = "time", "nanoseconds", 1e6
	case stacks.Bytes:
		kind, pprofUnit = "space", "bytes"
	}
	if t.Total()*scale >= math.MaxInt64 {
		return errors.New("the weights add up to more than the whole numbers of pprof hold; folded, speedscope and svg have no such limit")
	}
	out.p.SampleType = []*profile.ValueType{{Type: kind, Unit: pprofUnit}}
	sum := 0.0
	for n, stack := range t.Stacks() {
		value := int64(n.Self*scale + 0.5)
		sum += float64(value)
		out.sample(stack, value)
	}
	if math.Abs(sum-t.Total()*scale) > mostLost*t.Total()*scale {
		return errors.New("the weights are fractions, and pprof holds whole numbers; write folded or speedscope, or multiply them")
	}
	if err := out.p.CheckValid(); err != nil {
		return err
	}
	return out.p.Write(w)
}

type pprofWriter struct {
	t         *stacks.Tree
	p         profile.Profile
	dims      []string
	functions []*profile.Location // by name
}

func (o *pprofWriter) sample(stack []int32, value int64) {
	if value == 0 {
		return
	}
	s := &profile.Sample{Value: []int64{value}, Label: map[string][]string{}}
	for i, dim := range o.dims {
		if i < len(stack) {
			s.Label[dim] = []string{stacks.Printable(o.t.Names[stack[i]])}
		}
	}
	for _, name := range slices.Backward(stack[min(len(o.dims), len(stack)):]) {
		s.Location = append(s.Location, o.location(name))
	}
	o.p.Sample = append(o.p.Sample, s)
}

// location returns the location of a name: pprof shows functions.
func (o *pprofWriter) location(name int32) *profile.Location {
	if o.functions[name] == nil {
		id := uint64(len(o.p.Function) + 1)
		f := &profile.Function{ID: id, Name: stacks.Printable(o.t.Names[name])}
		o.functions[name] = &profile.Location{ID: id, Address: id, Line: []profile.Line{{Function: f}}}
		o.p.Function = append(o.p.Function, f)
		o.p.Location = append(o.p.Location, o.functions[name])
	}
	return o.functions[name]
}
