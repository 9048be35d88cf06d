package loadtest

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

const rule = "======================================================================"

// Text writes the result for people: the summary that load test scripts of MCP
// servers print, then the percentiles and what failed.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", paint.Paint(report.Bold, "LOAD TEST SUMMARY"), rule)
	for _, line := range r.summary() {
		fmt.Fprintf(&b, "%-19s %s\n", line[0]+":", report.Line(line[1]))
	}
	fmt.Fprintf(&b, "%s\n", rule)
	r.latencies(&b)
	r.failures(&b, paint)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) summary() [][2]string {
	rate := 0.0
	if r.Calls > 0 {
		rate = float64(r.Succeeded) / float64(r.Calls)
	}
	lines := [][2]string{
		{"Server", strings.TrimSpace(report.Cell(r.Server, 60) + " (MCP " + r.Protocol + ")")},
		{"Tool", report.Cell(r.Tool, 60)},
		{"Total users", fmt.Sprint(r.Users)},
		{"Calls per user", fmt.Sprint(r.CallsPerUser)},
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

func (r *Result) latencies(b *strings.Builder) {
	t := report.Table{Right: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}}
	t.Row("Latency", "p50", "p90", "p99", "max", "calls")
	add := func(name string, l Latency) {
		t.Row(name, report.Millis(l.P50), report.Millis(l.P90), report.Millis(l.P99), report.Millis(l.Max), report.Count(l.Count))
	}
	add("  successful", r.Latency)
	if r.FailedLatency != nil {
		add("  failed", *r.FailedLatency)
	}
	_ = t.Write(b, false) // a Builder takes everything
	if s := r.UserMeans; s != nil {
		fmt.Fprintf(b, "Mean of a user: %s to %s, median %s\n", report.Millis(s.Least), report.Millis(s.Greatest), report.Millis(s.Median))
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
	if r.Sessions.Failed > 0 {
		b.WriteString(paint.Paint(report.Bad, report.Count(r.Sessions.Failed)+" sessions could not be opened; their calls were not made") + "\n")
	}
	if r.Interrupted {
		b.WriteString(paint.Paint(report.Caution, "Interrupted: this is what was done until then.") + "\n")
	}
}

// Line is the progress on one line.
func (p Progress) Line() string {
	rate := 0.0
	if s := p.Elapsed.Seconds(); s > 0 {
		rate = float64(p.Done) / s
	}
	return fmt.Sprintf("round %d  %s of %s calls  %.0f/s  p50 %s  p99 %s  failed %s",
		p.Round, report.Count(p.Done), report.Count(p.Planned), rate, report.Duration(p.P50), report.Duration(p.P99), report.Count(p.Failed))
}
