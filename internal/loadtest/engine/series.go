package engine

import (
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// series is a run by the second. A second is closed when no more samples can arrive;
// then only its figures are kept.
type series struct {
	closed []result.Second
	open   []second // the seconds after the closed ones
}

// second is an open second.
type second struct {
	figures result.Second
	micros  []uint32 // latencies of successful calls
}

// Bounds of a series.
const (
	secondOpen    = 2            // seconds by which samples may be late
	secondSamples = 50_000       // per second, for percentiles
	maxSeconds    = 60 * 60 * 24 // of a run; later ones are dropped
)

func (s *series) add(c *sample) {
	at := s.at(int((c.end - 1) / time.Second)) // the end of a second is in it
	if at == nil {
		return
	}
	at.figures.Calls++
	if c.failure != nil {
		at.figures.Errors++
	} else if len(at.micros) < secondSamples {
		at.micros = append(at.micros, uint32(min(c.latency.Microseconds(), 1<<32-1))) //nolint:gosec // bounded
	}
}

// at returns second t, or the first open one.
func (s *series) at(t int) *second {
	t = max(t, len(s.closed))
	if t >= maxSeconds {
		return nil
	}
	for len(s.closed)+len(s.open) <= t {
		s.open = append(s.open, second{figures: result.Second{T: len(s.closed) + len(s.open)}})
	}
	return &s.open[t-len(s.closed)]
}

// tick records the number of users and closes old seconds.
func (s *series) tick(now time.Duration, users int) {
	t := int(now / time.Second)
	if at := s.at(t); at != nil {
		at.figures.Users = users
	}
	for len(s.open) > 0 && s.open[0].figures.T < t-secondOpen {
		s.close()
	}
}

func (s *series) close() {
	s.closed = append(s.closed, s.open[0].done())
	s.open[0] = second{}
	s.open = s.open[1:]
}

// done returns the figures of the second with its percentiles.
func (c *second) done() result.Second {
	f := c.figures
	if n := len(c.micros); n > 0 {
		slices.Sort(c.micros)
		at := func(q float64) float64 { return float64(c.micros[min(int(q*float64(n)), n-1)]) / 1000 }
		f.P50, f.P99 = at(0.50), at(0.99)
	}
	return f
}

// all returns the series up to a time.
func (s *series) all(until time.Duration) []result.Second {
	out := slices.Clone(s.closed)
	for i := range s.open {
		if s.open[i].figures.Calls > 0 || time.Duration(s.open[i].figures.T)*time.Second < until {
			out = append(out, s.open[i].done())
		}
	}
	return out
}
