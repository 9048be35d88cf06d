package read

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// readPprof reads a pprof profile. Of the values of a sample it takes the one
// called o.Sample, or the default of the profile.
func readPprof(data []byte, o Options) ([]*stacks.Profile, error) {
	src, err := profile.ParseData(data)
	if err != nil {
		return nil, &notPprofError{err}
	}
	p, err := fromPprof(src, o, func(_ int, s *profile.Sample) []string { return pprofStack(s, o.Lines) })
	return []*stacks.Profile{p}, err
}

// notPprofError says why data is no pprof profile.
type notPprofError struct{ error }

// fromPprof takes one value of each sample; stack returns its frames from the root on.
func fromPprof(src *profile.Profile, o Options, stack func(i int, s *profile.Sample) []string) (*stacks.Profile, error) {
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
		at := stacks.Root
		for _, name := range stack(i, s) {
			at = p.Under(at, name)
		}
		p.Nodes[at].Self += float64(s.Value[value]) * scale
		p.Observed += float64(s.Value[0])
	}
	if src.SampleType[0].Unit != "count" || src.SampleType[0].Type != "samples" && unit != stacks.Samples {
		p.Observed = float64(len(src.Sample))
	}
	if negative > 0 {
		p.Warn("%d samples are negative and were left out: is this a difference?", negative)
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
		return 0, fmt.Errorf("it has no value %.40q, but %s", want, valueSums(src))
	}
	value := len(src.SampleType) - 1
	for i, t := range src.SampleType {
		if t.Type == src.DefaultSampleType {
			value = i
		}
	}
	if sum(src, value) == 0 && len(src.SampleType) > 1 {
		return 0, fmt.Errorf("its default value %s is 0 in every sample; --sample chooses another: %s", src.SampleType[value].Type, valueSums(src))
	}
	return value, nil
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

// pprofStack returns the frames of a sample from the root on, with file and line if
// lines is true.
func pprofStack(s *profile.Sample, lines bool) []string {
	var stack []string
	for _, location := range slices.Backward(s.Location) {
		if len(location.Line) == 0 {
			stack = append(stack, fmt.Sprintf("0x%x", location.Address))
		}
		for _, line := range slices.Backward(location.Line) { // the innermost of inlined functions comes first
			name := "(unknown)"
			if line.Function != nil && line.Function.Name != "" {
				name = line.Function.Name
				if lines && line.Function.Filename != "" {
					name += fmt.Sprintf(" %s:%d", filepath.Base(line.Function.Filename), line.Line)
				}
			}
			stack = append(stack, name)
		}
	}
	return stack
}
