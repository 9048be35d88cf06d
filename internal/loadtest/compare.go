package loadtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Comparison is how a result differs from an older one.
type Comparison struct {
	Before    string       `json:"before"` // the file
	Rows      []Difference `json:"rows"`
	Regressed bool         `json:"regressed"`
	Warnings  []string     `json:"warnings,omitempty"`
}

// Difference is one figure of both results.
type Difference struct {
	Step    string  `json:"step,omitempty"` // "" is the whole run
	Metric  string  `json:"metric"`
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	P       float64 `json:"p"`       // how often chance alone makes such a difference
	Verdict string  `json:"verdict"` // "same", "better" or "worse"
}

// The verdicts of a Difference.
const (
	Same   = "same"
	Better = "better"
	Worse  = "worse"
)

// What makes a difference one: chance makes it in fewer than one of a hundred
// comparisons, however many figures they have, and it is large enough to matter.
const (
	chance = 0.01
	// DefaultTolerance is the least relative change that matters. Two runs of
	// one server on a busy machine differ by several per cent.
	DefaultTolerance = 0.1
	tinyMillis       = 0.2 // a smaller change of a latency is the scheduler's
	tinyShare        = 0.001
)

// Seconds are compared where there are enough of them: calls of one moment share
// its luck and are no independent samples, seconds nearly are.
const leastSeconds = 8

// shortRun is how much larger a change must be in runs that are shorter: they
// had a few seconds' luck, good or bad, as a whole.
const shortRun = 3

// Compare holds r against before and gives it a worse verdict where it is worse.
func (r *Result) Compare(before *Result, name string, tolerance float64) {
	c := &Comparison{Before: name}
	c.doubt(before, r)
	a, b := seconds(before), seconds(r)
	if min(len(a), len(b)) >= leastSeconds {
		c.series(before, r, a, b)
	} else {
		tolerance *= shortRun
		c.Warnings = append(c.Warnings, fmt.Sprintf("the runs have fewer than %d whole seconds: only large differences are told from chance", leastSeconds))
		c.distributions("", &before.Latency, &r.Latency, before.CallsPerSecond, r.CallsPerSecond)
	}
	c.errors("", before.Calls, before.Failed, r.Calls, r.Failed)
	for i := range r.Steps {
		s := &r.Steps[i]
		j := slices.IndexFunc(before.Steps, func(o StepFigures) bool { return o.Label == s.Label })
		if j < 0 || len(r.Steps) == 1 {
			continue
		}
		o := &before.Steps[j]
		c.distributions(s.Label, &o.Latency, &s.Latency, 0, 0)
		c.errors(s.Label, o.Calls, o.Failed, s.Calls, s.Failed)
	}
	c.judge(tolerance)
	r.Comparison = c
	for _, d := range c.Rows {
		if d.Verdict == Worse {
			r.cross(d.String() + ", against " + name)
		}
	}
}

// doubt warns where the runs are not of the same kind.
func (c *Comparison) doubt(a, b *Result) {
	for _, d := range []struct{ what, before, after string }{
		{"the tools", a.Tool, b.Tool},
		{"the protocol", a.Protocol, b.Protocol},
		{"the number of users", fmt.Sprint(a.Users), fmt.Sprint(b.Users)},
		{"whether calls come at a rate", strconv.FormatBool(a.Open != nil), strconv.FormatBool(b.Open != nil)},
	} {
		if d.before != d.after {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s differed: %s before, %s now", d.what, report.Cell(d.before, 60), report.Cell(d.after, 60)))
		}
	}
	for _, r := range []*Result{a, b} {
		if r.Verdict == VerdictWithheld {
			c.Warnings = append(c.Warnings, "in a run the generator was the limit: its figures are not the server's")
		}
	}
}

// seconds are those of the run that are whole.
func seconds(r *Result) []Second {
	var whole []Second
	for i, s := range r.Series {
		if i > 0 && i < len(r.Series)-1 && s.Calls > 0 {
			whole = append(whole, s)
		}
	}
	return whole
}

// series compares figures by the second.
func (c *Comparison) series(before, after *Result, a, b []Second) {
	for _, m := range []struct {
		name       string
		was, is    float64
		of         func(Second) float64
		meaningful bool
	}{
		{"p50", before.Latency.P50, after.Latency.P50, func(s Second) float64 { return s.P50 }, true},
		{"p99", before.Latency.P99, after.Latency.P99, func(s Second) float64 { return s.P99 }, true},
		{"rate", before.CallsPerSecond, after.CallsPerSecond, func(s Second) float64 { return float64(s.Calls - s.Errors) }, after.Open == nil},
	} {
		if m.meaningful {
			p := mannWhitney(samples(a, m.of), samples(b, m.of))
			c.Rows = append(c.Rows, Difference{Metric: m.name, Before: m.was, After: m.is, P: p})
		}
	}
}

func samples(seconds []Second, of func(Second) float64) []weighted {
	var out []weighted
	for _, s := range seconds {
		out = append(out, weighted{of(s), 1})
	}
	return out
}

// maxIndependent is how many independent samples a run of calls counts as, at most.
const maxIndependent = 100

// distributions compares whole distributions of calls, by what is known of them.
func (c *Comparison) distributions(step string, a, b *Latency, rateA, rateB float64) {
	was, err := a.samples()
	is, err2 := b.samples()
	if err != nil || err2 != nil || len(was) == 0 || len(is) == 0 {
		c.Warnings = append(c.Warnings, "there are no histograms to compare latencies by"+map[bool]string{true: " of " + report.Cell(step, 60)}[step != ""])
		return
	}
	p := mannWhitney(was, is)
	c.Rows = append(c.Rows, Difference{Step: step, Metric: "p50", Before: a.P50, After: b.P50, P: p})
	c.Rows = append(c.Rows, Difference{Step: step, Metric: "p99", Before: a.P99, After: b.P99, P: tailTest(was, is)})
	if rateA > 0 && rateB > 0 {
		c.Rows = append(c.Rows, Difference{Step: step, Metric: "rate", Before: rateA, After: rateB, P: p})
	}
}

func (c *Comparison) errors(step string, calls, failed, callsNow, failedNow int64) {
	if calls == 0 || callsNow == 0 {
		return
	}
	before, after := float64(failed)/float64(calls), float64(failedNow)/float64(callsNow)
	c.Rows = append(c.Rows, Difference{
		Step: step, Metric: "errors", Before: before, After: after,
		P: twoShares(float64(failed), float64(calls), float64(failedNow), float64(callsNow)),
	})
}

// judge says which differences are some.
func (c *Comparison) judge(tolerance float64) {
	for i := range c.Rows {
		d := &c.Rows[i]
		d.Verdict = Same
		if d.P*float64(len(c.Rows)) >= chance || !d.matters(tolerance) {
			continue
		}
		d.Verdict = Better
		if (d.After > d.Before) != (d.Metric == "rate") {
			d.Verdict = Worse
			c.Regressed = true
		}
	}
}

func (d *Difference) matters(tolerance float64) bool {
	change := math.Abs(d.After - d.Before)
	switch d.Metric {
	case "errors":
		return change > tinyShare
	case "rate":
		return change > tolerance*d.Before
	}
	return change > tolerance*d.Before && change > tinyMillis
}

// Change is the difference, as people write it.
func (d *Difference) Change() string {
	switch {
	case d.Verdict == Same:
		return "~"
	case d.Metric == "errors" || d.Before == 0:
		return report.Signed(d.After-d.Before, report.Percent)
	}
	return report.Signed(d.After/d.Before-1, report.Percent)
}

// Values are both figures, as people write them.
func (d *Difference) Values() (before, after string) {
	show := func(v float64) string {
		switch d.Metric {
		case "errors":
			return fmt.Sprintf("%.2f %%", v*100)
		case "rate":
			return fmt.Sprintf("%.1f/s", v)
		}
		return report.Millis(v)
	}
	return show(d.Before), show(d.After)
}

// Name is what the difference is of.
func (d *Difference) Name() string {
	if d.Step == "" {
		return d.Metric
	}
	return d.Step + " " + d.Metric
}

func (d *Difference) String() string {
	before, after := d.Values()
	return fmt.Sprintf("%s is %s than before: %s, was %s", d.Name(), d.Verdict, after, before)
}
