package read

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// readPprof reads a pprof profile. Of the values of a sample it takes the one
// called o.Sample, or the default of the profile.
func readPprof(data []byte, o Options) ([]*stacks.Profile, error) {
	if err := crowded(data); err != nil {
		return nil, err
	}
	src, err := profile.ParseData(data)
	if err != nil {
		return nil, &notPprofError{err}
	}
	p, err := fromPprof(src, o, newPprofFrames(len(data), o.Lines).under)
	return []*stacks.Profile{p}, err
}

// crowded refuses a large profile whose samples, places and names are nearly empty: in
// memory each takes up to a hundred bytes.
func crowded(data []byte) error {
	const large, least = 1 << 20, 6 // bytes of a profile and of a message
	messages := 0
	for rest := data; len(data) > large && len(rest) > 0; {
		field, kind, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil // the error of the reader says more
		}
		if kind == protowire.BytesType && field <= 6 {
			messages++
		}
		rest = rest[n:]
	}
	if messages > len(data)/least {
		return fmt.Errorf("its %d samples, places and names have fewer than %d bytes each, as in no profile; record it again", messages, least)
	}
	return nil
}

// notPprofError says why data is no pprof profile.
type notPprofError struct{ error }

// fromPprof takes one value of each sample; place returns its place in the tree.
func fromPprof(src *profile.Profile, o Options, place func(p *stacks.Profile, i int, s *profile.Sample) (int32, error)) (*stacks.Profile, error) {
	value, err := sampleIndex(src, o.Sample)
	if err != nil {
		return nil, err
	}
	unit, scale := stacks.UnitOf(src.SampleType[value].Unit)
	if kind := src.SampleType[value].Type; unit == stacks.Samples && kind != "samples" && kind != "count" && kind != "" {
		unit = stacks.Unit(kind) // objects, goroutines, contentions
	}
	p := stacks.NewProfile(Pprof, unit)
	if src.PeriodType != nil && src.PeriodType.Type == "space" {
		p.Period = float64(src.Period)
	}
	negative := 0
	for i, s := range src.Sample {
		if s.Value[value] < 0 {
			negative++
			continue
		}
		at, err := place(p, i, s)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		p.Nodes[at].Self += float64(s.Value[value]) * scale
		p.Observed += float64(s.Value[0])
	}
	if src.SampleType[0].Unit != "count" || !unit.Sampled() {
		p.Observed = float64(len(src.Sample))
	}
	if negative > 0 && negative == len(src.Sample) {
		return nil, errors.New("all its values are negative: it is a difference; name the two profiles instead")
	}
	if negative > 0 {
		p.Warn("%s left out, whose values are negative: is this a difference of two profiles?", report.Plural(int64(negative), "sample"))
	}
	return p, nil
}

// sampleIndex finds the value to take.
func sampleIndex(src *profile.Profile, want string) (int, error) {
	for i, t := range src.SampleType {
		if want != "" && t.Type == want {
			return i, nil
		}
	}
	switch {
	case len(src.SampleType) == 0:
		return 0, errors.New("it has no values")
	case want != "":
		return 0, &NoValueError{want, valueSums(src)}
	}
	value := len(src.SampleType) - 1
	for i, t := range src.SampleType {
		if t.Type == src.DefaultSampleType {
			value = i
		}
	}
	switch {
	case len(src.Sample) == 0 && src.SampleType[0].Type == "contentions":
		return 0, errors.New("it has no samples; a Go program records waiting after runtime.SetBlockProfileRate or SetMutexProfileFraction")
	case sum(src, value) == 0 && len(src.SampleType) > 1:
		return 0, fmt.Errorf("its default value %s is 0 in every sample; --sample chooses another: %s", src.SampleType[value].Type, valueSums(src))
	}
	return value, nil
}

// NoValueError says that the samples of a profile lack a value.
type NoValueError struct{ Want, Has string }

func (e *NoValueError) Error() string {
	return fmt.Sprintf("it has no value %.40q, but %s; choose one of these", e.Want, e.Has)
}

func sum(src *profile.Profile, value int) (total float64) {
	for _, s := range src.Sample {
		total += float64(s.Value[value])
	}
	return total
}

// valueSums lists the values of a profile with their sums.
func valueSums(src *profile.Profile) string {
	var list []string
	for i, t := range src.SampleType {
		unit, scale := stacks.UnitOf(t.Unit)
		amount := unit.Format(sum(src, i) * scale)
		if unit == stacks.Samples {
			amount = stacks.Number(sum(src, i))
		}
		list = append(list, fmt.Sprintf("%s (%s)", t.Type, amount))
	}
	return strings.Join(list, ", ")
}

// pprofFrames places samples in a tree. A place with thousands of inlined functions that
// thousands of samples name would be any number of frames, so there are bounds: a real
// profile has fewer than a frame per byte.
type pprofFrames struct {
	lines  bool // names have file and line
	known  map[*profile.Location][]int32
	frames int // that may follow
	nodes  int // that the tree may have
}

const maxDepth = 100_000 // frames of a stack

func newPprofFrames(bytes int, lines bool) *pprofFrames {
	return &pprofFrames{lines: lines, known: map[*profile.Location][]int32{}, frames: 1_000_000 + 4*bytes, nodes: 500_000 + bytes}
}

// under returns the place of a sample.
func (f *pprofFrames) under(p *stacks.Profile, _ int, s *profile.Sample) (int32, error) {
	at, depth := stacks.Root, 0
	for _, location := range slices.Backward(s.Location) {
		names, ok := f.known[location]
		if !ok {
			names = f.names(p, location)
			f.known[location] = names
		}
		if depth += len(names); depth > maxDepth {
			return at, fmt.Errorf("its stack has more than %d frames; record the profile again", maxDepth)
		}
		at = p.Insert(at, names)
		if f.frames -= len(names); f.frames < 0 || len(p.Nodes) > f.nodes {
			return at, fmt.Errorf("the place %d is %d inlined functions, and the stacks have more frames than a file of this size holds; record the profile again", location.ID, len(names))
		}
	}
	return visible(p, at), nil
}

// visible returns the place of a frame. That of the root is a frame of its own: the root of a
// tree has no name to show.
func visible(p *stacks.Profile, at int32) int32 {
	if at == stacks.Root {
		return p.Under(at, "(root)")
	}
	return at
}

// names returns the frames of a location from the root on.
func (f *pprofFrames) names(p *stacks.Profile, location *profile.Location) []int32 {
	if len(location.Line) == 0 {
		return []int32{p.ID(fmt.Sprintf("0x%x", location.Address))}
	}
	var names []int32
	for _, line := range slices.Backward(location.Line) { // the innermost of inlined functions comes first
		name := "(unknown)"
		if line.Function != nil && line.Function.Name != "" {
			name = line.Function.Name
			if f.lines && line.Function.Filename != "" {
				name += fmt.Sprintf(" %s:%d", filepath.Base(line.Function.Filename), line.Line)
			}
		}
		names = append(names, p.ID(name))
	}
	return names
}
