package result

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

func (o *OpenModel) Judge(res *Result) {
	switch share := Tolerable * float64(o.Intended); {
	case float64(o.OwnLate) > share:
		res.Load.Limit = true
		res.Withhold(fmt.Sprintf("%d of %d calls started late though a user was free: this machine cannot make that rate", o.OwnLate, o.Intended))
	case float64(o.Dropped) > share:
		res.Withhold(fmt.Sprintf("%d of %d calls never started, since every user was busy: --users allows more", o.Dropped, o.Intended))
	case o.Dropped > 0:
		res.Warnings = append(res.Warnings, fmt.Sprintf("%d of %d calls never started, since every user was busy", o.Dropped, o.Intended))
	}
}

func (r *Result) Withhold(reason string) {
	r.Verdict = VerdictWithheld
	r.Reasons = append(r.Reasons, reason)
}

// cross notes a reason to be unhappy with the server.
func (r *Result) cross(reason string) {
	r.Reasons = append(r.Reasons, reason)
	if r.Verdict == VerdictOK {
		r.Verdict = VerdictCrossed
	}
}

// because are the reasons that the headline does not say already.
func (v Verdict) Because(reasons []string) []string {
	word, _ := v.Headline()
	var more []string
	for _, r := range reasons {
		if !strings.EqualFold(r, word) {
			more = append(more, r)
		}
	}
	return more
}

// sentence is the verdict with its reasons, on a line.
func (v Verdict) Sentence(reasons []string) string {
	word, _ := v.Headline()
	if more := v.Because(reasons); len(more) > 0 {
		return word + ": " + report.Line(strings.Join(more, "; "))
	}
	return word
}

// headline is the verdict in a word or two, and how it looks.
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

// worse is the verdict that says less of the server.
func worse(a, b Verdict) Verdict {
	order := []Verdict{VerdictOK, VerdictCrossed, VerdictWithheld, VerdictFailed}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Verdict is what a run comes to.
type Verdict string

// The verdicts of a Result.
const (
	VerdictOK       Verdict = "ok"
	VerdictFailed   Verdict = "failed"   // no call succeeded
	VerdictCrossed  Verdict = "crossed"  // a threshold was, or the run is worse than the one it is compared with
	VerdictWithheld Verdict = "withheld" // the generator, not the server, was the limit; or nothing could be told
)

// tolerable is the share of calls that may come late or not at all before a run
// says nothing about the rate that was asked for.
const Tolerable = 0.01
