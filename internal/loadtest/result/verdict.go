package result

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Verdict is the conclusion of a run or a search.
type Verdict string

// Verdicts.
const (
	VerdictOK       Verdict = "ok"
	VerdictFailed   Verdict = "failed"   // no call succeeded
	VerdictCrossed  Verdict = "crossed"  // a threshold was crossed, or the run is worse than its baseline
	VerdictWithheld Verdict = "withheld" // the generator was the limit, or the data cannot decide
)

// severity orders verdicts from good to bad.
var severity = []Verdict{VerdictOK, VerdictCrossed, VerdictWithheld, VerdictFailed}

// worse returns the more serious of two verdicts.
func worse(a, b Verdict) Verdict {
	if slices.Index(severity, b) > slices.Index(severity, a) {
		return b
	}
	return a
}

// Headline returns the verdict in one or two words, and their style.
func (v Verdict) Headline() (string, report.Style) {
	switch v {
	case VerdictOK:
		return "OK", report.Good
	case VerdictFailed:
		return "No call succeeded", report.Bad
	case VerdictCrossed:
		return "Failed", report.Bad
	case VerdictWithheld:
		return "No verdict", report.Caution
	}
	return string(v), report.Caution
}

// Because returns the reasons that the headline does not state already.
func (v Verdict) Because(reasons []string) []string {
	word, _ := v.Headline()
	return slices.DeleteFunc(slices.Clone(reasons), func(r string) bool { return strings.EqualFold(r, word) })
}

// Sentence returns the verdict and its reasons on one line.
func (v Verdict) Sentence(reasons []string) string {
	word, _ := v.Headline()
	if more := v.Because(reasons); len(more) > 0 {
		return word + ": " + report.Line(strings.Join(more, "; "))
	}
	return word
}

// Severity returns how serious the verdict is as a finding.
func (v Verdict) Severity() finding.Severity {
	switch v {
	case VerdictFailed, VerdictCrossed:
		return finding.Fail
	case VerdictWithheld:
		return finding.Warn
	case VerdictOK:
	}
	return finding.Pass
}

// Outcome returns the outcome for the exit code. A withheld verdict is a failure only
// if a verdict was requested.
func (v Verdict) Outcome(requested bool) finding.Outcome {
	switch {
	case v == VerdictCrossed:
		return finding.Found
	case v == VerdictFailed, v == VerdictWithheld && requested:
		return finding.Failed
	}
	return finding.Clean
}

// LateShare is the share of calls that may start late, or never, before a run
// says nothing about the requested rate.
const LateShare = 0.01

// manyFailed is the share of failed calls from which the failures are the story of
// a run and a slow generator only a footnote.
const manyFailed = 0.5

// Conclude gives a finished run its verdict, before thresholds and comparison.
func (r *Result) Conclude() {
	if r.Load != nil && r.Load.Limit {
		r.generatorLimit(fmt.Sprintf("this machine was too busy to generate the load: its timers fired %.0f ms late in the median", r.Load.LagP50))
	}
	if r.Open != nil {
		r.judgeRate()
	}
	if n := r.ErrorsOf(ErrTimeout); n > 0 && r.Sessions.Streams > 0 && 2*n >= r.Calls {
		r.Warnings = append(r.Warnings, "most calls timed out while the standalone GET stream of their session was open, as official clients have it: "+
			"does the server handle one request at a time? --no-stream, or \"stream: false\" in a plan, runs without it")
	}
	if r.Succeeded == 0 {
		r.Verdict = VerdictFailed
		r.Reasons = slices.Concat([]string{"no call succeeded"}, r.mainFailure(), r.waitReason(), r.Reasons)
	}
}

// generatorLimit withholds the verdict because the generator was the limit. If
// most calls failed, that is the reason, and the generator is a warning.
func (r *Result) generatorLimit(reason string) {
	if r.Calls > 0 && float64(r.Failed) >= manyFailed*float64(r.Calls) {
		r.Warnings = append(r.Warnings, reason)
		return
	}
	r.withhold(reason)
}

// mainFailure describes the first of the failures, if there is any.
func (r *Result) mainFailure() []string {
	return MainFailure(slices.Concat(r.Errors, r.Sessions.Errors), r.Calls)
}

// MainFailure describes the first of the failures of some calls, if there is any.
func MainFailure(failures []ErrorCount, calls int64) []string {
	if len(failures) == 0 {
		return nil
	}
	f := failures[0]
	sentence := fmt.Sprintf("%s of %s %s", report.Count(f.Count), report.Plural(calls, "call"), f.words())
	if f.Example != "" {
		sentence += ": " + report.Cell(f.Example, maxExample)
	}
	return []string{sentence}
}

// judgeRate withholds the verdict of an open model whose calls did not start at the
// requested rate.
func (r *Result) judgeRate() {
	o := r.Open
	switch allowed := LateShare * float64(o.Intended); {
	case float64(o.OwnLate) > allowed:
		r.Load.Limit = true
		r.generatorLimit(fmt.Sprintf("%d of %d calls started late although a user was free: this machine cannot generate that rate", o.OwnLate, o.Intended))
	case float64(o.Dropped) > allowed:
		r.withhold(fmt.Sprintf("%d of %d calls never started because every user was busy: --users allows more", o.Dropped, o.Intended))
	case o.Dropped > 0:
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d calls never started because every user was busy", o.Dropped, o.Intended))
	}
}

func (r *Result) withhold(reason string) {
	r.Verdict = VerdictWithheld
	r.Reasons = append(r.Reasons, reason)
}

// cross records a reason why the server does not pass.
func (r *Result) cross(reason string) {
	r.Reasons = append(r.Reasons, reason)
	if r.Verdict == VerdictOK {
		r.Verdict = VerdictCrossed
	}
}
