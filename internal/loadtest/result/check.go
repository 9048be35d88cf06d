package result

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding/threshold"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Check is a threshold and whether a run held it.
type Check struct {
	Threshold string   `json:"threshold"`
	Value     *float64 `json:"value"` // milliseconds, a share of 1 or a count; null where nothing was measured
	Held      bool     `json:"held"`

	metric string
}

// Measured formats the value.
func (c *Check) Measured() string {
	switch {
	case c.Value == nil:
		return "nothing was measured"
	case plan.MetricUnits[c.metric] == threshold.Latency:
		return report.Millis(*c.Value)
	case plan.MetricUnits[c.metric] == threshold.Share:
		return fmt.Sprintf("%.2f %%", *c.Value*100)
	case c.metric == "rate":
		return fmt.Sprintf("%.1f/s", *c.Value)
	}
	return report.Count(int64(*c.Value))
}

// Judge checks the thresholds. A crossed one makes the verdict worse, unless the
// verdict is worse already.
func (r *Result) Judge(thresholds []plan.Threshold) {
	r.Checks = r.check(thresholds)
	for _, c := range r.Checks {
		if c.Held {
			continue
		}
		r.cross(fmt.Sprintf("%s does not hold: %s", c.Threshold, c.Measured()))
	}
}

func (r *Result) check(thresholds []plan.Threshold) []Check {
	var checks []Check
	for i := range thresholds {
		t := &thresholds[i]
		c := Check{Threshold: t.Text, metric: t.Metric}
		if v := r.metric(t); !math.IsNaN(v) {
			c.Value, c.Held = &v, t.Holds(v)
		}
		checks = append(checks, c)
	}
	return checks
}

// metric returns the value that t is about, NaN if nothing was measured.
func (r *Result) metric(t *plan.Threshold) float64 {
	if t.Step == "" {
		return metricOf(t.Metric, &r.Latency, r.Calls, r.Failed, r.CallsPerSecond)
	}
	i := slices.IndexFunc(r.Steps, func(s StepFigures) bool { return s.Label == t.Step })
	if i < 0 {
		return math.NaN()
	}
	s := &r.Steps[i]
	rate := 0.0
	if r.DurationS > 0 {
		rate = float64(s.Calls) / r.DurationS
	}
	return metricOf(t.Metric, &s.Latency, s.Calls, s.Failed, rate)
}

func metricOf(metric string, l *Latency, calls, failed int64, rate float64) float64 {
	switch metric {
	case "rate":
		return rate
	case "calls":
		return float64(calls)
	case "failed":
		return float64(failed)
	case "errors":
		if calls == 0 {
			return math.NaN()
		}
		return float64(failed) / float64(calls)
	}
	if l.Count == 0 {
		return math.NaN()
	}
	return l.metric(metric)
}

// Watcher returns a function that reports a crossed threshold of p in an unfinished
// result, once the grace period has passed; nil unless p aborts on failure. It
// ignores lower bounds of counts, which only a finished run can miss.
func Watcher(p *plan.Plan) func(*Result) (reason string) {
	if !p.AbortOnFail {
		return nil
	}
	thresholds := slices.DeleteFunc(slices.Clone(p.Thresholds), func(t plan.Threshold) bool {
		return (t.Metric == "calls" || t.Metric == "failed") && t.Op[0] == '>'
	})
	return func(r *Result) string {
		if time.Duration(r.DurationS*float64(time.Second)) < p.Grace {
			return ""
		}
		for _, c := range r.check(thresholds) {
			if !c.Held && c.Value != nil {
				return fmt.Sprintf("%s was crossed: %s", c.Threshold, c.Measured())
			}
		}
		return ""
	}
}
