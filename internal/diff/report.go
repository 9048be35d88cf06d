package diff

import (
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// severities are the severities of the verdicts.
var severities = map[Verdict]finding.Severity{
	VerdictOK: finding.Pass, VerdictGrowth: finding.Warn, VerdictLeak: finding.Fail, VerdictUndecided: finding.Skip,
}

// Report returns the conclusions of the comparison.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{
		Command: "mcpdiag diff", Verdict: finding.Verdict(r.Verdict), Headline: r.Reason, Severity: severities[r.Verdict],
		Outcome: r.outcome(), Findings: []finding.Finding{r.memoryFinding()}, Warnings: r.Warnings,
	}
	if r.Verdict == VerdictUndecided {
		rep.Severity = finding.Warn
	}
	if r.Kept != "" {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "heap", Severity: finding.Warn, Summary: r.Kept})
	}
	for _, c := range r.StuckCalls[:min(len(r.StuckCalls), maxShown)] {
		rep.Findings = append(rep.Findings, finding.Finding{
			ID: "stuck-call", Severity: finding.Warn,
			Summary: "call " + report.Cell(c.ID, nameWidth) + " of " + report.Cell(c.Name, nameWidth) + " is still in flight",
		})
	}
	if r.Command != "" {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "command", Severity: finding.Fail, Summary: r.Command})
		if r.Verdict != VerdictLeak {
			rep.Headline, rep.Severity = r.Command+"; "+r.Reason, finding.Fail
		}
	}
	rep.Tables = append(rep.Tables, finding.Table{
		Header: []string{"", "taken from"}, Rows: [][]string{{"A", r.A.describe()}, {"B", r.B.describe() + r.between()}},
	})
	rep.Tables = append(rep.Tables, r.tables()...)
	return rep
}

func (r *Result) outcome() finding.Outcome {
	switch {
	case r.Verdict == VerdictLeak:
		return finding.Found
	case r.Command != "" || r.Verdict == VerdictUndecided:
		return finding.Failed
	}
	return finding.Clean
}

func (r *Result) memoryFinding() finding.Finding {
	f := finding.Finding{ID: "memory", Severity: severities[r.Verdict], Summary: r.Reason}
	for _, w := range r.Warnings {
		f.Evidence = append(f.Evidence, finding.Evidence{Text: w})
	}
	for _, row := range r.Rows {
		f.Evidence = append(f.Evidence, finding.Evidence{Source: row.Name, Text: row.cell(row.A) + " → " + row.cell(row.B)})
	}
	if r.Verdict == VerdictLeak {
		f.Hint = "mcpdiag leaktest names the operation that keeps memory"
		f.Next = "mcpdiag leaktest"
	}
	return f
}
