package result

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const Rule = "======================================================================"

// Text writes the result for people: the summary that load test scripts of MCP
// servers print, then the percentiles and what failed.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", paint.Paint(report.Bold, "LOAD TEST SUMMARY"), Rule)
	for _, line := range r.summary() {
		fmt.Fprintf(&b, "%-19s %s\n", line[0]+":", report.Line(line[1]))
	}
	fmt.Fprintf(&b, "%s\n", Rule)
	for i, s := range []Section{r.latencySection(), r.phaseSection(), r.openSection(), r.checkSection(), r.comparisonSection()} {
		s.Text(&b, paint, i > 0)
		if i == 0 {
			r.users(&b)
		}
	}
	r.failures(&b, paint)
	r.conclusion(&b, paint)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) summary() [][2]string {
	rate := 0.0
	if r.Calls > 0 {
		rate = float64(r.Succeeded) / float64(r.Calls)
	}
	lines := [][2]string{
		{"Server", strings.TrimSpace(report.Cell(r.Server, 60) + " (MCP " + r.Protocol + r.over() + ")")},
		{"Tool", report.Cell(r.Tool, 60)},
		{"Total users", fmt.Sprint(r.Users)},
	}
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

// over names the transport where it is not the common one.
func (r *Result) over() string {
	switch r.Transport {
	case "stdio":
		return ", stdio"
	case "sse":
		return ", HTTP+SSE"
	}
	return ""
}

// text writes the section as a table, nothing where it is empty.
func (s *Section) Text(b *strings.Builder, paint report.Painter, gap bool) {
	if len(s.Rows) == 0 {
		return
	}
	if gap {
		b.WriteString("\n")
	}
	t := report.Table{Right: s.Right}
	t.Row(s.Header...)
	for i, row := range s.Rows {
		style := report.Plain
		if s.Marked[i] {
			style = s.Style
		}
		cells := append([]string{}, row...)
		if !s.Right[0] {
			cells[0] = "  " + cells[0]
		}
		t.Styled(style, cells...)
	}
	_ = t.Write(b, paint) // a Builder takes everything
}

// users says how unevenly the users were served.
func (r *Result) users(b *strings.Builder) {
	if s := r.UserMeans; s != nil {
		fmt.Fprintf(b, "Mean of a user: %s to %s, median %s\n", report.Millis(s.Least), report.Millis(s.Greatest), report.Millis(s.Median))
	}
	if s := r.UserCalls; s != nil && s.Least < s.Greatest {
		fmt.Fprintf(b, "Calls of a user: %.0f to %.0f, median %.0f\n", s.Least, s.Greatest, s.Median)
	}
}

// failureWords say what a kind of error is.
var failureWords = map[ErrorKind]string{
	ErrConnect: "got no connection", ErrTLS: "failed in the TLS handshake", ErrTimeout: "got no answer in time",
	ErrReset: "lost their connection", ErrHTTP: "got an HTTP error", ErrRPC: "got a JSON-RPC error",
	ErrTool: "got a result with isError", ErrMalformed: "got an answer that is no MCP", ErrSession: "met a session that the server had lost",
	ErrLimited: "were refused by a rate limit", ErrVersion: "were refused for their protocol version",
	ErrTooLarge: "got an answer that is too large", ErrOther: "got no answer",
}

func (r *Result) failures(b *strings.Builder, paint report.Painter) {
	for _, e := range r.Errors {
		line := fmt.Sprintf("%s %s, such as: %s", report.Count(e.Count), failureWords[e.Kind], report.Cell(e.Example, 160))
		b.WriteString(paint.Paint(report.Bad, line) + "\n")
	}
	if n := r.Sessions.Failed; n > 0 {
		b.WriteString(paint.Paint(report.Bad, report.Count(n)+" sessions could not be opened; their calls were not made") + "\n")
		for _, e := range r.Sessions.Errors {
			b.WriteString(paint.Paint(report.Bad, fmt.Sprintf("  %s, such as: %s", e.what(), report.Cell(e.Example, 160))) + "\n")
		}
	}
	if n := r.Sessions.EndFailed; n > 0 {
		b.WriteString(paint.Paint(report.Caution, report.Count(n)+" sessions could not be ended") + "\n")
	}
	if r.Interrupted {
		b.WriteString(paint.Paint(report.Caution, "Interrupted: this is what was done until then.") + "\n")
	}
}

// conclusion says what the run comes to where that is not simply good.
func (r *Result) conclusion(b *strings.Builder, paint report.Painter) {
	word, style := r.Verdict.Headline()
	if r.Verdict == VerdictOK {
		if len(r.Checks) > 0 || r.Comparison != nil {
			b.WriteString("\n" + paint.Paint(style, word) + r.Comparison.untold() + "\n")
		}
		return
	}
	b.WriteString("\n" + paint.Paint(style, r.Verdict.Sentence(r.Reasons)) + "\n")
}
