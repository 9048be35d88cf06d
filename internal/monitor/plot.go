package monitor

import (
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Chart draws the memory over time with the fitted line of the verdict.
func (res *Result) Chart() report.Chart {
	c := report.Chart{Title: "Process memory: " + string(res.Verdict), YUnit: "MB", XSeconds: true}
	for _, p := range res.Processes {
		name := ""
		if len(res.Processes) > 1 {
			name = " of " + p.label()
		}
		if len(res.Processes) == 1 {
			c.Subtitle = p.sentence()
		}
		c.Lines = append(c.Lines, report.ChartLine{Name: "total RSS" + name, Points: pointsOf(p.total.Bins())})
		if p.RSS.Max < p.RSSTotal.Max {
			c.Lines = append(c.Lines, report.ChartLine{Name: "process alone" + name, Points: pointsOf(p.self.Bins()), Thin: true})
		}
		if p.Trend.Span > 0 {
			c.Lines = append(c.Lines, fitted(&p.Trend, name))
		}
		if p.Restarted && p.Samples > 0 {
			c.Marks = append(c.Marks, report.ChartMark{X: p.first.Sub(p.origin).Seconds(), Text: "restarted"})
		}
	}
	return c
}

func bytesText(bytes float64) string { return report.MB(bytes / mib) }

// pointsOf returns the lows and the highs, so that a saw-tooth is visible in a long run.
func pointsOf(bins []trend.Bin) [][2]float64 {
	var points [][2]float64
	for _, b := range bins {
		if b.High > b.Low.Y {
			points = append(points, [2]float64{b.First, b.High})
		}
		points = append(points, [2]float64{max(b.First, b.Low.X), b.Low.Y})
	}
	return points
}

func fitted(j *trend.Judgement, name string) report.ChartLine {
	rise := j.Rate.Bytes / mib * j.Span
	return report.ChartLine{Name: "trend of the lows" + name, Dashed: true,
		Points: [][2]float64{{j.From, j.Level}, {j.From + j.Span, j.Level + rise}}}
}
