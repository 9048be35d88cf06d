package logs

import (
	"context"
	"errors"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logs/filter"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// Options select the entries and the reports.
type Options struct {
	Input    input.Options
	Since    time.Time // zero: no bound
	Until    time.Time
	Where    *filter.Condition // nil: every entry
	Request  string            // whose timeline to make
	By       string            // one of Dimensions, "" for endpoint
	Slow     time.Duration
	Top      int
	Recent   time.Duration // of the search for changes; 0: an hour, at most a fifth
	Baseline time.Duration
	FailOn   []FailOn

	Each func(*input.Entry) error // called for every entry that is counted, may be nil
}

// Run reads the sources and reports on them. If ctx ends, the result covers the
// entries read until then and carries a warning.
func Run(ctx context.Context, sources []*input.Source, o Options) (*Result, error) {
	c, err := newCollector(&o)
	if err != nil {
		return nil, err
	}
	var stats input.Stats
	filtered := int64(0)
	err = input.Merge(ctx, sources, o.Input, &stats, func(e *input.Entry) error {
		about := c.subjects.of(e)
		call := c.calls.pair(e, &about.words)
		if !o.wants(e) {
			filtered++
			return nil
		}
		c.add(e, about, call)
		if o.Each != nil {
			return o.Each(e)
		}
		return nil
	})
	interrupted := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if err != nil && !interrupted {
		return nil, err
	}
	r := c.result(&o, sources, &stats)
	r.Read.Filtered = filtered
	if interrupted {
		r.Warnings = append(r.Warnings, "interrupted: the logs were not read to their end")
	}
	return r, nil
}

// wants reports whether an entry is within the bounds of time and the filter.
func (o *Options) wants(e *input.Entry) bool {
	if !o.Since.IsZero() && (!e.Known || e.Nanos < o.Since.UnixNano()) || !o.Until.IsZero() && (!e.Known || e.Nanos >= o.Until.UnixNano()) {
		return false
	}
	return o.Where == nil || o.Where.Match(e)
}
