package fold

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// The formats of traces: snapshots over time, and a single snapshot.
const (
	Trace  stacks.Format = "trace"
	Moment stacks.Format = "snapshot"
)

// Result is the output of a Folder.
type Result struct {
	*stacks.Profile
	Watch *Watch
	Dims  []string // the properties that the first frames of each stack show, by Options.By
	Calls *Calls
}

// Watch describes the recording of a trace.
type Watch struct {
	From     time.Time     `json:"from"` // the first poll in the window
	To       time.Time     `json:"to"`
	Window   time.Duration `json:"windowNs"`  // of all targets together
	Watched  time.Duration `json:"watchedNs"` // the window without its gaps
	Polls    int           `json:"polls"`
	Failed   int           `json:"failedPolls"`
	Holes    int           `json:"holes"` // gaps in the trace
	Targets  []string      `json:"targets"`
	Calls    int           `json:"calls"`
	Parallel Parallel      `json:"parallel"`
	Weight   Weight        `json:"weight"`
}
