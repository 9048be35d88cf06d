package fold

import (
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Weight is the meaning of the width of a call.
type Weight string

// The weights: time in flight between polls, polls that saw the call, or the age
// of the call in one snapshot.
const (
	Gap    Weight = "gap"
	Sample Weight = "samples"
	Age    Weight = "age"
)

// Parallel is the treatment of calls that are in flight at once.
type Parallel string

// Sum adds calls up to call-seconds; Share divides the time among them, so that
// the whole is wall time.
const (
	Sum   Parallel = "sum"
	Share Parallel = "share"
)

// Dimension is a property of a call besides its name.
type Dimension string

// The dimensions.
const (
	ByTarget  Dimension = "target"
	BySession Dimension = "session"
	ByHandler Dimension = "handler"
)

// Options choose the part of a trace that becomes frames, and their width. The
// zero value folds all of it by time in flight.
type Options struct {
	Weight   Weight
	By       []Dimension
	Parallel Parallel
	From, To Bound
	Stuck    time.Duration // a call in flight for longer is stuck; 0 means snapshot.StuckAfter
	Spans    bool          // keep the place of each call in time
}

func (o *Options) defaults() {
	if o.Weight == "" {
		o.Weight = Gap
	}
	if o.Parallel == "" {
		o.Parallel = Sum
	}
	if o.Stuck == 0 {
		o.Stuck = snapshot.StuckAfter
	}
}

// Bound is an end of a window: a time, or a duration after the first poll. The
// zero value is no bound.
type Bound struct {
	at    time.Time
	after time.Duration
	set   bool
}

// ParseBound reads RFC 3339 or a duration; a bare number is seconds.
func ParseBound(s string) (Bound, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return Bound{at: at, set: true}, nil
	}
	text := s
	if strings.Trim(s, "0123456789.") == "" {
		text += "s"
	}
	after, err := time.ParseDuration(text)
	if err != nil || after < 0 {
		return Bound{}, fmt.Errorf(`%.40q is neither a time (2026-01-02T15:04:05Z) nor a duration after the first poll (90s)`, s)
	}
	return Bound{after: after, set: true}, nil
}

// After reports whether b is known to be later than other: both are set, in the same way.
func (b Bound) After(other Bound) bool {
	return b.set && other.set && b.at.IsZero() == other.at.IsZero() && (b.after > other.after || b.at.After(other.at))
}

// time returns the time of b in a trace that begins at start.
func (b Bound) time(start time.Time) time.Time {
	if b.at.IsZero() {
		return start.Add(b.after)
	}
	return b.at
}
