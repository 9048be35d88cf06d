package flame

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/pprof/profile"
)

// ReadPprof reads a pprof profile, packed or not. Of the values it holds it
// takes the one called sample, or its default.
func ReadPprof(r io.Reader, name, sample string) (*Profile, error) {
	data, err := whole(r)
	if err != nil {
		return nil, fmt.Errorf("reading pprof profile %s: %w", name, err)
	}
	src, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("reading pprof profile %s: %w", name, err)
	}
	value, err := sampleIndex(src, sample)
	if err != nil {
		return nil, fmt.Errorf("reading pprof profile %s: %w", name, err)
	}
	unit, scale := unitOf(src.SampleType[value].Unit)
	p := &Profile{Kind: Protobuf, Unit: unit, builder: newBuilder()}
	negative := 0
	for _, s := range src.Sample {
		if s.Value[value] < 0 {
			negative++
			continue
		}
		n := p.builder.insert(root, p.pprofStack(s))
		p.builder.nodes[n].self += float64(s.Value[value]) * scale
		p.Observed += float64(s.Value[0])
	}
	if unit != Samples && src.SampleType[0].Unit != "count" {
		p.Observed = float64(len(src.Sample))
	}
	if negative > 0 {
		p.warn("%s: %d samples are below zero and were left out: is this a difference?", name, negative)
	}
	return p, nil
}

// sampleIndex finds the value to take.
func sampleIndex(src *profile.Profile, want string) (int, error) {
	if want == "" {
		want = src.DefaultSampleType
	}
	var types []string
	for i, t := range src.SampleType {
		if t.Type == want {
			return i, nil
		}
		types = append(types, t.Type)
	}
	if want != src.DefaultSampleType {
		return 0, fmt.Errorf("it has no value %.40q, but %q", want, types)
	}
	if len(types) == 0 {
		return 0, errors.New("it has no values")
	}
	return len(types) - 1, nil
}

// pprofStack returns the frames of a sample from the root on.
func (p *Profile) pprofStack(s *profile.Sample) []int32 {
	var stack []int32
	for _, location := range slices.Backward(s.Location) {
		if len(location.Line) == 0 {
			stack = append(stack, p.builder.names.id(fmt.Appendf(nil, "0x%x", location.Address)))
		}
		for _, line := range slices.Backward(location.Line) { // the innermost of inlined functions comes first
			name := "(unknown)"
			if line.Function != nil && line.Function.Name != "" {
				name = line.Function.Name
			}
			stack = append(stack, p.builder.names.id([]byte(name)))
		}
	}
	return stack
}

// WritePprof writes the stacks as a pprof profile. The first frames are labels
// where dims names what they are.
func (t *Tree) WritePprof(w io.Writer, unit Unit, dims []string) error {
	out := &pprofWriter{t: t, dims: dims, functions: make([]*profile.Location, t.names.len())}
	kind, pprofUnit, scale := "samples", "count", 1.0
	switch unit {
	case Millis:
		kind, pprofUnit, scale = "time", "nanoseconds", 1e6
	case Bytes:
		kind, pprofUnit = "space", "bytes"
	}
	out.p.SampleType = []*profile.ValueType{{Type: kind, Unit: pprofUnit}}
	for c, stack := range t.stacks() {
		out.sample(stack, int64(c.self*scale+0.5))
	}
	if err := out.p.CheckValid(); err != nil {
		return err
	}
	return out.p.Write(w)
}

type pprofWriter struct {
	t         *Tree
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
			s.Label[dim] = []string{printable(o.t.name(stack[i]))}
		}
	}
	for _, name := range slices.Backward(stack[min(len(o.dims), len(stack)):]) {
		s.Location = append(s.Location, o.location(name))
	}
	o.p.Sample = append(o.p.Sample, s)
}

// location is the place of a name: pprof shows functions.
func (o *pprofWriter) location(name int32) *profile.Location {
	if o.functions[name] == nil {
		id := uint64(len(o.p.Function) + 1)
		f := &profile.Function{ID: id, Name: printable(o.t.name(name))}
		o.functions[name] = &profile.Location{ID: id, Address: id, Line: []profile.Line{{Function: f}}}
		o.p.Function = append(o.p.Function, f)
		o.p.Location = append(o.p.Location, o.functions[name])
	}
	return o.functions[name]
}
