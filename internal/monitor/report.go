package monitor

import (
	"fmt"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// ToLimit is the time until growing memory reaches its limit, in seconds, with the
// interval of 95 %.
type ToLimit struct {
	LimitMB float64 `json:"limitMB"`
	Seconds float64 `json:"seconds"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// toLimit extrapolates a leak to the memory limit. It returns nil when there is no
// limit or no leak.
func (p *Process) toLimit() *ToLimit {
	limit := p.limit
	if group, ok := p.Figures["cgroup_limit_mb"]; ok && limit == 0 {
		limit = group.Final
	}
	rate := p.Trend.Rate
	if limit == 0 || p.Trend.Verdict != trend.Leak || rate.Low <= 0 {
		return nil
	}
	left := max(0, (limit-p.Trend.Level)*mib-rate.Bytes*p.Trend.Span)
	return &ToLimit{LimitMB: limit, Seconds: left / rate.Bytes, Low: left / rate.High, High: left / rate.Low}
}

func (t *ToLimit) text() string {
	return fmt.Sprintf("at this rate the limit of %s is reached in %s (95 %%: %s to %s)",
		report.MB(t.LimitMB), duration(t.Seconds), duration(t.Low), duration(t.High))
}

// duration formats seconds, at most 30 years.
func duration(seconds float64) string {
	return report.Duration(time.Duration(min(seconds, 1e9) * float64(time.Second)).Round(time.Second))
}

// sentence is the verdict on the process in words. Growth of a figure that includes
// page cache is not called a leak.
func (p *Process) sentence() string {
	if p.Memory == RSS || p.Trend.Verdict != trend.Leak {
		return p.Trend.Sentence(bytesText)
	}
	perHour := func(bytes float64) string { return bytesText(3600 * bytes) }
	rate := p.Trend.Rate
	return fmt.Sprintf("%s grows by %s per hour (95 %%: %s to %s)", p.Memory, perHour(rate.Bytes), perHour(rate.Low), perHour(rate.High))
}

// label names the process among several, "" when a recording does not name it.
func (p *Process) label() string {
	if p.PID > 0 {
		return fmt.Sprintf("PID %d", p.PID)
	}
	return p.Name
}

var severities = map[trend.Verdict]finding.Severity{trend.Leak: finding.Fail, trend.Undecided: finding.Warn, trend.NoLeak: finding.Pass}

// Report returns the conclusions, one finding for each process.
func (res *Result) Report() *finding.Report {
	rep := &finding.Report{
		Command: "mcpdiag monitor", Verdict: finding.Verdict(res.Verdict), Severity: severities[res.Verdict], Warnings: res.Warnings,
		Headline: fmt.Sprintf("%d processes: %s", len(res.Processes), res.Verdict),
	}
	if res.Verdict == trend.Leak || res.Verdict == trend.Undecided && res.FailOnUndecided {
		rep.Outcome = finding.Found
	}
	for _, p := range res.Processes {
		rep.Findings = append(rep.Findings, p.finding(len(res.Processes) > 1))
		table := finding.Table{Title: p.label(), Header: []string{"", ""}}
		for _, row := range p.rows() {
			table.Rows = append(table.Rows, row[:])
		}
		rep.Tables = append(rep.Tables, table)
		rep.Seconds = max(rep.Seconds, p.Seconds)
	}
	if len(res.Processes) == 1 {
		rep.Headline = res.Processes[0].sentence()
	}
	return rep
}

func (p *Process) finding(several bool) finding.Finding {
	f := finding.Finding{ID: "memory", Severity: severities[p.Trend.Verdict], Summary: p.sentence()}
	if several {
		f.ID += " of " + p.label()
	}
	for _, reason := range p.Trend.Reasons {
		f.Evidence = append(f.Evidence, finding.Evidence{Text: reason.Text})
	}
	for _, fact := range p.Facts {
		f.Evidence = append(f.Evidence, finding.Evidence{Text: fact})
	}
	if p.Trend.Verdict == trend.Leak && p.PID > 0 {
		f.Hint, f.Next = "attribute the growth to an operation", fmt.Sprintf("mcpdiag leaktest --pid %d", p.PID)
	}
	return f
}
