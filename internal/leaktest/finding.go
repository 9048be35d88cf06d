package leaktest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Report returns the findings of the run: one for each phase, budget and
// comparison, and one for a server that died.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{
		Command: "mcpdiag leaktest", Verdict: finding.Verdict(r.Verdict), Headline: r.Sentence, Outcome: r.outcome(),
		Severity: r.severity(), Warnings: r.Warnings, Seconds: r.DurationS,
	}
	for _, p := range r.Phases {
		rep.Findings = append(rep.Findings, r.phaseFinding(p))
	}
	for _, b := range r.Budgets {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "budget " + b.Budget, Group: "budget", Summary: b.Text,
			Severity: severityOf(b.Verdict == judge.Over, b.Verdict == judge.Open)})
	}
	for _, c := range r.Baseline {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "baseline " + c.Phase, Group: "baseline", Summary: c.Text,
			Severity: severityOf(c.Worse, c.Open)})
	}
	if r.Ended != "" {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "the server survives the test", Severity: finding.Fail, Summary: r.Ended})
	}
	if len(r.Phases) > 0 {
		rep.Tables = []finding.Table{{Right: map[int]bool{2: true, 3: true, 4: true}, Header: phaseHeader[1:6], Rows: phaseCells(r.Phases)}}
	}
	return rep
}

// FailOnUndecided makes an undecided verdict a finding, in every format.
func (r *Result) FailOnUndecided() { r.Finding = r.Finding || r.Verdict == trend.Undecided }

// outcome decides the exit code. A server that dies under test has not passed.
func (r *Result) outcome() finding.Outcome {
	switch {
	case r.Finding:
		return finding.Found
	case r.Ended != "":
		return finding.Failed
	}
	return finding.Clean
}

func (r *Result) severity() finding.Severity {
	switch {
	case r.Finding, r.Ended != "":
		return finding.Fail
	case r.Verdict == trend.Undecided:
		return finding.Warn
	}
	if s := r.summary(); s.MayLeak() {
		return finding.Warn
	}
	return finding.Pass
}

func severityOf(failed, open bool) finding.Severity {
	switch {
	case failed:
		return finding.Fail
	case open:
		return finding.Skip
	}
	return finding.Pass
}

// phaseFinding returns the finding of one phase, with the reasons of its verdict as
// evidence.
func (r *Result) phaseFinding(p *judge.Phase) finding.Finding {
	f := finding.Finding{ID: "no leak per " + p.Per, Group: "leak", Summary: p.Sentence(),
		Severity: severityOf(judge.Faulty(p, r.Budgets), p.Verdict() == trend.Undecided)}
	for _, reason := range p.Trend.Reasons {
		f.Evidence = append(f.Evidence, finding.Evidence{Source: string(p.By), Text: reason.Text})
	}
	if p.Holds != "" {
		f.Evidence = append(f.Evidence, finding.Evidence{Source: "holder", Text: p.Holds})
	}
	for _, c := range r.Causes {
		if c.Per == p.Per && f.Hint == "" {
			f.Hint = c.Means + " " + c.Look
		}
	}
	return f
}

// phaseHeader names the columns of phaseRows.
var phaseHeader = [...]string{"", "kept per", "verdict", "bytes", "95 % interval", "detection limit", "operations", "rounds"}

// phaseRows returns a table row for each phase.
func phaseRows(phases []*judge.Phase) [][]string {
	var rows [][]string
	for nth, p := range phases {
		rate, interval, limit := "–", "–", "–"
		if p.Trend.Span > 0 {
			rate, interval = judge.Bytes(p.Rate.Bytes), judge.Bytes(p.Rate.Low)+" to "+judge.Bytes(p.Rate.High)
		}
		if p.Verdict() == trend.NoLeak {
			rate = "nothing"
		}
		if p.Trend.Smallest > 0 {
			limit = judge.Bytes(p.Trend.Smallest)
		}
		rows = append(rows, []string{strconv.Itoa(nth + 1), p.Per, p.Word(), rate, interval, limit, strconv.FormatInt(p.Operations, 10), strconv.Itoa(p.RoundsDone())})
	}
	return rows
}

// phaseCells returns the columns of phaseRows that a summary shows.
func phaseCells(phases []*judge.Phase) [][]string {
	rows := phaseRows(phases)
	for i := range rows {
		rows[i] = rows[i][1:6]
	}
	return rows
}

// why returns the reasons for the verdict on p as one text.
func why(p *judge.Phase) string {
	var reasons []string
	for _, reason := range p.Trend.Reasons {
		reasons = append(reasons, reason.Text)
	}
	if len(reasons) == 0 {
		return ""
	}
	return fmt.Sprintf("Why: %s.", strings.Join(reasons, "; "))
}
