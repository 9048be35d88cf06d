package monitor

import (
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Result is what a run saw. It is the JSON document of the command.
type Result struct {
	StartedAt  time.Time  `json:"startedAt"`
	IntervalMS float64    `json:"intervalMs"`
	File       string     `json:"file,omitempty"` // where the samples are
	Processes  []*Process `json:"processes"`
	Warnings   []string   `json:"warnings"`
}

// Process is what was seen of one process.
type Process struct {
	process.Info
	Command     string  `json:"command"`
	Samples     int     `json:"samples"`
	Seconds     float64 `json:"seconds"` // from the first sample to the last
	RSS         Span    `json:"rssMB"`
	RSSTotal    Span    `json:"rssTotalMB"` // with all descendants
	MaxChildren int     `json:"maxChildren"`
	Ended       bool    `json:"ended"` // before the monitor did

	first, last time.Time
}

// Span is how one figure moved.
type Span struct {
	Initial float64 `json:"initial"`
	Final   float64 `json:"final"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Avg     float64 `json:"avg"`
	Growth  float64 `json:"growth"` // final less initial

	n int
}

func (s *Span) add(v float64) {
	if s.n == 0 {
		s.Initial, s.Min, s.Max = v, v, v
	}
	s.n++
	s.Final, s.Min, s.Max = v, min(s.Min, v), max(s.Max, v)
	s.Avg += (v - s.Avg) / float64(s.n) // the mean so far, without a sum that grows
	s.Growth = s.Final - s.Initial
}

func (p *Process) add(s Sample) {
	if p.Samples == 0 {
		p.first = s.At
	}
	p.Samples++
	p.last = s.At
	p.Seconds = p.last.Sub(p.first).Seconds()
	p.RSS.add(s.RSS)
	p.RSSTotal.add(s.RSSTotal)
	p.MaxChildren = max(p.MaxChildren, s.Children)
}

func (r *run) result() *Result {
	res := &Result{StartedAt: r.start, IntervalMS: float64(r.cfg.Interval) / float64(time.Millisecond), Warnings: []string{}}
	for _, t := range r.all {
		res.Processes = append(res.Processes, &t.summary)
	}
	if r.missed > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf(
			"%d of %d ticks were missed: the machine was busy or asleep, or the interval is too short", r.missed, r.ticks+r.missed))
	}
	return res
}
