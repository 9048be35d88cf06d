package result

import (
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

func (l Level) Compare(m Level) int {
	switch {
	case l.Load() < m.Load():
		return -1
	case l.Load() > m.Load():
		return 1
	}
	return 0
}

// load is what grows.
func (l Level) Load() float64 {
	if l.Rate > 0 {
		return l.Rate
	}
	return float64(l.Users)
}

func (l Level) String() string {
	if l.Rate > 0 {
		return fmt.Sprintf("%.4g calls/s", l.Rate)
	}
	if l.Users == 1 {
		return "1 user"
	}
	return fmt.Sprintf("%d users", l.Users)
}

// next is the level after l, and whether there is one.
func (l Level) Next(maxUsers int) (Level, bool) {
	if l.Rate > 0 {
		return Level{Users: l.Users, Rate: l.Rate * growth}, l.Rate*growth <= plan.MaxRate
	}
	n := min(int(math.Round(float64(l.Users)*growth)), maxUsers)
	return Level{Users: max(n, min(l.Users+1, maxUsers))}, l.Users < maxUsers
}

// Level is one load that a search tries: users in a closed loop, or a rate.
type Level struct {
	Users int     `json:"users"`          // with a rate: at most so many calls in flight
	Rate  float64 `json:"rate,omitempty"` // calls a second; 0 is the closed loop
}

// Sampling is when a step of a search has seen enough.
type Sampling struct {
	Settle   time.Duration // at the level, not counted
	Least    time.Duration // at least so long
	Most     time.Duration // at most so long, 0 is no bound
	Calls    int64         // and at least so many calls
	Relative float64       // and the throughput of its halves within this share of each other; 0 is not asked
}

// StepResult is what one level of a search measured.
type StepResult struct {
	Level
	DurationS   float64 `json:"durationS"`
	Calls       int64   `json:"calls"`
	Failed      int64   `json:"failed"`
	ErrorShare  float64 `json:"errorShare"`
	Throughput  float64 `json:"throughput"` // calls that succeeded, a second
	Mean        float64 `json:"meanMs"`     // of calls that succeeded
	P50         float64 `json:"p50Ms"`
	P90         float64 `json:"p90Ms"`
	P95         float64 `json:"p95Ms"`
	P99         float64 `json:"p99Ms"`
	InFlight    float64 `json:"inFlight"`        // calls at one time, on average, as the generator saw them: Little's law compares it
	Limit       bool    `json:"limit,omitempty"` // the generator was the limit
	Interrupted bool    `json:"interrupted,omitempty"`
}

// metric is a metric of a threshold, for one level.
func (s *StepResult) Metric(name string) float64 {
	switch name {
	case "p50":
		return s.P50
	case "p90":
		return s.P90
	case "p95":
		return s.P95
	case "p99":
		return s.P99
	case "mean":
		return s.Mean
	case "errors":
		return s.ErrorShare
	case "rate":
		return s.Throughput
	}
	return math.NaN()
}

// growth is how much more load each level has than the one before.
const growth = 1.5
