package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Comparison is how a result differs from a baseline.
type Comparison struct {
	Before    string       `json:"before"` // the baseline's file
	Rows      []Difference `json:"rows"`
	Regressed bool         `json:"regressed"`
	Warnings  []string     `json:"warnings,omitempty"`
}

// Difference is one figure of both results.
type Difference struct {
	Step    string    `json:"step,omitempty"` // "" is the whole run
	Metric  string    `json:"metric"`
	Before  float64   `json:"before"`
	After   float64   `json:"after"`
	P       float64   `json:"p"`                  // probability of such a difference by chance
	N       [2]int64  `json:"n"`                  // samples before and after
	Of      string    `json:"of"`                 // unit of a sample: "seconds" or "calls"
	Change  *Interval `json:"change95,omitempty"` // absent if there are too few samples for a bound
	Verdict string    `json:"verdict"`            // "same", "better", "worse" or "cannot tell"
}

// Interval bounds a change with 95 % confidence: relative to the baseline, for
// errors a difference of shares.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// The verdicts of a Difference.
const (
	Same   = "same" // a change that matters is ruled out
	Better = "better"
	Worse  = "worse"
	Unsure = "cannot tell" // neither a change nor its absence is shown
)

// A difference must be unlikely by chance and large enough to matter. chance bounds
// the false alarms per comparison of whole runs, and again per comparison of steps.
const (
	chance = 0.01
	// DefaultTolerance is the smallest relative change that matters. Two runs of
	// one server on a busy machine differ by several per cent.
	DefaultTolerance = 0.1
	minMillis        = 0.2   // smaller changes of a latency are scheduling noise
	minErrorShare    = 0.001 // smallest significant change of the error share
	maxErrorDoubt    = 0.01  // largest possible change of the error share that counts as none
)

// Runs are compared by the second if there are enough seconds with enough calls:
// calls made at the same moment are correlated, seconds nearly are not. With few
// calls the percentiles of a second are noise, and calls far apart are nearly
// independent.
const (
	minSeconds        = 8
	minCallsPerSecond = 20
)

// shortRunFactor multiplies the tolerance for runs shorter than minSeconds, which a
// few seconds of luck can change as a whole.
const shortRunFactor = 3

// Compare compares r with a baseline. It gives r a worse verdict if r is worse, and
// withholds the verdict if no figure can be compared.
func (r *Result) Compare(before *Result, name string, tolerance float64) {
	c := &Comparison{Before: name}
	c.warnIfDifferent(before, r)
	detectable := tolerance
	a, b := wholeSeconds(before), wholeSeconds(r)
	long := min(len(a), len(b)) >= minSeconds
	if !long {
		detectable *= shortRunFactor
		c.Warnings = append(c.Warnings, fmt.Sprintf("the runs have fewer than %d whole seconds: changes of less than %s cannot be told from noise", minSeconds, report.Percent(detectable)))
	}
	if long && min(callsPerSecond(a), callsPerSecond(b)) >= minCallsPerSecond {
		c.addPercentiles(before, r, a, b)
	} else {
		c.addDistributions("", &before.Latency, &r.Latency)
	}
	if r.Open == nil {
		c.addRate(before, r, a, b, long)
	}
	c.addErrors("", before.Calls, before.Failed, r.Calls, r.Failed)
	c.addSteps(before, r)
	c.judge(tolerance, detectable)
	r.Comparison = c
	r.judgeComparison(name)
}

// addSteps compares the steps that both runs have, if there are several.
func (c *Comparison) addSteps(before, after *Result) {
	if len(after.Steps) == 1 {
		return
	}
	for i := range after.Steps {
		s := &after.Steps[i]
		j := slices.IndexFunc(before.Steps, func(o StepFigures) bool { return o.Label == s.Label })
		if j < 0 {
			continue
		}
		o := &before.Steps[j]
		c.addDistributions(s.Label, &o.Latency, &s.Latency)
		c.addErrors(s.Label, o.Calls, o.Failed, s.Calls, s.Failed)
	}
}

// judgeComparison adjusts the verdict of r to its comparison.
func (r *Result) judgeComparison(name string) {
	decided := false
	for _, d := range r.Comparison.Rows {
		decided = decided || d.Verdict != Unsure
		if d.Verdict == Worse {
			r.cross(d.String() + ", against " + name)
		}
	}
	if !decided && r.Verdict == VerdictOK {
		r.withhold("no figure can be compared with " + name + ": make longer runs with more calls")
	}
}

// undecided says how many figures could not be compared, as the end of a verdict.
func (c *Comparison) undecided() string {
	if c == nil {
		return ""
	}
	n := 0
	for _, d := range c.Rows {
		if d.Verdict == Unsure {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d figures cannot be compared in runs of this length", n, len(c.Rows))
}

// warnIfDifferent warns if the runs are not of the same kind.
func (c *Comparison) warnIfDifferent(a, b *Result) {
	for _, d := range []struct{ noun, before, after string }{
		{"the tools", a.Tool, b.Tool},
		{"the protocol", a.Protocol, b.Protocol},
		{"the number of users", fmt.Sprint(a.Users), fmt.Sprint(b.Users)},
		{"the open model", strconv.FormatBool(a.Open != nil), strconv.FormatBool(b.Open != nil)},
	} {
		if d.before != d.after {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s differed: %s before, %s now", d.noun, report.Cell(d.before, 60), report.Cell(d.after, 60)))
		}
	}
	for _, r := range []*Result{a, b} {
		if r.Verdict == VerdictWithheld {
			c.Warnings = append(c.Warnings, "the verdict of one run was withheld: its figures may be those of the generator")
		}
	}
}

// wholeSeconds returns the seconds of a run without the first and the last.
func wholeSeconds(r *Result) []Second {
	if len(r.Series) < 3 {
		return nil
	}
	return r.Series[1 : len(r.Series)-1]
}

// callsPerSecond returns the mean number of successful calls per second.
func callsPerSecond(seconds []Second) float64 {
	calls := int64(0)
	for _, s := range seconds {
		calls += s.Calls - s.Errors
	}
	return float64(calls) / float64(max(len(seconds), 1))
}

// addPercentiles compares the percentiles of latency by the second.
func (c *Comparison) addPercentiles(before, after *Result, a, b []Second) {
	p50 := func(s Second) float64 { return s.P50 }
	p99 := func(s Second) float64 { return s.P99 }
	c.addRanked(Difference{Metric: "p50", Before: before.Latency.P50, After: after.Latency.P50, Of: "seconds"}, figures(a, p50), figures(b, p50))
	c.addRanked(Difference{Metric: "p99", Before: before.Latency.P99, After: after.Latency.P99, Of: "seconds"}, figures(a, p99), figures(b, p99))
}

// succeededPerSecond returns the throughput of a run: calls that fail at once are none.
func (r *Result) succeededPerSecond() float64 {
	return r.CallsPerSecond * float64(r.Succeeded) / float64(max(r.Calls, 1))
}

// addRate compares throughput by the second. Short runs are compared by the latency
// of their calls, which determines the throughput of a closed loop.
func (c *Comparison) addRate(before, after *Result, a, b []Second, long bool) {
	d := Difference{Metric: "rate", Before: before.succeededPerSecond(), After: after.succeededPerSecond(), Of: "seconds"}
	if long {
		c.addRanked(d, rates(a), rates(b))
		return
	}
	was, err := before.Latency.sample()
	is, err2 := after.Latency.sample()
	if err != nil || err2 != nil || len(was) == 0 || len(is) == 0 {
		return // addDistributions has warned
	}
	d.Of = "calls"
	c.addRanked(d, is, was) // longer calls mean a lower rate
	c.Rows[len(c.Rows)-1].N = [2]int64{int64(len(was)), int64(len(is))}
}

// addRanked adds a figure that is judged by the rank test.
func (c *Comparison) addRanked(d Difference, a, b []float64) {
	d.P, d.N, d.Change = trend.RankTest(a, b), [2]int64{int64(len(a)), int64(len(b))}, ratioInterval(a, b)
	c.Rows = append(c.Rows, d)
}

// rates returns the successful calls of each second.
func rates(seconds []Second) []float64 {
	var out []float64
	for _, s := range seconds {
		out = append(out, float64(s.Calls-s.Errors))
	}
	return out
}

// figures returns a figure of each second with a successful call.
func figures(seconds []Second, of func(Second) float64) []float64 {
	var out []float64
	for _, s := range seconds {
		if s.Calls > s.Errors {
			out = append(out, of(s))
		}
	}
	return out
}

// addDistributions compares the distributions of two histograms.
func (c *Comparison) addDistributions(step string, a, b *Latency) {
	was, err := a.sample()
	is, err2 := b.sample()
	if err != nil || err2 != nil || len(was) == 0 || len(is) == 0 {
		warning := "the results have no histograms to compare latencies by"
		if step != "" {
			warning += " for " + report.Cell(step, 60)
		}
		c.Warnings = append(c.Warnings, warning)
		return
	}
	c.addRanked(Difference{Step: step, Metric: "p50", Before: a.P50, After: b.P50, Of: "calls"}, was, is)
	c.Rows = append(c.Rows, Difference{ // without an interval: a hundred calls do not bound their 99th percentile
		Step: step, Metric: "p99", Before: a.P99, After: b.P99, Of: "calls",
		P: tailTest(was, is, b.P99 > a.P99), N: [2]int64{int64(len(was)), int64(len(is))},
	})
}

func (c *Comparison) addErrors(step string, calls, failed, callsNow, failedNow int64) {
	if calls == 0 || callsNow == 0 {
		return
	}
	k, n, l, m := float64(failed), float64(calls), float64(failedNow), float64(callsNow)
	c.Rows = append(c.Rows, Difference{
		Step: step, Metric: "errors", Before: k / n, After: l / m, Of: "calls", N: [2]int64{calls, callsNow},
		P: shareTest(k, n, l, m), Change: shareInterval(k, n, l, m),
	})
}

// judge gives each difference its verdict. detectable is the smallest change that
// counts as one, tolerance the largest that does not matter.
func (c *Comparison) judge(tolerance, detectable float64) {
	rows := map[bool]float64{} // by whether they are of the whole run
	for i := range c.Rows {
		rows[c.Rows[i].Step == ""]++
	}
	for i := range c.Rows {
		d := &c.Rows[i]
		switch {
		case d.P*rows[d.Step == ""] < chance && d.matters(d.After-d.Before, detectable):
			d.Verdict = Better
			if (d.After > d.Before) != (d.Metric == "rate") {
				d.Verdict = Worse
				c.Regressed = true
			}
		case d.bounded(tolerance):
			d.Verdict = Same
		default:
			d.Verdict = Unsure
		}
	}
}

// matters reports whether a change exceeds the tolerance.
func (d *Difference) matters(change, tolerance float64) bool {
	change = math.Abs(change)
	switch d.Metric {
	case "errors":
		return change > minErrorShare
	case "rate":
		return change > tolerance*d.Before
	}
	return change > tolerance*d.Before && change > minMillis
}

// bounded reports whether a change that matters is ruled out.
func (d *Difference) bounded(tolerance float64) bool {
	switch c := d.Change; {
	case c == nil:
		return false
	case d.Metric == "errors":
		return max(-c.Low, c.High) <= maxErrorDoubt
	default:
		return !d.matters(c.Low*d.Before, tolerance) && !d.matters(c.High*d.Before, tolerance)
	}
}
