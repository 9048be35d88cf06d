// Package anomaly compares the recent part of a log with the part before it.
//
// [Counter] keeps, for any number of keys, how many events fell into each bin of
// time. [Judge] tests every key whose rate could have changed, corrects for the
// number of tests and keeps the changes that are large: a log in which nothing
// happens has a finding in at most one of twenty cases.
package anomaly

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Thresholds of a finding.
const (
	falseDiscovery = 0.03
	leastRatio     = 1.35 // the end of the interval that is nearer to no change
	leastEvents    = 5
	leastBins      = 12 // of the baseline
	dated          = 4  // times the recent part: how far back the start of a change is looked for
	leastNewErrors = 3  // events of an error message that the baseline does not have
	shrinkage      = 20 // bins' worth of the pooled dispersion
)

// Options choose the windows.
type Options struct {
	Recent   time.Duration // 0: an hour, at most a fifth of the whole
	Baseline time.Duration // 0: a day
}

// Finding is a rate that changed.
type Finding struct {
	Key       Key       `json:"key"`
	Recent    float64   `json:"recent"`    // events
	Expected  float64   `json:"expected"`  // by the baseline
	Ratio     *float64  `json:"ratio"`     // null where the baseline has none
	Low       float64   `json:"ratioLow"`  // 95 % interval
	High      float64   `json:"ratioHigh"` //
	P         float64   `json:"p"`
	Since     time.Time `json:"since"` // start of the bin in which the change began
	Stopped   bool      `json:"stopped,omitempty"`
	Baseline  float64   `json:"baseline"` // events
	Precision string    `json:"precision"`
}

// Result holds the windows that were compared and the findings.
type Result struct {
	Findings   []Finding `json:"findings"`
	Tested     int       `json:"tested"`
	From       time.Time `json:"from"` // start of the baseline
	Cut        time.Time `json:"cut"`  // end of the baseline
	To         time.Time `json:"to"`
	Dispersion float64   `json:"dispersion"` // pooled variance over mean of the baseline's bins
	TooLittle  string    `json:"tooLittle,omitempty"`

	New         int     `json:"newTemplates"` // in the recent part
	ExpectedNew float64 `json:"expectedNewTemplates"`
}

// Judge tests all keys of c.
func Judge(c *Counter, o Options) *Result {
	w, why := c.windows(o)
	r := &Result{From: c.timeOf(w.from), Cut: c.timeOf(w.cut), To: c.timeOf(w.to), Dispersion: 1, Findings: []Finding{}, TooLittle: why}
	if why != "" {
		return r
	}
	r.Dispersion = c.pooledDispersion(w)
	recent, base := c.exposures(w)
	var tests []test
	var p []float64
	for _, s := range c.sorted() {
		t, ok := c.test(s, w, recent, base, r.Dispersion)
		if !ok {
			continue
		}
		tests, p = append(tests, t), append(p, t.change.P)
	}
	r.Tested = len(tests)
	r.New, r.ExpectedNew = c.newTemplates(w)
	manyNew := float64(r.New) > r.ExpectedNew+3*math.Sqrt(r.ExpectedNew+1)
	for i, significant := range trend.BenjaminiHochberg(p, falseDiscovery) {
		if t := tests[i]; significant && t.large(manyNew) {
			r.Findings = append(r.Findings, t.finding(c, w, r.Dispersion))
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.P, b.P) })
	return r
}

// TemplateKind is the kind of keys that are message templates.
const TemplateKind = "template"

// newTemplates counts the templates that only the recent part has, and estimates how
// many chance brings: the share of lines whose template was seen once in the baseline
// (Good 1953, Good-Turing), times the recent lines.
func (c *Counter) newTemplates(w windows) (n int, expected float64) {
	once, recent := 0.0, 0.0
	for _, s := range c.keys {
		if s.Key.Kind != TemplateKind {
			continue
		}
		base := s.sum(w.from, w.cut)
		switch {
		case base == 1:
			once++
		case base == 0 && s.sum(c.first, w.from) == 0 && s.sum(w.cut, w.to) > 0:
			n++
		}
		recent += s.sum(w.cut, w.to)
	}
	return n, once / max(1, c.lines.sum(w.from, w.cut)) * recent
}

// windows are bins: the baseline is from..cut, the recent part cut..to.
type windows struct{ from, cut, to int }

// windows returns the bins to compare, or why there is too little.
func (c *Counter) windows(o Options) (windows, string) {
	if c.n == 0 {
		return windows{}, "no line has a time"
	}
	first, last := c.first, c.last+1
	recent := int(cmp.Or(o.Recent, time.Hour) / c.width)
	if o.Recent == 0 {
		recent = min(recent, (last-first)/5)
	}
	recent = max(1, recent)
	baseline := int(cmp.Or(o.Baseline, 24*time.Hour) / c.width)
	w := windows{from: max(first, last-recent-baseline), cut: last - recent, to: last}
	if w.cut-w.from < leastBins {
		return w, fmt.Sprintf("the baseline has %d bins of %s; %d are needed: too little to compare", max(0, w.cut-w.from), c.width, leastBins)
	}
	return w, ""
}

// test is one key, tested.
type test struct {
	series       *Series
	recent, base float64
	expected     float64
	change       trend.RateChange
}

// test compares the windows of one key, whose exposures are recent and base. Keys with too
// few events for any finding are not tested, so that they do not weaken the correction.
func (c *Counter) test(s *Series, w windows, recent, base, pooled float64) (test, bool) {
	t := test{series: s, recent: s.sum(w.cut, w.to), base: s.sum(w.from, w.cut)}
	t.expected = t.base * recent / base
	if t.recent < s.Key.least() && t.expected < leastEvents {
		return t, false
	}
	t.change = trend.CompareRates(t.recent, recent, t.base, base, c.dispersion(s, w, pooled))
	return t, true
}

// large reports whether a change matters. A new message matters if more messages are
// new than chance brings, or if it is an error that was repeated.
func (t *test) large(manyNew bool) bool {
	if key := t.series.Key; key.Kind == TemplateKind && t.base == 0 && !manyNew && (!key.Error || t.recent < leastNewErrors) {
		return false
	}
	if t.recent >= t.expected {
		return t.change.Low > leastRatio && t.recent >= t.series.Key.least()
	}
	return t.change.High < 1/leastRatio && t.expected >= leastEvents
}

func (t *test) finding(c *Counter, w windows, dispersion float64) Finding {
	f := Finding{
		Key: t.series.Key, Recent: t.recent, Expected: t.expected, Low: t.change.Low, High: t.change.High, P: t.change.P,
		Stopped: t.recent < t.expected, Baseline: t.base, Precision: c.width.String(), Since: c.timeOf(c.began(t, w, dispersion)),
	}
	if !math.IsNaN(t.change.Ratio) {
		f.Ratio = &t.change.Ratio
	}
	return f
}

// began returns the bin in which the change began: the start of the first of the
// blocks at the end whose rates lie nearer to the recent rate than to the baseline's.
// Counts are divided by the dispersion, so that clusters do not look like changes.
func (c *Counter) began(t *test, w windows, dispersion float64) int {
	from := max(w.from, w.to-dated*(w.to-w.cut))
	counts := t.series.counts(from, w.to)
	for i := range counts {
		counts[i] /= dispersion
	}
	starts := trend.Blocks(counts)
	middle := math.Sqrt((t.recent+0.5)/float64(w.to-w.cut)*(t.base+0.5)/float64(w.cut-w.from)) / dispersion
	began, end := len(counts), len(counts)
	for _, start := range slices.Backward(starts) {
		rate := 0.0
		for _, n := range counts[start:end] {
			rate += n
		}
		rate /= float64(end - start)
		if (rate > middle) == (t.recent >= t.expected) {
			began = start
		} else if began < len(counts) {
			break
		}
		end = start
	}
	if began == len(counts) {
		began = w.cut - from
	}
	return from + began
}
