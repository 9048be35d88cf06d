package leaktest

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

var nan = math.NaN()

// HTML writes the report of the run as one page. The flame graph is read from the
// folder of the run.
func (r *Result) HTML(w io.Writer, dir string) error {
	s := r.summary()
	page := &report.Page{
		Title: s.Title(), Badge: s.Word(), Style: r.style(),
		Subtitle: "Memory leak test of " + r.name() + " · " + strings.Join(r.facts(), " · "),
	}
	r.memoryPart(page, s.Rest())
	r.perWhat(page)
	r.explainedPart(page, dir)
	r.causePart(page)
	r.countPart(page)
	r.latencyPart(page)
	r.failures(page)
	r.flame(page, dir)
	if r.CPU != nil && len(r.CPU.Functions) > 0 {
		r.CPU.Page(page)
		addFlame(page, dir, r.Files.CPU, "Flame graph of the CPU time")
	}
	r.budgetPart(page)
	r.surroundings(page)
	r.repeat(page)
	return page.Write(w)
}

// name returns the name of the server for the subtitle.
func (r *Result) name() string {
	for _, name := range []string{r.Target.Server, r.Target.URL, r.Target.Command} {
		if name != "" {
			return report.Cell(name, 80)
		}
	}
	return "a server"
}

func (r *Result) facts() []string {
	facts := []string{r.StartedAt.Format(time.RFC1123), "took " + report.Duration(time.Duration(r.DurationS*float64(time.Second)))}
	if r.Target.URL != "" {
		facts = append(facts, r.Target.URL)
	}
	facts = append(facts, fmt.Sprintf("%s → %s, peak %s", report.MB(r.Memory.InitialMB), report.MB(r.Memory.FinalMB), report.MB(r.Memory.PeakMB)))
	if r.Interrupted {
		facts = append(facts, "interrupted")
	}
	return facts
}

func (r *Result) memoryPart(page *report.Page, rest []string) {
	page.Heading("Memory")
	page.Chart(r.memoryChart())
	for _, text := range rest {
		page.Paragraph(report.Plain, strings.ToUpper(text[:1])+text[1:]+".")
	}
	for _, text := range r.why() {
		page.Paragraph(report.Plain, text)
	}
	if len(r.Warnings) > 0 {
		page.Heading("Warnings")
		page.List(report.Caution, r.Warnings...)
	}
}

// why returns the reasons of the verdict on the only phase.
func (r *Result) why() []string {
	if len(r.Phases) != 1 {
		return nil
	}
	p := r.Phases[0]
	text := []string{fmt.Sprintf("Each round: %s. %s operations in %d rounds.", p.Does, report.Count(p.Operations), p.RoundsDone())}
	if reasons := why(p); reasons != "" {
		text = append(text, reasons)
	}
	if p.Trend.Readings > p.Trend.Kept && p.Trend.Kept > 0 {
		text = append(text, fmt.Sprintf("The first %d readings were dropped as warm-up; memory changed by %s in them.",
			p.Trend.Readings-p.Trend.Kept, report.MB(p.Trend.WarmUp)))
	}
	if note := p.CountNote(); note != "" {
		text = append(text, strings.ToUpper(note[:1])+note[1:]+".")
	}
	return text
}

// perWhat adds a table with a row for each phase.
func (r *Result) perWhat(page *report.Page) {
	page.Heading("Per what")
	page.Paragraph(report.Faint, "The numbers are those in the chart. A leak below the detection limit is not ruled out.")
	leaks := map[int]bool{}
	for i, p := range r.Phases {
		leaks[i] = p.Verdict() == trend.Leak && len(p.Explained) == 0
	}
	page.Table(map[int]bool{0: true, 3: true, 4: true, 5: true, 6: true, 7: true}, phaseHeader[:], phaseRows(r.Phases), leaks)
}
