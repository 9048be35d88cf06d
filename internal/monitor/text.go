package monitor

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the summary, in the shape of the seed's Python monitor.
func (res *Result) Text(w io.Writer) error {
	var b strings.Builder
	for i, p := range res.Processes {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.text(&b)
	}
	if res.File != "" {
		fmt.Fprintf(&b, "Samples: %s\n", report.Line(res.File))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const commandWidth = 160 // columns of a command line that are shown

func (p *Process) text(b *strings.Builder) {
	rule := strings.Repeat("=", 70)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "%-23s"+format+"\n", append([]any{label}, args...)...)
	}
	size := func(label string, v float64) { line("  "+label, "%.2f MB", v) }

	fmt.Fprintf(b, "MEMORY MONITORING SUMMARY\n%s\n", rule)
	line("Process PID:", "%d", p.PID)
	line("Total samples:", "%d", p.Samples)
	line("Duration:", "%.2f seconds", p.Seconds)
	b.WriteString("\nProcess Memory (RSS):\n")
	size("Initial:", p.RSS.Initial)
	size("Final:", p.RSS.Final)
	size("Min:", p.RSS.Min)
	size("Max:", p.RSS.Max)
	size("Avg:", p.RSS.Avg)
	size("Growth:", p.RSS.Growth)
	b.WriteString("\nTotal Memory (Process + Children):\n")
	size("Initial:", p.RSSTotal.Initial)
	size("Final:", p.RSSTotal.Final)
	size("Growth:", p.RSSTotal.Growth)
	b.WriteString(rule + "\n")
	fmt.Fprintf(b, "Command: %s\n", report.Cell(p.Command, commandWidth))
}
