package result

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Markdown writes the result as GitHub-flavoured Markdown.
func (r *Result) Markdown(w io.Writer) error {
	word, _ := r.Verdict.Headline()
	return Markdown(w, "Load test", word, r.Verdict.Because(r.Reasons), r.summary(), r.sections(), r.Warnings)
}

func Markdown(w io.Writer, title, word string, reasons []string, facts [][2]string, sections []Section, warnings []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", report.Inline(title), report.Inline(word))
	for _, reason := range reasons {
		fmt.Fprintf(&b, "- **%s**\n", report.Inline(reason))
	}
	if len(reasons) > 0 {
		b.WriteString("\n")
	}
	var rows [][]string
	for _, f := range facts {
		rows = append(rows, []string{f[0], f[1]})
	}
	b.WriteString(report.MarkdownTable(map[int]bool{1: true}, []string{"", ""}, rows))
	for _, s := range sections {
		fmt.Fprintf(&b, "\n#### %s\n\n", report.Inline(s.Title))
		b.WriteString(report.MarkdownTable(s.Right, s.Header, s.Rows))
	}
	for _, warning := range warnings {
		fmt.Fprintf(&b, "\n> %s\n", report.Inline(warning))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JUnit writes the result as a JUnit report: that calls succeed is a test, and
// so are each threshold and each figure that was compared.
func (r *Result) JUnit(w io.Writer) error {
	const class = "mcpdiag.loadtest"
	s := report.Suite{Name: "mcpdiag loadtest " + report.Cell(r.URL, 200), Seconds: r.DurationS}
	var details strings.Builder
	_ = r.Text(&details, false) // a Builder takes everything
	main := report.Case{Class: class, Name: "calls succeed", Out: details.String()}
	problem := &report.Problem{Message: strings.Join(r.Reasons, "; "), Text: details.String()}
	switch r.Verdict {
	case VerdictFailed:
		main.Failure = problem
	case VerdictWithheld:
		main.Error = problem
	case VerdictOK, VerdictCrossed:
	}
	s.Add(main)
	for i := range r.Checks {
		c := &r.Checks[i]
		one := report.Case{Class: class + ".threshold", Name: report.Cell(c.Threshold, 200)}
		if !c.Held {
			one.Failure = &report.Problem{Message: c.Threshold + " does not hold: " + c.Measured()}
		}
		s.Add(one)
	}
	if r.Comparison != nil {
		for i := range r.Comparison.Rows {
			d := &r.Comparison.Rows[i]
			one := report.Case{Class: class + ".comparison", Name: report.Cell(d.Name(), 200) + " is not worse"}
			switch d.Verdict {
			case Worse:
				one.Failure = &report.Problem{Message: d.String()}
			case Unsure:
				one.Skipped = &report.Problem{Message: "cannot tell: " + d.Evidence()}
			}
			s.Add(one)
		}
	}
	return s.Write(w)
}

// HTML writes the result as one self-contained page.
func (r *Result) HTML(w io.Writer) error {
	word, style := r.Verdict.Headline()
	p := report.Page{Title: "Load test of " + report.Cell(r.URL, 100), Badge: word, Style: style}
	p.Subtitle = fmt.Sprintf("%s, %s", strings.TrimSpace(report.Cell(r.Server, 60)+" (MCP "+r.Protocol+r.over()+")"), r.StartedAt.Format("2006-01-02 15:04:05 -0700"))
	p.List(style, r.Verdict.Because(r.Reasons)...)
	p.Facts(r.facts()...)
	if len(r.Series) > 1 {
		p.Chart(r.rateChart())
		p.Chart(r.latencyChart())
	}
	if c, ok := r.distributionChart(); ok {
		p.Chart(c)
	}
	for _, s := range r.sections() {
		p.Heading(s.Title)
		p.Table(s.Right, s.Header, s.Rows, s.Marked)
	}
	Footer(&p, r.Interrupted, r.Warnings)
	return p.Write(w)
}

func Footer(p *report.Page, interrupted bool, warnings []string) {
	if interrupted {
		p.Paragraph(report.Caution, "Interrupted: this is what was done until then.")
	}
	if len(warnings) > 0 {
		p.Heading("Doubts")
		p.List(report.Caution, warnings...)
	}
	p.Paragraph(report.Faint, "Latency is of whole calls that succeeded, to the end of their answers. Written by mcpdiag loadtest.")
}

func (r *Result) facts() []report.Fact {
	return []report.Fact{
		{Name: "Users", Value: report.Count(int64(r.Users))},
		{Name: "Calls", Value: report.Count(r.Calls)},
		{Name: "Failed", Value: report.Count(r.Failed)},
		{Name: "Calls per second", Value: fmt.Sprintf("%.1f", r.CallsPerSecond)},
		{Name: "p50", Value: report.Millis(r.Latency.P50)},
		{Name: "p99", Value: report.Millis(r.Latency.P99)},
		{Name: "Duration", Value: fmt.Sprintf("%.1f s", r.DurationS)},
		{Name: "Tool", Value: report.Cell(r.Tool, 60)},
	}
}

// rateChart is the calls of each second. The last is left out where the run ended
// in it: a part of a second has a part of its calls, and would be drawn as a fall.
func (r *Result) rateChart() report.Chart {
	calls, failed, users := report.ChartLine{Name: "calls"}, report.ChartLine{Name: "failed"}, report.ChartLine{Name: "users", Dashed: true, Thin: true}
	for i, s := range r.Series {
		if i == len(r.Series)-1 && float64(s.T+1) > r.DurationS {
			break
		}
		at := float64(s.T)
		calls.Points = append(calls.Points, [2]float64{at, float64(s.Calls)})
		failed.Points = append(failed.Points, [2]float64{at, float64(s.Errors)})
		users.Points = append(users.Points, [2]float64{at, float64(s.Users)})
	}
	return report.Chart{Title: "Calls a second", Subtitle: "as they ended, with the users at work", XSeconds: true, Lines: []report.ChartLine{calls, failed, users}}
}

func (r *Result) latencyChart() report.Chart {
	p50, p99 := report.ChartLine{Name: "p50"}, report.ChartLine{Name: "p99"}
	for _, s := range r.Series {
		if s.Calls > s.Errors {
			p50.Points = append(p50.Points, [2]float64{float64(s.T), s.P50})
			p99.Points = append(p99.Points, [2]float64{float64(s.T), s.P99})
		}
	}
	return report.Chart{Title: "Latency", Subtitle: "of the calls that succeeded in each second", YUnit: "ms", XSeconds: true, Lines: []report.ChartLine{p50, p99}}
}

// distributionChart is how many calls took no longer than a time, up to the
// 99th percentile: the very slowest would push the others into a corner.
func (r *Result) distributionChart() (report.Chart, bool) {
	samples, err := r.Latency.samples()
	if err != nil || len(samples) < 2 {
		return report.Chart{}, false
	}
	total, seen := 0.0, 0.0
	for _, s := range samples {
		total += s.weight
	}
	line := report.ChartLine{Name: "calls"}
	for _, s := range samples {
		if seen += s.weight; seen > 0.99*total && len(line.Points) > 1 {
			break
		}
		line.Points = append(line.Points, [2]float64{s.value, 100 * seen / total})
	}
	return report.Chart{
		Title: "Distribution of latency", Subtitle: "share of the calls that took no longer", YUnit: "%", XUnit: "ms", Lines: []report.ChartLine{line},
	}, true
}
