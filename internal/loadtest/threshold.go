package loadtest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Threshold is what a run must hold, such as p99<500ms or tool.search.errors<1%.
type Threshold struct {
	Step   string  // the label of a step; "" is the whole run
	Metric string  // one of Metrics
	Op     string  // <, <=, > or >=
	Value  float64 // in milliseconds, a share of 1, or a count, as the metric has it
	Text   string  // as it was written
}

// metricUnit is how the values of a metric are written.
type metricUnit int

const (
	unitMillis metricUnit = iota
	unitShare
	unitCount
)

// Metric names. Latencies are of calls that succeeded.
var metricUnits = map[string]metricUnit{
	"p50": unitMillis, "p90": unitMillis, "p95": unitMillis, "p99": unitMillis, "p99.9": unitMillis,
	"mean": unitMillis, "max": unitMillis, "errors": unitShare, "rate": unitCount, "calls": unitCount, "failed": unitCount,
}

// Metrics are the metrics that a threshold can be on.
var Metrics = []string{"p50", "p90", "p95", "p99", "p99.9", "mean", "max", "errors", "rate", "calls", "failed"}

var thresholdForm = regexp.MustCompile(`^\s*(.+?)\s*(<=|>=|<|>)\s*([^<>=]+?)\s*$`)

// ParseThreshold reads a threshold.
func ParseThreshold(text string) (Threshold, error) {
	m := thresholdForm.FindStringSubmatch(text)
	if m == nil {
		return Threshold{}, fmt.Errorf("%q is no threshold; write p99<500ms, errors<1%% or tool.NAME.p95<2s", text)
	}
	t := Threshold{Op: m[2], Text: strings.TrimSpace(text)}
	if err := t.name(m[1]); err != nil {
		return Threshold{}, err
	}
	var err error
	if t.Value, err = parseValue(metricUnits[t.Metric], m[3]); err != nil {
		return Threshold{}, fmt.Errorf("threshold %q: %w", t.Text, err)
	}
	return t, nil
}

// name takes apart tool.NAME.METRIC. A name may have dots in it, and so has p99.9.
func (t *Threshold) name(name string) error {
	if _, ok := metricUnits[name]; ok {
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
	return fmt.Errorf("threshold %q: there is no metric %q; there are %s, each also as tool.NAME.METRIC",
		t.Text, name, strings.Join(Metrics, ", "))
}

func parseValue(unit metricUnit, text string) (float64, error) {
	switch unit {
	case unitMillis:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return 0, fmt.Errorf("%q needs a unit, as in %sms", text, text)
		}
		d, err := parseTime(text)
		return float64(d.Nanoseconds()) / 1e6, err
	case unitShare:
		number, percent := strings.CutSuffix(text, "%")
		v, err := parseNumber(strings.TrimSpace(number))
		if percent {
			v /= 100
		}
		if err == nil && v > 1 {
			err = fmt.Errorf("%q is more than all; write 1%% or 0.01", text)
		}
		return v, err
	case unitCount:
	}
	return parseNumber(strings.TrimSuffix(text, "/s"))
}

func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("%q is no number of at least 0", text)
	}
	return v, nil
}

// Holds reports whether value keeps the threshold.
func (t *Threshold) Holds(value float64) bool {
	switch t.Op {
	case "<":
		return value < t.Value
	case "<=":
		return value <= t.Value
	case ">":
		return value > t.Value
	}
	return value >= t.Value
}

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

// ParseObjectives reads what the levels of a search must hold, with commas
// between: p99<500ms,errors<1%.
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
