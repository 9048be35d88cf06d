package monitor

import (
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Result is the result of a run. It is the JSON document of the command.
type Result struct {
	Verdict    trend.Verdict `json:"verdict"`
	StartedAt  time.Time     `json:"startedAt"`
	IntervalMS float64       `json:"intervalMs,omitempty"`
	File       string        `json:"file,omitempty"` // of the samples
	Processes  []*Process    `json:"processes"`
	Warnings   []string      `json:"warnings"`

	FailOnUndecided bool `json:"-"` // an undecided result is a finding
}

// Process is the summary of one run of a process. Sizes are in MB.
type Process struct {
	process.Info
	Command     string          `json:"command,omitempty"`
	Samples     int             `json:"samples"`
	Seconds     float64         `json:"seconds"` // from the first sample to the last
	RSS         Span            `json:"rssMB"`
	RSSTotal    Span            `json:"rssTotalMB"` // with all descendants
	MaxChildren int             `json:"maxChildren"`
	Figures     map[string]Span `json:"figures"`                    // by column of the CSV, without figures that were not read
	Restarted   bool            `json:"restarted"`                  // it replaced a process that ended
	Ended       bool            `json:"ended"`                      // before the monitor did
	Exit        *launch.Exit    `json:"exit,omitempty"`             // of a command that the monitor started
	Memory      Memory          `json:"memory,omitempty"`           // the figure that a recording holds instead of RSS
	Repeats     int             `json:"repeatedReadings,omitempty"` // equal readings of a cache, which are no samples
	Trend       trend.Judgement `json:"trend"`                      // of rssTotalMB
	ToLimit     *ToLimit        `json:"timeToLimit,omitempty"`
	RedFlags    RedFlags        `json:"redFlags"`
	Holders     []Holder        `json:"holders,omitempty"` // processes of the tree with most memory
	Facts       []string        `json:"facts"`             // other observations

	origin      time.Time // of X in the series
	first, last time.Time
	pagesAt     time.Time // when PSS was read last
	total, self trend.Series
	counts      map[string]*trend.Series
	disturbed   []string
	holders     map[process.ID]Holder
	limit       float64 // of the memory in MB; 0: unknown
}

// Span is the range of one figure.
type Span struct {
	Initial float64 `json:"initial"`
	Final   float64 `json:"final"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Avg     float64 `json:"avg"`
	Growth  float64 `json:"growth"` // final less initial
	N       int     `json:"n"`
}

func (s *Span) add(v float64) {
	if s.N == 0 {
		s.Initial, s.Min, s.Max = v, v, v
	}
	s.N++
	s.Final, s.Min, s.Max = v, min(s.Min, v), max(s.Max, v)
	s.Avg += (v - s.Avg) / float64(s.N) // a running mean: a sum would lose precision
	s.Growth = s.Final - s.Initial
}

func newProcess(info process.Info, origin time.Time) *Process {
	return &Process{Info: info, Command: info.Command(), origin: origin, Facts: []string{},
		Figures: map[string]Span{}, counts: map[string]*trend.Series{}}
}

func (p *Process) add(s *Sample) {
	if p.Samples == 0 {
		p.first = s.At
	}
	p.Samples++
	p.last = s.At
	p.Seconds = p.last.Sub(p.first).Seconds()
	p.RSS.add(s.RSS)
	p.RSSTotal.add(s.RSSTotal)
	p.MaxChildren = max(p.MaxChildren, s.Children)
	x := s.At.Sub(p.origin).Seconds()
	p.self.Add(trend.Point{X: x, Y: s.RSS})
	p.total.Add(trend.Point{X: x, Y: s.RSSTotal})
	p.count("num_children", x, float64(s.Children))
	if !math.IsNaN(s.PSS) {
		p.pagesAt = s.At
	}
	for _, f := range figures {
		v := f.value(s)
		if math.IsNaN(v) {
			continue
		}
		span := p.Figures[f.column]
		span.add(v)
		p.Figures[f.column] = span
		if f.counts {
			p.count(f.column, x, v)
		}
	}
}

func (p *Process) count(column string, x, v float64) {
	if p.counts[column] == nil {
		p.counts[column] = &trend.Series{}
	}
	p.counts[column].Add(trend.Point{X: x, Y: v})
}
