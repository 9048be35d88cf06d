package result

import (
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Report returns the conclusions of the run: one finding for its calls, one per
// threshold and one per compared figure.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{
		Command: "mcpdiag loadtest", Verdict: finding.Verdict(r.Verdict), Headline: r.headline(), Severity: r.Verdict.Severity(),
		Outcome: r.Verdict.Outcome(len(r.Checks) > 0 || r.Comparison != nil), Warnings: r.footnotes(), Seconds: r.DurationS,
	}
	rep.Findings = append(rep.Findings, r.callFinding())
	for i := range r.Checks {
		rep.Findings = append(rep.Findings, r.Checks[i].finding())
	}
	if r.Comparison != nil {
		for i := range r.Comparison.Rows {
			rep.Findings = append(rep.Findings, r.Comparison.Rows[i].finding())
		}
	}
	facts := finding.Table{Right: map[int]bool{1: true}, Header: []string{"", ""}}
	for _, f := range r.summary() {
		facts.Rows = append(facts.Rows, []string{f[0], f[1]})
	}
	rep.Tables = append(rep.Tables, facts)
	for _, s := range r.sections() {
		rep.Tables = append(rep.Tables, s.Table)
	}
	return rep
}

// headline returns the verdict in one sentence.
func (r *Result) headline() string {
	if r.Verdict != VerdictOK {
		return r.Verdict.Sentence(r.Reasons)
	}
	return fmt.Sprintf("%s of %s succeeded, p50 %s, p99 %s, %.1f calls/s",
		report.Count(r.Succeeded), report.Plural(r.Calls, "call"), report.Millis(r.Latency.P50), report.Millis(r.Latency.P99), r.CallsPerSecond)
}

func (r *Result) callFinding() finding.Finding {
	f := finding.Finding{
		ID: "calls succeed", Severity: finding.Pass, Summary: fmt.Sprintf("%s of %s failed", report.Count(r.Failed), report.Plural(r.Calls, "call")),
	}
	switch {
	case r.Verdict == VerdictFailed:
		f.Severity, f.Summary = finding.Fail, strings.Join(r.Reasons, "; ")
	case r.Failed > 0 || r.Sessions.Failed > 0:
		f.Severity = finding.Warn
	}
	for _, e := range append(r.Errors, r.Sessions.Errors...) {
		f.Evidence = append(f.Evidence, finding.Evidence{Source: fmt.Sprintf("%s %s", report.Count(e.Count), e.words()), Text: e.Example})
	}
	return f
}

func (c *Check) finding() finding.Finding {
	f := finding.Finding{ID: "threshold " + c.Threshold, Severity: finding.Pass, Summary: c.Threshold + " holds: " + c.Measured()}
	if !c.Held {
		f.Severity, f.Summary = finding.Fail, c.Threshold+" does not hold: "+c.Measured()
	}
	return f
}

func (d *Difference) finding() finding.Finding {
	f := finding.Finding{
		ID: d.Name() + " is not worse", Severity: finding.Pass, Summary: d.String(), Evidence: []finding.Evidence{{Text: d.Evidence()}},
	}
	switch d.Verdict {
	case Worse:
		f.Severity = finding.Fail
	case Unsure:
		f.Severity, f.Summary = finding.Skip, "cannot tell: "+d.Evidence()
	}
	return f
}

// footnotes returns the doubts about the result.
func (r *Result) footnotes() []string {
	notes := append([]string{}, r.Warnings...)
	if r.Comparison != nil {
		notes = append(notes, r.Comparison.Warnings...)
	}
	if r.Interrupted {
		notes = append(notes, r.interruption())
	}
	return notes
}
