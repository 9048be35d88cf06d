package monitor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// RedFlags are the signs that guides to memory leaks name. They are facts, not a
// verdict.
type RedFlags struct {
	GrowthPercent      float64 `json:"growthPercent"`      // of the initial total; more than 50 is a red flag
	PlateauShare       float64 `json:"plateauShare"`       // of the time, at its end, without growth
	ReturnedToBaseline bool    `json:"returnedToBaseline"` // at most a tenth of the way from the initial to the peak
	Linearity          float64 `json:"linearity"`          // R² of a straight line through the lows, 1 is straight
}

// conclude judges each process, and the run by the worst of them.
func (res *Result) conclude() {
	res.Verdict = trend.NoLeak
	for _, p := range res.Processes {
		p.judge()
		switch {
		case p.Trend.Verdict == trend.Leak:
			res.Verdict = trend.Leak
		case p.Trend.Verdict == trend.Undecided && res.Verdict == trend.NoLeak:
			res.Verdict = trend.Undecided
		}
		if p.Trend.Verdict == trend.Undecided {
			about := ""
			if p.label() != "" {
				about = " about " + p.label()
			}
			res.Warnings = append(res.Warnings, "undecided"+about+": "+p.Trend.Reasons[0].Text)
		}
	}
	if len(res.Processes) == 0 {
		res.Verdict = trend.Undecided
	}
}

func (p *Process) judge() {
	p.Holders = p.largestHolders()
	p.Trend = trend.JudgeTime(p.total.Lows())
	for _, why := range p.disturbed {
		p.Trend.Disturbed(why)
	}
	p.RedFlags = RedFlags{
		PlateauShare:       p.Trend.Plateau,
		ReturnedToBaseline: p.RSSTotal.Growth <= 0.1*(p.RSSTotal.Max-p.RSSTotal.Initial),
		Linearity:          trend.Linearity(p.total.Lows()),
	}
	if p.RSSTotal.Initial > 0 {
		p.RedFlags.GrowthPercent = 100 * p.RSSTotal.Growth / p.RSSTotal.Initial
	}
	if p.ToLimit = p.toLimit(); p.ToLimit != nil {
		p.Facts = append(p.Facts, p.ToLimit.text())
	}
	if late := p.last.Sub(p.pagesAt); !p.pagesAt.IsZero() && late > 2*detailEvery {
		p.Facts = append(p.Facts, fmt.Sprintf("PSS and USS were read last %s before the end", report.Duration(late.Round(time.Second))))
	}
	if p.Memory != RSS {
		p.Facts = append(p.Facts, fmt.Sprintf("the %s includes page cache; check the RSS (monitor --pid) or anon of memory.stat before calling it a leak", p.Memory))
	}
	if p.Repeats > 0 {
		p.Facts = append(p.Facts, fmt.Sprintf("%d readings repeat the one before: the source is refreshed less often than it is read", p.Repeats))
	}
	for _, column := range slices.Sorted(maps.Keys(p.counts)) {
		if grown, ok := trend.Accumulates(trend.Envelope(p.counts[column].Lows(), 24), 0); ok {
			p.Facts = append(p.Facts, fmt.Sprintf("%s rose by %.0f and never fell: the server may not close what it opens", labelOf(column), grown))
		}
	}
	if limit, ok := p.Figures["cgroup_limit_mb"]; ok && p.Figures["cgroup_mb"].Max > 0.9*limit.Final {
		p.Facts = append(p.Facts, fmt.Sprintf("the control group reached %s of its limit of %s",
			report.MB(p.Figures["cgroup_mb"].Max), report.MB(limit.Final)))
	}
}

func labelOf(column string) string {
	for _, f := range figures {
		if f.column == column {
			return f.label
		}
	}
	return "child processes"
}
