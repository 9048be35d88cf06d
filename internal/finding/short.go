package finding

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Bounds of a summary that fits a message of a chat.
const (
	shortFindings = 3
	shortLine     = 200 // characters of a line
)

// Short writes the verdict, the headline and the worst findings, each on one line.
func (r *Report) Short(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(report.Cell(fmt.Sprintf(format, args...), shortLine) + "\n")
	}
	verdict := string(r.Verdict)
	if headline, ok := strings.CutPrefix(r.Headline, verdict); ok {
		line("%s: %s%s", r.Command, strings.ToUpper(verdict), headline)
	} else {
		line("%s: %s: %s", r.Command, strings.ToUpper(verdict), r.Headline)
	}
	problems := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool {
		return f.Severity != Warn && f.Severity != Fail || f.Summary == r.Headline
	})
	slices.SortStableFunc(problems, func(a, b Finding) int { return b.Severity.Compare(a.Severity) })
	for i := range problems[:min(len(problems), shortFindings)] {
		f := &problems[i]
		line("- %s %s: %s", f.Severity, f.ID, f.sentence())
	}
	if more := len(problems) - shortFindings; more > 0 {
		line("and %d more", more)
	}
	if len(r.Warnings) > 0 {
		line("%s; first: %s", report.Plural(int64(len(r.Warnings)), "doubt"), r.Warnings[0])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
