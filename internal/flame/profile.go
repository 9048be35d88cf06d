package flame

import (
	"fmt"
	"slices"
	"time"
)

// Kind is what a profile was made from.
type Kind string

// The kinds of input.
const (
	Trace    Kind = "trace"    // snapshots over time
	Moment   Kind = "snapshot" // one snapshot
	Folded   Kind = "folded"
	Stored   Kind = "svg" // one of our own pictures
	Speed    Kind = "speedscope"
	Protobuf Kind = "pprof"
)

// Unit is what weights count.
type Unit string

// The units that have a name of their own; another profiler's are kept as they are.
const (
	Millis  Unit = "ms"
	Samples Unit = "samples"
	Bytes   Unit = "bytes"
)

// Profile is stacks with their weights, and what is known of how they were
// taken. Profiles are read, merged, and then put in order by Tree.
type Profile struct {
	Kind       Kind
	Unit       Unit
	Observed   float64  // the number of samples behind the weights
	Watch      *Watch   // of a trace
	TwoColumns bool     // the stacks came with a base to compare with
	Inputs     []string // the names of what was read, but for traces, which name their targets
	Base       []string // and of what it is compared with
	Dims       []string // what the first frames of each stack are, by --by
	Warnings   []string
	Details    []string // for those who want to know more: each bad line

	title   string // of the picture that it was read from
	builder *builder
	calls   *calls
}

// Watch says how a trace was taken, and of what.
type Watch struct {
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Window   time.Duration `json:"windowNs"`  // of all targets together
	Watched  time.Duration `json:"watchedNs"` // the window without its holes
	Polls    int           `json:"polls"`
	Failed   int           `json:"failedPolls"`
	Holes    int           `json:"holes"`
	Targets  []string      `json:"targets"`
	Calls    int           `json:"calls"`
	Parallel Parallel      `json:"parallel"`
	Weight   Weight        `json:"weight"`
}

const maxWarnings = 50

// warn adds a warning once, and not without bound.
func (p *Profile) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if len(p.Warnings) < maxWarnings && !slices.Contains(p.Warnings, w) {
		p.Warnings = append(p.Warnings, w)
	}
}

// Tree puts the stacks in order.
func (p *Profile) Tree() *Tree { return p.builder.tree() }
