package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding/threshold"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// FailOn is one condition of --fail-on.
type FailOn struct {
	threshold.Condition

	New bool // an error that the baseline does not have
}

// NewError is the condition that an error is not in the baseline.
const NewError = "new-error"

// failMetrics are the figures that a condition may name, with their units.
var failMetrics = map[string]threshold.Unit{
	"error-rate": threshold.Share, "errors": threshold.Count, "slow": threshold.Milliseconds, "unanswered": threshold.Count,
	"refused": threshold.Count, "rate-limited": threshold.Count,
}

// ParseFailOn reads one condition, such as new-error, error-rate>1% or slow>5s.
func ParseFailOn(text string) (FailOn, error) {
	if text = strings.TrimSpace(text); text == NewError {
		return FailOn{New: true}, nil
	}
	c, err := threshold.Parse(text, func(metric string) (threshold.Unit, error) {
		unit, ok := failMetrics[metric]
		if !ok {
			return unit, fmt.Errorf("unknown metric %q: want %s, or new-error alone", metric, strings.Join(slices.Sorted(maps.Keys(failMetrics)), ", "))
		}
		return unit, nil
	})
	return FailOn{Condition: c}, err
}

// Judge evaluates the conditions and compares with a baseline, which may be nil.
func (r *Result) Judge(baseline *Result) {
	if baseline != nil {
		for _, row := range r.Errors {
			known := slices.ContainsFunc(baseline.Errors, func(old ErrorRow) bool { return old.Fingerprint == row.Fingerprint })
			if !known {
				r.New = append(r.New, row)
			}
		}
	}
	for _, f := range r.failOn {
		switch {
		case f.New && len(r.New) > 0:
			r.Crossed = append(r.Crossed, fmt.Sprintf("%s: %s (%s)", plural(len(r.New), "new error"), r.New[0].Title, r.New[0].Fingerprint))
		case !f.New && f.Holds(r.figure(f.Metric)):
			r.Crossed = append(r.Crossed, fmt.Sprintf("%s: %s", f.Text, f.Format(r.figure(f.Metric))))
		}
	}
}

// figure is the value of a metric of failMetrics.
func (r *Result) figure(metric string) float64 {
	switch metric {
	case "error-rate":
		return float64(r.outcomes.errors) / float64(max(1, r.outcomes.lines))
	case "errors":
		return float64(r.errorCount())
	case "slow":
		return report.InMillis(r.longest)
	case "unanswered":
		return float64(r.unansweredCount())
	case "refused":
		return float64(r.refusedCount())
	case "rate-limited":
		return float64(r.limitedCount())
	}
	return 0
}

func (r *Result) errorCount() int64 {
	return total(r.Errors, func(row *ErrorRow) int64 { return row.Count })
}

func (r *Result) unansweredCount() int64 {
	return total(r.Calls, func(row *CallRow) int64 { return row.Unanswered })
}

func (r *Result) refusedCount() int64 {
	return total(r.Auth, func(row *RefusalRow) int64 { return row.Count })
}

func (r *Result) limitedCount() int64 {
	return total(r.RateLimit, func(row *LimitRow) int64 { return row.Count })
}

// total adds up a column of a table.
func total[Row any](rows []Row, column func(*Row) int64) int64 {
	sum := int64(0)
	for i := range rows {
		sum += column(&rows[i])
	}
	return sum
}

// maxBaseline bounds the document of an earlier run.
const maxBaseline = 64 << 20

// ReadBaseline reads the JSON document of an earlier run.
func ReadBaseline(r io.Reader) (*Result, error) {
	data, err := report.ReadAtMost(r, maxBaseline)
	if err != nil {
		return nil, err
	}
	var old Result
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	if old.Schema != Schema {
		return nil, errors.New("not a result of mcpdiag logs --format json")
	}
	return &old, nil
}
