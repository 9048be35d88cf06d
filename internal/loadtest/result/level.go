package result

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
)

// Level is one load of a search: users in a closed loop, or a rate.
type Level struct {
	Users int     `json:"users"`          // with a rate, the most calls in flight
	Rate  float64 `json:"rate,omitempty"` // calls per second; 0 is the closed loop
}

// growth is the factor between two levels.
const growth = 1.5

// Load returns the quantity that grows: the rate or the users.
func (l Level) Load() float64 {
	if l.Rate > 0 {
		return l.Rate
	}
	return float64(l.Users)
}

// Compare orders levels by their load.
func (l Level) Compare(m Level) int { return cmp.Compare(l.Load(), m.Load()) }

// String formats the load with its unit.
func (l Level) String() string {
	switch {
	case l.Rate > 0:
		return fmt.Sprintf("%.4g calls/s", l.Rate)
	case l.Users == 1:
		return "1 user"
	}
	return fmt.Sprintf("%d users", l.Users)
}

// Next returns the level after l, and whether there is one.
func (l Level) Next(maxUsers int) (Level, bool) {
	if l.Rate > 0 {
		return Level{Users: l.Users, Rate: l.Rate * growth}, l.Rate*growth <= plan.MaxRate
	}
	n := min(int(math.Round(float64(l.Users)*growth)), maxUsers)
	return Level{Users: max(n, min(l.Users+1, maxUsers))}, l.Users < maxUsers
}

// Sampling says how long a level is measured.
type Sampling struct {
	Settle   time.Duration // at the level, not counted
	Least    time.Duration
	Most     time.Duration // 0 is no bound
	Calls    int64         // at least
	Relative float64       // allowed relative difference between the throughput of both halves; 0 is not checked
}

// StepResult is the measurement of one level of a search.
type StepResult struct {
	Level
	DurationS   float64      `json:"durationS"`
	Calls       int64        `json:"calls"`
	Failed      int64        `json:"failed"`
	ErrorShare  float64      `json:"errorShare"`
	Errors      []ErrorCount `json:"errors,omitempty"`           // most frequent first
	Throughput  float64      `json:"throughput"`                 // successful calls per second
	Parts       *Spread      `json:"throughputSpread,omitempty"` // throughput of the parts of the measurement
	Mean        float64      `json:"meanMs"`                     // of successful calls
	P50         float64      `json:"p50Ms"`
	P90         float64      `json:"p90Ms"`
	P95         float64      `json:"p95Ms"`
	P99         float64      `json:"p99Ms"`
	InFlight    float64      `json:"inFlight"`            // mean calls in flight, as the generator counted
	Waiting     *Latency     `json:"waitingMs,omitempty"` // calls that an interruption ended, by their age
	Limit       bool         `json:"limit,omitempty"`     // the generator was the limit
	Interrupted bool         `json:"interrupted,omitempty"`
}

// Metric returns the value of a threshold's metric, NaN for an unknown one.
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
