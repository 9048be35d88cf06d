package stacks

import (
	"fmt"
	"slices"
)

// Format is the format of an input.
type Format string

// Profile is stacks with their unit and the circumstances of their recording.
type Profile struct {
	*Builder
	Format     Format
	Name       string // of one profile among several in a file
	Unit       Unit
	Observed   float64 // samples behind the weights
	Period     float64 // bytes between two samples of an allocator, 0 if unknown
	TwoColumns bool    // the stacks have a base to compare with
	Title      string  // of the picture that it was read from
	Warnings   []string
	Details    []string // each line that was skipped
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
	p.Details = append(p.Details, other.Details...)
	for _, w := range other.Warnings {
		p.Warn("%s", w)
	}
}
