package logs

import (
	"io"
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
		report.Fact{Name: "lines", Value: report.Count(r.Read.Lines)}, report.Fact{Name: "errors", Value: report.Count(int64(r.figure("errors")))},
		report.Fact{Name: "refused", Value: report.Count(int64(r.figure("refused")))}, report.Fact{Name: "slow requests", Value: report.Count(r.SlowOver)},
	)
	if len(r.chart.Lines) > 0 {
		p.Chart(r.chart)
	}
	for _, s := range r.sections() {
		if len(s.table.Rows) == 0 {
			continue
		}
		p.Heading(s.table.Title)
		p.Table(s.table.Right, s.table.Header, s.table.Rows[:min(len(s.table.Rows), listed)], nil)
	}
	p.List(report.Caution, r.Warnings...)
	return p.Write(w)
}

// chart draws warnings and errors over time.
func (c *collector) chart() report.Chart {
	chart := report.Chart{Title: "Warnings and errors", YUnit: "lines", YWhole: true, XSeconds: true}
	for _, level := range []logline.Level{logline.Warn, logline.Error, logline.Fatal} {
		start, points := c.overTime.Points(levelKey(level))
		if len(points) < 2 {
			continue
		}
		chart.Subtitle = "since " + start.Format("2006-01-02 15:04:05")
		chart.Lines = append(chart.Lines, report.ChartLine{Name: level.String(), Points: points})
	}
	return chart
}
