package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding/threshold"
)

// Threshold is a condition that a run must meet, such as p99<500ms or tool.search.errors<1%.
type Threshold struct {
	Step   string       // label of a step; "" is the whole run
	Metric string       // one of Metrics
	Op     threshold.Op // <, <=, > or >=
	Value  float64      // milliseconds, a share of 1, or a count, depending on the metric
	Text   string       // as written
}

// MetricUnits are the metrics with their units. Latencies are of successful calls.
var MetricUnits = map[string]threshold.Unit{
	"p50": threshold.Latency, "p90": threshold.Latency, "p95": threshold.Latency, "p99": threshold.Latency, "p99.9": threshold.Latency,
	"mean": threshold.Latency, "max": threshold.Latency, "errors": threshold.Share, "rate": threshold.Rate, "calls": threshold.Count, "failed": threshold.Count,
}

// Metrics are the metrics that a threshold can be on.
var Metrics = []string{"p50", "p90", "p95", "p99", "p99.9", "mean", "max", "errors", "rate", "calls", "failed"}

// ParseThreshold parses a threshold.
func ParseThreshold(text string) (Threshold, error) {
	var t Threshold
	c, err := threshold.Parse(text, func(name string) (threshold.Unit, error) {
		if err := t.parseName(name); err != nil {
			return 0, err
		}
		return MetricUnits[t.Metric], nil
	})
	if err != nil {
		return Threshold{}, err
	}
	t.Op, t.Value, t.Text = c.Op, c.Limit, c.Text
	return t, nil
}

// parseName splits tool.NAME.METRIC. Both NAME and METRIC may contain dots (p99.9).
func (t *Threshold) parseName(name string) error {
	if _, ok := MetricUnits[name]; ok {
		t.Metric = name
		return nil
	}
	for _, metric := range Metrics {
		step, ok := strings.CutSuffix(name, "."+metric)
		if !ok {
			continue
		}
		t.Metric = metric
		if t.Step, ok = strings.CutPrefix(step, "tool."); ok && t.Step != "" {
			return nil
		}
		if t.Step, ok = strings.CutPrefix(step, "step."); ok && t.Step != "" {
			return nil
		}
	}
	return fmt.Errorf("unknown metric %q; known are %s, each also as tool.NAME.METRIC", name, strings.Join(Metrics, ", "))
}

// Holds reports whether value meets the threshold.
func (t *Threshold) Holds(value float64) bool { return t.Op.Compare(value, t.Value) }

// checkThresholds fails for a threshold on a step that the plan does not have.
func checkThresholds(thresholds []Threshold, steps []Step) error {
	for _, t := range thresholds {
		known := slices.ContainsFunc(steps, func(s Step) bool { return s.Label() == t.Step })
		if t.Step != "" && !known {
			return fmt.Errorf("threshold %q: %q: %w", t.Text, t.Step, ErrUnknownStep)
		}
	}
	return nil
}

// ParseObjectives parses the objectives of a search, separated by commas:
// p99<500ms,errors<1%.
func ParseObjectives(text string) ([]Threshold, error) {
	var all []Threshold
	for part := range strings.SplitSeq(text, ",") {
		t, err := ParseThreshold(part)
		if err != nil {
			return nil, err
		}
		if t.Step != "" || !slices.Contains(levelMetrics, t.Metric) {
			return nil, fmt.Errorf("%q is no objective: those are on %s of all calls", t.Text, strings.Join(levelMetrics, ", "))
		}
		all = append(all, t)
	}
	return all, nil
}

// levelMetrics are the metrics that an objective of a search can be on.
var levelMetrics = []string{"p50", "p90", "p95", "p99", "mean", "errors", "rate"}
