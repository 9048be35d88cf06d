package result

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const (
	rule        = "======================================================================"
	maxWhole    = 1000 // columns of an error, or of the list of tools
	interrupted = "Interrupted: the figures are those until then."
)

// Text writes the result for a terminal: the summary that load test scripts of MCP
// servers print, then the percentiles and the failures.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	Head(&b, paint, "LOAD TEST SUMMARY", r.summary())
	for i, s := range []Section{r.latencySection(), r.phaseSection(), r.openSection(), r.heldSection(), r.checkSection(), r.comparisonSection()} {
		s.Text(&b, paint, i > 0)
		if i == 0 {
			r.writeSpread(&b)
		}
	}
	if r.CPU != nil && len(r.CPU.Functions) > 0 {
		fmt.Fprintf(&b, "\n%s\n", r.CPU.Line())
	}
	r.writeFailures(&b, paint)
	r.writeConclusion(&b, paint)
	_, err := io.WriteString(w, b.String())
	return err
}

// Head writes a title and a block of facts between two rules.
func Head(b *strings.Builder, paint report.Painter, title string, facts [][2]string) {
	fmt.Fprintf(b, "%s\n%s\n", paint.Paint(report.Bold, title), rule)
	for _, f := range facts {
		fmt.Fprintf(b, "%-19s %s\n", f[0]+":", report.Line(f[1]))
	}
	fmt.Fprintf(b, "%s\n", rule)
}

func (r *Result) summary() [][2]string {
	rate := 0.0
	if r.Calls > 0 {
		rate = float64(r.Succeeded) / float64(r.Calls)
	}
	lines := [][2]string{{"Server", r.serverName()}, {"Tool", report.Cell(r.Tool, maxWhole)}, {"Total users", fmt.Sprint(r.Users)}}
	if r.CallsPerUser > 0 {
		lines = append(lines, [2]string{"Calls per user", fmt.Sprint(r.CallsPerUser)})
	}
	if r.Rounds > 1 {
		lines = append(lines, [2]string{"Rounds", fmt.Sprint(r.Rounds)})
	}
	return append(lines, [][2]string{
		{"Total calls", fmt.Sprint(r.Calls)},
		{"Successful calls", fmt.Sprint(r.Succeeded)},
		{"Failed calls", fmt.Sprint(r.Failed)},
		{"Success rate", fmt.Sprintf("%.2f%%", rate*100)},
		{"Duration", fmt.Sprintf("%.2f seconds", r.DurationS)},
		{"Calls per second", fmt.Sprintf("%.2f", r.CallsPerSecond)},
	}...)
}

// writeSpread writes how evenly the users were served.
func (r *Result) writeSpread(b *strings.Builder) {
	if s := r.UserMeans; s != nil {
		fmt.Fprintf(b, "Mean latency per user: %s to %s, median %s\n", report.Millis(s.Least), report.Millis(s.Greatest), report.Millis(s.Median))
	}
	if s := r.UserCalls; s != nil && s.Least < s.Greatest {
		fmt.Fprintf(b, "Calls per user: %.0f to %.0f, median %.0f\n", s.Least, s.Greatest, s.Median)
	}
}

func (r *Result) writeFailures(b *strings.Builder, paint report.Painter) {
	for _, e := range r.Errors {
		line := fmt.Sprintf("%s %s, such as: %s", report.Count(e.Count), failureWords[e.Kind], report.Cell(e.Example, maxWhole))
		b.WriteString(paint.Paint(report.Bad, line) + "\n")
	}
	if n := r.Sessions.Failed; n > 0 {
		b.WriteString(paint.Paint(report.Bad, report.Plural(n, "session")+" could not be opened; their calls were not made") + "\n")
		for _, e := range r.Sessions.Errors {
			b.WriteString(paint.Paint(report.Bad, fmt.Sprintf("  %s, such as: %s", e.words(), report.Cell(e.Example, maxWhole))) + "\n")
		}
	}
	if n := r.Sessions.EndFailed; n > 0 {
		b.WriteString(paint.Paint(report.Caution, report.Plural(n, "session")+" could not be ended") + "\n")
	}
	if r.Interrupted {
		b.WriteString(paint.Paint(report.Caution, r.interruption()) + "\n")
	}
}

// waitReason is the reason of a run in which an interruption ended all calls.
func (r *Result) waitReason() []string {
	if r.Waiting == nil {
		return nil
	}
	return []string{"interrupted before the end of " + r.Waiting.WaitText()}
}

// interruption describes the calls that an interrupted run leaves out of its figures.
func (r *Result) interruption() string {
	if r.Waiting == nil {
		return interrupted
	}
	return interrupted + " Not among them: " + r.Waiting.WaitText() + "."
}

// WaitText describes calls that an interruption ended.
func (l *Latency) WaitText() string {
	if l.Count == 1 {
		return "1 call that was waiting for " + report.Millis(l.Max)
	}
	return report.Plural(l.Count, "call") + " that were waiting, the longest for " + report.Millis(l.Max)
}

// unstated returns the reasons of the verdict without those that writeFailures has
// written.
func (r *Result) unstated() []string {
	stated := append(r.mainFailure(), r.waitReason()...)
	return slices.DeleteFunc(slices.Clone(r.Reasons), func(reason string) bool { return slices.Contains(stated, reason) })
}

// writeConclusion writes the verdict if there is more to say than the figures do.
func (r *Result) writeConclusion(b *strings.Builder, paint report.Painter) {
	word, style := r.Verdict.Headline()
	switch {
	case r.Verdict != VerdictOK:
		b.WriteString("\n" + paint.Paint(style, r.Verdict.Sentence(r.unstated())) + "\n")
	case len(r.Checks) > 0 || r.Comparison != nil:
		b.WriteString("\n" + paint.Paint(style, word) + r.Comparison.undecided() + "\n")
	}
}
