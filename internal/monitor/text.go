package monitor

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the summary in the form of Python memory monitors, then the verdict
// with its facts.
func (res *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	for i, p := range res.Processes {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.summary(&b)
		p.verdict(&b, paint)
	}
	if len(res.Processes) > 1 {
		fmt.Fprintf(&b, "\n%d processes: %s\n", len(res.Processes), paint.Paint(res.Verdict.Style(), string(res.Verdict)))
	}
	if res.File != "" {
		fmt.Fprintf(&b, "\nSamples: %s\n", report.Line(res.File))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const commandWidth = 160 // columns shown of a command line

func (p *Process) summary(b *strings.Builder) {
	rule := strings.Repeat("=", 70)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "%-23s"+format+"\n", append([]any{label}, args...)...)
	}
	size := func(label string, v float64) { line("  "+label, "%.2f MB", v) }

	fmt.Fprintf(b, "MEMORY MONITORING SUMMARY\n%s\n", rule)
	if p.PID > 0 { // some recordings have none
		line("Process PID:", "%d", p.PID)
	} else if p.Name != "" {
		line("Source:", "%s", report.Line(p.Name))
	}
	line("Total samples:", "%d", p.Samples)
	line("Duration:", "%.2f seconds", p.Seconds)
	kind := "RSS"
	if p.Memory != RSS {
		kind = string(p.Memory)
	}
	fmt.Fprintf(b, "\nProcess Memory (%s):\n", kind)
	size("Initial:", p.RSS.Initial)
	size("Final:", p.RSS.Final)
	size("Min:", p.RSS.Min)
	size("Max:", p.RSS.Max)
	size("Avg:", p.RSS.Avg)
	size("Growth:", p.RSS.Growth)
	if p.Memory == RSS {
		b.WriteString("\nTotal Memory (Process + Children):\n")
		size("Initial:", p.RSSTotal.Initial)
		size("Final:", p.RSSTotal.Final)
		size("Growth:", p.RSSTotal.Growth)
	}
	b.WriteString(rule + "\n")
}

// verdict writes the verdict and the facts.
func (p *Process) verdict(b *strings.Builder, paint report.Painter) {
	fmt.Fprintf(b, "\nVerdict: %s\n", paint.Paint(p.Trend.Verdict.Style(), report.Line(p.sentence())))
	for _, reason := range p.Trend.Reasons {
		fmt.Fprintf(b, "  - %s\n", report.Line(reason.Text))
	}
	facts := report.Table{Indent: "  "}
	for _, row := range p.rows() {
		facts.Row(row[:]...)
	}
	b.WriteString("\nFacts:\n")
	_ = facts.Write(b, false) // a strings.Builder takes everything
	for _, fact := range p.Facts {
		fmt.Fprintf(b, "  - %s\n", report.Line(fact))
	}
	if p.Command != "" && p.Command != p.Name {
		fmt.Fprintf(b, "  command: %s\n", report.Cell(p.Command, commandWidth))
	}
}

// rows lists the red flags and the figures that were read, each with its label.
func (p *Process) rows() [][2]string {
	f := p.RedFlags
	rows := [][2]string{
		{"growth", fmt.Sprintf("%s of the initial memory (a red flag is more than 50 %%)", report.Signed(f.GrowthPercent/100, report.Percent))},
		{"plateau", p.plateau()},
		{"baseline", map[bool]string{true: "back at the end", false: "not back at the end"}[f.ReturnedToBaseline]},
		{"linearity", fmt.Sprintf("R² %.2f of a straight line through the lows", f.Linearity)},
	}
	if p.Trend.SawTooth > 0 {
		rows = append(rows, [2]string{"saw-tooth", "the collector frees " + report.MB(p.Trend.SawTooth) + " at a time"})
	}
	for _, step := range p.Trend.Steps[:min(3, len(p.Trend.Steps))] {
		at := report.Duration(time.Duration(step.X * float64(time.Second)))
		rows = append(rows, [2]string{"step", report.Signed(step.Size, report.MB) + " at " + at})
	}
	for _, figure := range figures {
		if span, ok := p.Figures[figure.column]; ok && span.Max != 0 {
			rows = append(rows, [2]string{figure.label, span.text(figure)})
		}
	}
	if p.MaxChildren > 0 {
		rows = append(rows, [2]string{"descendants", fmt.Sprintf("at most %d", p.MaxChildren)})
	}
	for i, h := range p.Holders[:min(3, len(p.Holders))] {
		label := ""
		if i == 0 {
			label = "held by"
		}
		rows = append(rows, [2]string{label, h.text()})
	}
	if p.Exit != nil {
		rows = append(rows, [2]string{"ended", p.Exit.Text})
	} else if p.Ended {
		rows = append(rows, [2]string{"ended", "while it was watched"})
	}
	return rows
}

// plateau says for how long memory has not grown.
func (p *Process) plateau() string {
	share := 100 * p.RedFlags.PlateauShare
	switch {
	case p.Trend.Span == 0:
		return "too few readings to tell"
	case share < 1:
		return "none: it grew to the end"
	}
	return fmt.Sprintf("no growth in the last %.0f %% of the time after the warm-up", share)
}

func (s Span) text(f figure) string {
	format := func(v float64) string { return fmt.Sprintf("%.*f", f.decimals, v) }
	if strings.HasSuffix(f.column, "_mb") {
		format = report.MB
	}
	if s.Min == s.Max {
		return format(s.Final)
	}
	return fmt.Sprintf("%s → %s (%s to %s)", format(s.Initial), format(s.Final), format(s.Min), format(s.Max))
}
