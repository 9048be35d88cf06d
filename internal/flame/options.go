package flame

import (
	"fmt"
	"strings"
	"time"
)

// Weight says what the width of a call is.
type Weight string

// The weights. A gap is time in flight, a sample is a poll that saw the call,
// an age is what one snapshot says of a call.
const (
	Gap    Weight = "gap"
	Sample Weight = "samples"
	Age    Weight = "age"
)

// Parallel says what becomes of calls that are in flight at once.
type Parallel string

// Sum adds calls up to call-seconds; Share divides the time among them, so
// that the whole is wall time.
const (
	Sum   Parallel = "sum"
	Share Parallel = "share"
)

// Dimension is something that a call has besides its name.
type Dimension string

// The dimensions.
const (
	ByTarget  Dimension = "target"
	BySession Dimension = "session"
	ByHandler Dimension = "handler"
)

// FoldOptions say what of a trace becomes frames, and how wide they are. The
// zero value folds all of it by time in flight.
type FoldOptions struct {
	Weight   Weight
	By       []Dimension
	Parallel Parallel
	From, To Bound
	Stuck    time.Duration // a call in flight for longer hangs; 30 s where it is 0
	Spans    bool          // keep each call's place in time
}

func (o *FoldOptions) defaults() {
	if o.Weight == "" {
		o.Weight = Gap
	}
	if o.Parallel == "" {
		o.Parallel = Sum
	}
	if o.Stuck == 0 {
		o.Stuck = 30 * time.Second
	}
}

// Bound is an end of a window: a moment, or a time after the first poll. The
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

// time is the moment of b in a trace that begins at start.
func (b Bound) time(start time.Time) time.Time {
	if b.at.IsZero() {
		return start.Add(b.after)
	}
	return b.at
}
