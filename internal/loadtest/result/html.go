package result

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// HTML writes the result as one self-contained page.
func (r *Result) HTML(w io.Writer) error {
	word, style := r.Verdict.Headline()
	p := report.Page{Title: "Load test of " + report.Cell(r.URL, 100), Badge: word, Style: style}
	p.Subtitle = fmt.Sprintf("%s, %s", r.serverName(), r.StartedAt.Format("2006-01-02 15:04:05 -0700"))
	p.List(style, r.Verdict.Because(r.Reasons)...)
	p.Facts(r.facts()...)
	for _, c := range []report.Chart{r.rateChart(), r.latencyChart()} {
		if len(c.Lines[0].Points) > 1 {
			p.Chart(c)
		}
	}
	if c, ok := r.distributionChart(); ok {
		p.Chart(c)
	}
	for _, s := range r.sections() {
		s.Page(&p)
	}
	if r.CPU != nil && len(r.CPU.Functions) > 0 {
		r.CPU.Page(&p)
		if len(r.CPU.Picture) > 0 {
			p.Picture("Flame graph of the CPU time", r.CPU.Picture)
		}
	}
	Footer(&p, r.footnotes())
	return p.Write(w)
}

// Footer writes the warnings and the definition of latency below a page.
func Footer(p *report.Page, footnotes []string) {
	if len(footnotes) > 0 {
		p.Heading("Warnings")
		p.List(report.Caution, footnotes...)
	}
	p.Paragraph(report.Faint, "Latency is that of successful calls, from the request to the end of the answer. Written by mcpdiag loadtest.")
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

// rateChart plots the calls of each second. It omits a last second that the run
// did not complete, which would look like a drop.
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
	return report.Chart{Title: "Calls per second", Subtitle: "by the time they ended, with the active users", XSeconds: true, Lines: []report.ChartLine{calls, failed, users}}
}

func (r *Result) latencyChart() report.Chart {
	p50, p99 := report.ChartLine{Name: "p50"}, report.ChartLine{Name: "p99"}
	for _, s := range r.Series {
		if s.Calls > s.Errors {
			p50.Points = append(p50.Points, [2]float64{float64(s.T), s.P50})
			p99.Points = append(p99.Points, [2]float64{float64(s.T), s.P99})
		}
	}
	return report.Chart{Title: "Latency", Subtitle: "of the successful calls of each second", YUnit: "ms", XSeconds: true, Lines: []report.ChartLine{p50, p99}}
}

// chartedShare is the share of calls in the distribution chart. The slowest ones
// would compress the rest into a corner.
const chartedShare = 0.99

// distributionChart plots the cumulative distribution of latency.
func (r *Result) distributionChart() (report.Chart, bool) {
	bars, err := r.Latency.bars()
	if err != nil || len(bars) < 2 {
		return report.Chart{}, false
	}
	total, seen := 0.0, 0.0
	for _, b := range bars {
		total += b.count
	}
	line := report.ChartLine{Name: "calls"}
	for _, b := range bars {
		if seen += b.count; seen > chartedShare*total && len(line.Points) > 1 {
			break
		}
		line.Points = append(line.Points, [2]float64{b.ms, 100 * seen / total})
	}
	return report.Chart{
		Title: "Distribution of latency", Subtitle: "share of the calls that took at most this long", YUnit: "%", XUnit: "ms", Lines: []report.ChartLine{line},
	}, true
}

// serverName returns the server's name, the MCP revision and the transport.
func (r *Result) serverName() string {
	transport := map[string]string{"stdio": ", stdio", "sse": ", HTTP+SSE"}[r.Transport]
	return strings.TrimSpace(report.Cell(r.Server, 60) + " (MCP " + r.Protocol + transport + ")")
}
