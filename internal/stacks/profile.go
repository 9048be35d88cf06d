package stacks

import (
	"fmt"
	"slices"
)

// Format is the format of an input.
type Format string

// Idle is the frame of V8 for the time in which the process waits.
const Idle = "(idle)"

// OfRuntime reports whether a frame is a state of V8 and not a function.
func OfRuntime(name string) bool {
	return name == Idle || name == "(program)" || name == "(garbage collector)"
}

// Profile is stacks with their unit and the circumstances of their recording.
type Profile struct {
	*Builder
	Format     Format
	Name       string // of one profile among several in a file
	Unit       Unit
	Observed   float64 // samples behind the weights, 0 if they were measured
	Period     float64 // bytes between two samples of an allocator, 0 if unknown
	TwoColumns bool    // the stacks have a base to compare with
	Title      string  // of the picture that it was read from
	Warnings   []string
	Details    []string // each line that was skipped

	Places map[string]string // file and line of functions whose name does not contain them
}

// NewProfile returns an empty profile.
func NewProfile(format Format, unit Unit) *Profile {
	return &Profile{Builder: NewBuilder(), Format: format, Unit: unit}
}

const maxWarnings = 50

// Warn adds a warning, each only once and not more than a bounded number.
func (p *Profile) Warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if len(p.Warnings) < maxWarnings && !slices.Contains(p.Warnings, w) {
		p.Warnings = append(p.Warnings, w)
	}
}

// Join adds another profile of the same unit.
func (p *Profile) Join(other *Profile) {
	p.Merge(other.Builder)
	p.Observed += other.Observed
	p.TwoColumns = p.TwoColumns || other.TwoColumns
	p.Title = ""
	for name, place := range other.Places {
		if known, ok := p.Places[name]; ok && known != place {
			place = ""
		}
		if p.Places == nil {
			p.Places = map[string]string{}
		}
		p.Places[name] = place
	}
	p.Details = append(p.Details, other.Details...)
	for _, w := range other.Warnings {
		p.Warn("%s", w)
	}
}
