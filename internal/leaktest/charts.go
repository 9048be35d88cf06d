package leaktest

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// memoryChart shows memory over time: rounds of load shaded, the settled readings,
// and the fitted line of each phase with its interval.
func (r *Result) memoryChart() report.Chart {
	c := report.Chart{Title: "Memory of the process tree", Subtitle: "shaded: load; between: idle, when the settled readings are taken", YUnit: "MB", XSeconds: true}
	rss := report.ChartLine{Name: "RSS", Thin: true}
	for _, s := range r.Series {
		rss.Points = append(rss.Points, [2]float64{s.T, s.MB})
	}
	settled := report.ChartLine{Name: "settled"}
	c.Lines = []report.ChartLine{rss, settled}
	if line, known := r.liveLine(); known {
		c.Lines = append(c.Lines, line)
	}
	fitted := len(c.Lines)
	for nth, p := range r.Phases {
		for i, round := range p.Rounds {
			c.Lines[1].Points = append(c.Lines[1].Points, [2]float64{round.Settled, round.TreeMB})
			if i > 0 {
				c.Bands = append(c.Bands, report.ChartBand{From: round.From, To: round.Loaded})
			}
		}
		c.Lines[1].Points = append(c.Lines[1].Points, hole)
		if len(r.Phases) > 1 && len(p.Rounds) > 0 {
			c.Marks = append(c.Marks, report.ChartMark{X: p.Rounds[0].From, Text: strconv.Itoa(nth + 1)})
		}
		addFit(&c, p, fitted)
	}
	return c
}

// picture is the chart of memory for a place of its own, with the verdict as its title.
func (r *Result) picture() report.Chart {
	c := r.memoryChart()
	c.Title = cmp.Or(r.Sentence, c.Title)
	return c
}

// liveLine returns the live heap after each round.
func (r *Result) liveLine() (line report.ChartLine, known bool) {
	line.Name = "live heap"
	for _, p := range r.Phases {
		for _, round := range p.Rounds {
			if round.LiveMB != nil {
				line.Points = append(line.Points, [2]float64{round.Settled, *round.LiveMB})
				known = true
			}
		}
		line.Points = append(line.Points, hole)
	}
	return line, known
}

// addFit adds the fitted line of p with its interval, as the chart's line of that
// number.
func addFit(c *report.Chart, p *judge.Phase, number int) {
	t := &p.Trend
	if t.Span == 0 {
		return
	}
	line := report.ChartLine{Name: "fitted", Dashed: true}
	area := report.ChartArea{Line: number}
	middle := t.From + t.Span/2
	for _, round := range p.Rounds {
		x := float64(round.Operations)
		if x < t.From {
			continue
		}
		at := func(rate float64) [2]float64 {
			centre := t.Level + t.Rate.Bytes/mib*(middle-t.From)
			return [2]float64{round.Settled, centre + rate/mib*(x-middle)}
		}
		line.Points = append(line.Points, at(t.Rate.Bytes))
		low, high := at(t.Rate.Low), at(t.Rate.High)
		if low[1] > high[1] {
			low, high = high, low
		}
		area.Lower, area.Higher = append(area.Lower, low), append(area.Higher, high)
	}
	if len(c.Lines) > number { // one legend is enough
		c.Lines[number].Points = append(append(c.Lines[number].Points, hole), line.Points...)
	} else {
		c.Lines = append(c.Lines, line)
	}
	c.Areas = append(c.Areas, area)
}

// latencyChart shows the latency of each round.
func (r *Result) latencyChart() report.Chart {
	c := report.Chart{Title: "Latency", Subtitle: "of a round of load, at its middle", YUnit: "ms", XSeconds: true}
	lines := []report.ChartLine{{Name: "p50"}, {Name: "p90"}, {Name: "p99", Thin: true}}
	for _, p := range r.Phases {
		for _, round := range p.Rounds {
			if l := round.Latency; l != nil {
				x := (round.From + round.Loaded) / 2
				for i, v := range []float64{l.P50, l.P90, l.P99} {
					lines[i].Points = append(lines[i].Points, [2]float64{x, v})
				}
			}
		}
		for i := range lines {
			lines[i].Points = append(lines[i].Points, hole)
		}
	}
	c.Lines = lines
	return c
}

// countChart shows the counts after each round.
func (r *Result) countChart() (c report.Chart, some bool) {
	c = report.Chart{Title: "What the server holds beside memory", Subtitle: "after each round, when it is idle", XSeconds: true, YWhole: true}
	for _, counter := range judge.Counters() {
		line := report.ChartLine{Name: counter.Name}
		for _, p := range r.Phases {
			for i := range p.Rounds {
				if v := counter.Of(&p.Rounds[i]); v != nil {
					line.Points = append(line.Points, [2]float64{p.Rounds[i].Settled, *v})
					some = true
				}
			}
		}
		if moves(line.Points) {
			c.Lines = append(c.Lines, line)
		}
	}
	return c, some
}

// moves reports whether a count changes: a constant one is not drawn.
func moves(points [][2]float64) bool {
	return slices.ContainsFunc(points, func(v [2]float64) bool { return v[1] != points[0][1] })
}

var hole = [2]float64{nan, nan}
