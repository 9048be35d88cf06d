package input

import (
	"bytes"
	"context"
	"errors"

	"github.com/mcpdiag/mcpdiag/internal/logline"
)

// maxSamples is how many lines that were not understood are kept as samples.
const maxSamples = 3

// Stats counts the lines that were read, by format.
type Stats struct {
	Lines     int64
	Bytes     int64
	CutLines  int64 // longer than a block
	CutBytes  int64
	Formats   [64]int64 // by logline.Format
	Wrappers  [16]int64 // by bit of logline.Wrappers
	Continued int64     // lines of stack traces and the like
	NoZone    int64
	NoTime    int64
	Durations [16]int64 // by logline.DurationUnit
	Unread    int64     // not understood
	Samples   []string  // of those
	Warnings  []string  // sources that could not be read
}

// unreadable makes the failures of some sources warnings. If all failed, or ctx ended,
// they are the error.
func (s *Stats) unreadable(ctx context.Context, failed []error, sources int) error {
	if ctx.Err() != nil || len(failed) == sources {
		return errors.Join(failed...)
	}
	for _, err := range failed {
		s.Warnings = append(s.Warnings, err.Error())
	}
	return nil
}

func (s *Stats) line(r *logline.Record, text []byte) {
	s.Lines++
	s.Bytes += int64(len(text)) + 1
	if r.Format == logline.Unknown && r.Continues {
		s.Continued++
	} else {
		s.Formats[r.Format]++
	}
	for w, bit := r.Wrappers, 0; w != 0; w, bit = w>>1, bit+1 {
		if w&1 != 0 {
			s.Wrappers[bit]++
		}
	}
	switch r.Time.Missing {
	case logline.Complete:
	case logline.NoStamp:
		s.NoTime++
	default:
		s.NoZone++
	}
	if r.HasDuration {
		s.Durations[r.DurationUnit]++
	}
	if r.Format == logline.Unknown && !r.Continues {
		s.Unread++
		if len(s.Samples) < maxSamples {
			s.Samples = append(s.Samples, string(bytes.TrimSpace(text[:min(len(text), 200)])))
		}
	}
}

// Add adds the counts of another source.
func (s *Stats) Add(o *Stats) {
	s.Lines += o.Lines
	s.Bytes += o.Bytes
	s.CutLines += o.CutLines
	s.CutBytes += o.CutBytes
	s.Continued += o.Continued
	s.NoZone += o.NoZone
	s.NoTime += o.NoTime
	s.Unread += o.Unread
	for i, n := range o.Formats {
		s.Formats[i] += n
	}
	for i, n := range o.Wrappers {
		s.Wrappers[i] += n
	}
	for i, n := range o.Durations {
		s.Durations[i] += n
	}
	s.Samples = append(s.Samples, o.Samples...)
	s.Samples = s.Samples[:min(len(s.Samples), maxSamples)]
}
