package knee

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Report returns the conclusions of the search: one finding for the knee, and one for
// the objective.
func (k *Knee) Report() *finding.Report {
	rep := &finding.Report{
		Command: "mcpdiag loadtest --find-knee", Verdict: finding.Verdict(k.Verdict), Headline: "Knee: " + k.headline(), Severity: k.Verdict.Severity(),
		Outcome: k.Verdict.Outcome(true), Warnings: k.footnotes(),
	}
	if k.Verdict != result.VerdictOK {
		rep.Headline = k.Verdict.Sentence(k.Reasons)
	}
	rep.Findings = append(rep.Findings, finding.Finding{ID: "knee", Severity: finding.Info, Summary: strings.Join(k.conclusions(), " ")})
	if o := k.Objective; o != nil {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "objective " + o.Text, Severity: k.objectiveSeverity(), Summary: o.sentence()})
	}
	rep.Tables = []finding.Table{k.stepSection(false).Table}
	return rep
}

func (k *Knee) objectiveSeverity() finding.Severity {
	switch k.Verdict {
	case result.VerdictFailed, result.VerdictCrossed:
		return finding.Fail
	case result.VerdictWithheld:
		return finding.Skip
	case result.VerdictOK:
	}
	return finding.Pass
}

func (k *Knee) footnotes() []string {
	if k.Interrupted {
		return append([]string{k.interruption()}, k.Warnings...)
	}
	return k.Warnings
}

// HTML writes the search as one self-contained page.
func (k *Knee) HTML(w io.Writer) error {
	word, style := k.Verdict.Headline()
	if k.Verdict == result.VerdictOK && k.Objective == nil {
		word, style = "Measured", report.Plain // nothing was required, so nothing passed
	}
	p := report.Page{Title: "Where " + report.Cell(k.URL, 100) + " bends", Badge: word, Style: style}
	p.Subtitle = fmt.Sprintf("%s, %s", k.summary()[0][1], k.StartedAt.Format("2006-01-02 15:04:05 -0700"))
	p.List(style, k.Verdict.Because(k.Reasons)...)
	p.Facts(k.facts()...)
	p.List(report.Plain, k.conclusions()...)
	p.Chart(k.throughputChart())
	p.Chart(k.latencyChart())
	s := k.stepSection(false)
	s.Page(&p)
	result.Footer(&p, k.footnotes())
	return p.Write(w)
}

func (k *Knee) facts() []report.Fact {
	facts := []report.Fact{{Name: "Knee", Value: k.headline()}}
	if o := k.Objective; o != nil && o.LastPassing != nil {
		facts = append(facts, report.Fact{Name: report.Cell(o.Text, 60) + " up to", Value: o.LastPassing.String()})
	}
	return append(facts, report.Fact{Name: "Tool", Value: report.Cell(k.Tool, 60)})
}

func (k *Knee) throughputChart() report.Chart {
	measured := report.ChartLine{Name: "measured"}
	for _, s := range k.Steps {
		measured.Points = append(measured.Points, [2]float64{s.Load(), s.Throughput})
	}
	return report.Chart{Title: "Throughput", Subtitle: "successful calls per second, by load", YUnit: "calls/s", XUnit: k.unit(), Lines: []report.ChartLine{measured}, Marks: k.marks()}
}

func (k *Knee) latencyChart() report.Chart {
	p50, p99 := report.ChartLine{Name: "p50"}, report.ChartLine{Name: "p99"}
	for _, s := range k.Steps {
		if s.Calls > s.Failed {
			p50.Points = append(p50.Points, [2]float64{s.Load(), s.P50})
			p99.Points = append(p99.Points, [2]float64{s.Load(), s.P99})
		}
	}
	return report.Chart{Title: "Latency", Subtitle: "of successful calls, by load", YUnit: "ms", XUnit: k.unit(), Lines: []report.ChartLine{p50, p99}, Marks: k.marks()}
}

func (k *Knee) marks() []report.ChartMark {
	if k.Plateau == nil {
		return nil
	}
	return []report.ChartMark{{X: k.Plateau.Measured.Load(), Text: "knee"}}
}
