package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
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
	Step    string    `json:"step,omitempty"` // "" is the whole run
	Metric  string    `json:"metric"`
	Before  float64   `json:"before"`
	After   float64   `json:"after"`
	P       float64   `json:"p"`                  // how often chance alone makes such a difference
	N       [2]int64  `json:"n"`                  // samples before and after
	Of      string    `json:"of"`                 // what a sample is: "seconds" or "calls"
	Change  *Interval `json:"change95,omitempty"` // where the change lies; absent where nothing bounds it
	Verdict string    `json:"verdict"`            // "same", "better", "worse" or "cannot tell"
}

// Interval is where a change lies, with 95 % confidence: as a share of what was
// before, of errors as a difference of shares.
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

// What makes a difference one: chance makes one in fewer than one of a hundred
// comparisons of whole runs, however many figures those have, and so of all their
// steps; and it is large enough to matter.
const (
	chance = 0.01
	// DefaultTolerance is the least relative change that matters. Two runs of
	// one server on a busy machine differ by several per cent.
	DefaultTolerance = 0.1
	tinyMillis       = 0.2   // a smaller change of a latency is the scheduler's
	tinyShare        = 0.001 // of errors that were found to be more
	tinyDoubt        = 0.01  // of errors that could be more
)

// Seconds are compared where there are enough of them and enough calls in them:
// calls of one moment share its luck and are no independent samples, seconds
// nearly are. Of few calls the percentiles of a second are noise, and calls that
// are far apart share little.
const (
	leastSeconds = 8
	leastCalls   = 20 // in a second
)

// shortRun is how much larger a change must be in runs that are shorter: they
// had a few seconds' luck, good or bad, as a whole.
const shortRun = 3

// Compare holds r against before and gives it a worse verdict where it is worse,
// and none where nothing can be told.
func (r *Result) Compare(before *Result, name string, tolerance float64) {
	c := &Comparison{Before: name}
	c.doubt(before, r)
	found := tolerance
	a, b := seconds(before), seconds(r)
	long := min(len(a), len(b)) >= leastSeconds
	if !long {
		found *= shortRun
		c.Warnings = append(c.Warnings, fmt.Sprintf("the runs have fewer than %d whole seconds: a change of less than %s is not told from a moment's luck", leastSeconds, report.Percent(found)))
	}
	if long && min(perSecond(a), perSecond(b)) >= leastCalls {
		c.latencies(before, r, a, b)
	} else {
		c.distributions("", &before.Latency, &r.Latency)
	}
	if r.Open == nil {
		c.rate(before, r, a, b, long)
	}
	c.errors("", before.Calls, before.Failed, r.Calls, r.Failed)
	for i := range r.Steps {
		s := &r.Steps[i]
		j := slices.IndexFunc(before.Steps, func(o StepFigures) bool { return o.Label == s.Label })
		if j < 0 || len(r.Steps) == 1 {
			continue
		}
		o := &before.Steps[j]
		c.distributions(s.Label, &o.Latency, &s.Latency)
		c.errors(s.Label, o.Calls, o.Failed, s.Calls, s.Failed)
	}
	c.judge(tolerance, found)
	r.Comparison = c
	r.compared(name)
}

// compared is what the comparison does to the verdict.
func (r *Result) compared(name string) {
	told := false
	for _, d := range r.Comparison.Rows {
		told = told || d.Verdict != Unsure
		if d.Verdict == Worse {
			r.cross(d.String() + ", against " + name)
		}
	}
	if !told && r.Verdict == VerdictOK {
		r.Withhold("nothing can be told of any figure against " + name + ": longer runs, with more calls, tell")
	}
}

// untold says of how many figures nothing can be told, after a verdict.
func (c *Comparison) untold() string {
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
	return fmt.Sprintf(", as far as can be told: %d of %d figures cannot be compared in runs like these", n, len(c.Rows))
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
		if i > 0 && i < len(r.Series)-1 {
			whole = append(whole, s)
		}
	}
	return whole
}

func perSecond(seconds []Second) float64 {
	calls := int64(0)
	for _, s := range seconds {
		calls += s.Calls - s.Errors
	}
	return float64(calls) / float64(max(len(seconds), 1))
}

// latencies compares the percentiles of latency by the second.
func (c *Comparison) latencies(before, after *Result, a, b []Second) {
	c.compare(Difference{Metric: "p50", Before: before.Latency.P50, After: after.Latency.P50, Of: "seconds"},
		samples(a, func(s Second) float64 { return s.P50 }), samples(b, func(s Second) float64 { return s.P50 }))
	c.compare(Difference{Metric: "p99", Before: before.Latency.P99, After: after.Latency.P99, Of: "seconds"},
		samples(a, func(s Second) float64 { return s.P99 }), samples(b, func(s Second) float64 { return s.P99 }))
}

// rate compares throughput by the second. Of runs too short for that, the calls
// tell: a user makes as many as they let it.
func (c *Comparison) rate(before, after *Result, a, b []Second, long bool) {
	d := Difference{Metric: "rate", Before: before.CallsPerSecond, After: after.CallsPerSecond, Of: "seconds"}
	if long {
		c.compare(d, rates(a), rates(b))
		return
	}
	was, err := before.Latency.calls()
	is, err2 := after.Latency.calls()
	if err != nil || err2 != nil || len(was) == 0 || len(is) == 0 {
		return // it was said of the latencies
	}
	d.Of = "calls"
	c.compare(d, is, was) // the longer they take, the fewer
	c.Rows[len(c.Rows)-1].N = [2]int64{int64(len(was)), int64(len(is))}
}

// compare adds a figure by the rank test.
func (c *Comparison) compare(d Difference, a, b []float64) {
	d.P, d.N, d.Change = trend.RankTest(a, b), [2]int64{int64(len(a)), int64(len(b))}, ratios(a, b)
	c.Rows = append(c.Rows, d)
}

func rates(seconds []Second) []float64 {
	var out []float64
	for _, s := range seconds {
		out = append(out, float64(s.Calls-s.Errors))
	}
	return out
}

// samples are a figure of the seconds in which a call succeeded.
func samples(seconds []Second, of func(Second) float64) []float64 {
	var out []float64
	for _, s := range seconds {
		if s.Calls > s.Errors {
			out = append(out, of(s))
		}
	}
	return out
}

// distributions compares whole distributions of calls, by what is known of them.
func (c *Comparison) distributions(step string, a, b *Latency) {
	was, err := a.calls()
	is, err2 := b.calls()
	if err != nil || err2 != nil || len(was) == 0 || len(is) == 0 {
		c.Warnings = append(c.Warnings, "there are no histograms to compare latencies by"+map[bool]string{true: " of " + report.Cell(step, 60)}[step != ""])
		return
	}
	c.compare(Difference{Step: step, Metric: "p50", Before: a.P50, After: b.P50, Of: "calls"}, was, is)
	c.Rows = append(c.Rows, Difference{ // a hundred calls do not bound their 99th percentile
		Step: step, Metric: "p99", Before: a.P99, After: b.P99, Of: "calls",
		P: tailTest(was, is), N: [2]int64{int64(len(was)), int64(len(is))},
	})
}

func (c *Comparison) errors(step string, calls, failed, callsNow, failedNow int64) {
	if calls == 0 || callsNow == 0 {
		return
	}
	before, after := float64(failed)/float64(calls), float64(failedNow)/float64(callsNow)
	c.Rows = append(c.Rows, Difference{
		Step: step, Metric: "errors", Before: before, After: after, Of: "calls", N: [2]int64{calls, callsNow},
		P:      twoShares(float64(failed), float64(calls), float64(failedNow), float64(callsNow)),
		Change: shares(float64(failed), float64(calls), float64(failedNow), float64(callsNow)),
	})
}

// judge says which differences are some: found is the least change that is, and
// tolerance the largest that does not matter.
func (c *Comparison) judge(tolerance, found float64) {
	figures := map[bool]float64{}
	for i := range c.Rows {
		figures[c.Rows[i].Step == ""]++
	}
	for i := range c.Rows {
		d := &c.Rows[i]
		switch {
		case d.P*figures[d.Step == ""] < chance && d.matters(d.After-d.Before, found):
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

// matters reports whether a change is large enough to be one.
func (d *Difference) matters(change, tolerance float64) bool {
	change = math.Abs(change)
	switch d.Metric {
	case "errors":
		return change > tinyShare
	case "rate":
		return change > tolerance*d.Before
	}
	return change > tolerance*d.Before && change > tinyMillis
}

// bounded reports whether a change that matters is ruled out.
func (d *Difference) bounded(tolerance float64) bool {
	switch c := d.Change; {
	case c == nil:
		return false
	case d.Metric == "errors":
		return max(-c.Low, c.High) <= tinyDoubt
	default:
		return !d.matters(c.Low*d.Before, tolerance) && !d.matters(c.High*d.Before, tolerance)
	}
}

// Delta is the difference, as people write it.
func (d *Difference) Delta() string {
	switch {
	case d.Verdict == Same || d.Verdict == Unsure:
		return "~"
	case d.Metric == "errors" || d.Before == 0:
		return report.Signed(d.After-d.Before, report.Percent)
	}
	return report.Signed(d.After/d.Before-1, report.Percent)
}

// Evidence is what the verdict rests on, as benchstat writes it, and where the
// change lies where that decides.
func (d *Difference) Evidence() string {
	n := fmt.Sprintf("n=%d+%d %s", d.N[0], d.N[1], d.Of)
	if d.Verdict == Unsure && d.Change != nil {
		return fmt.Sprintf("p=%.3f %s, %s to %s", d.P, n, report.Signed(d.Change.Low, report.Percent), report.Signed(d.Change.High, report.Percent))
	}
	return fmt.Sprintf("p=%.3f %s", d.P, n)
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
