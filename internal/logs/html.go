package logs

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// HTML writes the result as one self-contained page: warnings and errors over time,
// the known faults, and every report that has rows.
func (r *Result) HTML(w io.Writer) error {
	rep := r.Report()
	p := &report.Page{
		Title: "mcpdiag logs: " + rep.Headline, Subtitle: strings.Join(r.Read.Sources[:min(len(r.Read.Sources), 5)], ", "),
		Badge: string(rep.Verdict), Style: styleOf(rep.Severity),
	}
	p.Facts(
		report.Fact{Name: "lines", Value: report.Count(r.Read.Lines)}, report.Fact{Name: "errors", Value: report.Count(r.errorCount())},
		report.Fact{Name: "refused", Value: report.Count(r.refusedCount())}, report.Fact{Name: "slow requests", Value: report.Count(r.SlowOver)},
	)
	for _, chart := range []report.Chart{r.chart, r.slowChart()} {
		if len(chart.Lines) > 0 {
			p.Chart(chart)
		}
	}
	for _, s := range r.sections() {
		if len(s.table.Rows) == 0 {
			continue
		}
		p.Heading(s.table.Title)
		p.Table(s.table.Right, s.table.Header, s.table.Rows[:min(len(s.table.Rows), pageRows)], nil)
		if n := len(s.table.Rows) - pageRows; n > 0 {
			p.Paragraph(report.Faint, fmt.Sprintf("%d more: mcpdiag logs --only %s", n, s.id))
		}
	}
	p.List(report.Caution, r.Warnings...)
	return p.Write(w)
}

// pageRows is how many rows a table of the page has.
const pageRows = 15

// maxPoints is how many points a line of the chart has.
const maxPoints = 60

// chart draws warnings and errors over time.
func (c *collector) chart() report.Chart {
	chart := report.Chart{Title: "Warnings and errors", YUnit: "lines", YWhole: true, XSeconds: true}
	for _, level := range []logline.Level{logline.Warn, logline.Error, logline.Fatal} {
		start, each, points := c.overTime.Points(levelKey(level), maxPoints)
		if len(points) < 2 {
			continue
		}
		chart.Subtitle = "lines per " + report.Duration(each) + " since " + start.Format("2006-01-02 15:04:05")
		chart.Lines = append(chart.Lines, report.ChartLine{Name: level.String(), Points: points})
	}
	return chart
}

// slowChart draws the durations of the slowest requests over time.
func (r *Result) slowChart() report.Chart {
	chart := report.Chart{Title: "Slowest requests", YUnit: "ms", XSeconds: true}
	line := report.ChartLine{Name: "duration"}
	for _, row := range r.Slow {
		if !row.At.IsZero() {
			x := row.At.Sub(r.Read.First).Seconds() // a spike: the line between two requests means nothing
			line.Points = append(line.Points, [2]float64{x, 0}, [2]float64{x, row.MS}, [2]float64{x, 0})
		}
	}
	slices.SortStableFunc(line.Points, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	if len(line.Points) > 3 {
		chart.Subtitle = fmt.Sprintf("the %d slowest of %d over %s, by time since the first line", len(line.Points)/3, r.SlowOver, report.Millis(r.SlowMS))
		chart.Lines = []report.ChartLine{line}
	}
	return chart
}
