package metrics

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// maxRows is how many rows of a table are shown outside JSON.
const maxRows = 20

// Report returns the result in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag metrics", Verdict: r.Verdict, Findings: r.Findings, Severity: finding.Worst(r.Findings), Warnings: r.Warnings, Tables: r.tables()}
	rep.FailOn(finding.Fail)
	rep.Headline = "no finding " + r.Window
	if r.Verdict == "unknown" {
		rep.Headline = "the page has nothing that can be judged"
	}
	if f := finding.Leading(r.Findings); f != nil {
		rep.Headline = f.ID + ": " + f.Summary
	}
	return rep
}

// Text writes the verdict, the findings and the tables.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	rep := r.Report()
	_ = rep.Text(&b, paint) // a Builder takes everything
	fmt.Fprintf(&b, "\nAll differences are %s.\n", report.Line(r.Window))
	for _, t := range rep.Tables {
		b.WriteString("\n")
		_ = t.Text(&b, paint) // a Builder takes everything
	}
	for _, warning := range r.Warnings {
		b.WriteString("\nNote: " + report.Line(warning) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) tables() []finding.Table {
	var all []finding.Table
	for _, t := range []finding.Table{r.endpointTable(), r.errorTable(), r.summaryTable(), r.processTable()} {
		if n := len(t.Rows); n > maxRows {
			t.Rows, t.Note = t.Rows[:maxRows], fmt.Sprintf("%d more; --format json has them all", n-maxRows)
		}
		if len(t.Rows) > 0 {
			all = append(all, t)
		}
	}
	return all
}

func (r *Result) endpointTable() finding.Table {
	t := finding.Table{Title: "Latency, by share of the time of each metric", Header: []string{"endpoint", "count", "share", "mean", "p50", "p95", "p99", "metric"}, Right: map[int]bool{1: true, 2: true, 3: true}}
	for _, e := range r.Endpoints {
		t.Rows = append(t.Rows, []string{
			report.Cell(e.Endpoint, 40), countText(e.Count), report.Percent(e.Share), e.unit.format(e.Mean),
			e.quantile(0.5), e.quantile(0.95), e.quantile(0.99), report.Cell(e.Metric, 40),
		})
	}
	return t
}

func (r *Result) errorTable() finding.Table {
	t := finding.Table{Title: "Error rates", Header: []string{"endpoint", "errors", "calls", "rate", "95 % interval", "metric"}, Right: map[int]bool{1: true, 2: true, 3: true}}
	for _, e := range r.Errors {
		t.Rows = append(t.Rows, []string{
			report.Cell(e.Endpoint, 40), countText(e.Errors), countText(e.Calls), report.Percent(e.Rate),
			report.Percent(e.Low) + " to " + report.Percent(e.High), report.Cell(e.Metric, 40),
		})
	}
	return t
}

func (r *Result) summaryTable() finding.Table {
	t := finding.Table{Title: "Summaries, over the server's own window", Header: []string{"metric", "labels", "quantiles", "mean of the difference"}}
	for _, s := range r.Summaries {
		var parts []string
		for _, q := range sortedKeys(s.Quantiles) {
			parts = append(parts, report.Cell(q, 8)+": "+s.unit.format(s.Quantiles[q]))
		}
		mean := "-"
		if s.Mean != nil {
			mean = s.unit.format(*s.Mean)
		}
		t.Rows = append(t.Rows, []string{report.Cell(s.Metric, 40), report.Cell(s.Labels, 40), strings.Join(parts, ", "), mean})
	}
	return t
}

func (r *Result) processTable() finding.Table {
	t := finding.Table{Title: "Process", Header: []string{"figure", "value", "change", "metric"}, Right: map[int]bool{1: true}}
	for _, f := range r.Process {
		value, change := f.text()
		t.Rows = append(t.Rows, []string{f.Name, value, change, f.Metric})
	}
	return t
}
