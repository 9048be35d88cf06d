package result

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Section is a table of a result. Some of its rows may be highlighted.
type Section struct {
	finding.Table
	Style  report.Style // of highlighted rows
	marked map[int]bool
}

// Add adds a row.
func (s *Section) Add(cells ...string) { s.Rows = append(s.Rows, cells) }

// Mark adds a highlighted row.
func (s *Section) Mark(cells ...string) {
	if s.marked == nil {
		s.marked = map[int]bool{}
	}
	s.marked[len(s.Rows)] = true
	s.Add(cells...)
}

// Text writes the section as a table. It writes nothing if the section is empty.
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
		if s.marked[i] {
			style = s.Style
		}
		cells := append([]string{}, row...)
		if !s.Right[0] {
			cells[0] = "  " + cells[0]
		}
		t.Styled(style, cells...)
	}
	_ = t.Write(b, paint) // writing to a Builder cannot fail
}

// Page writes the section to a page. The heading of the page replaces that of the
// first column if they are the same.
func (s *Section) Page(p *report.Page) {
	p.Heading(s.Title)
	header := slices.Clone(s.Header)
	if strings.HasPrefix(s.Title, header[0]) {
		header[0] = ""
	}
	p.Table(s.Right, header, s.Rows, s.marked)
}

// Widths of names and examples from outside.
const (
	maxLabel   = 40
	labelEnd   = 24
	maxExample = 160
)

// label shortens the name of a step. It omits the middle: URIs differ at their ends.
func label(s string) string {
	runes := []rune(report.Line(s))
	if report.Width(string(runes)) <= maxLabel || len(runes) <= labelEnd {
		return report.Cut(string(runes), maxLabel)
	}
	tail := report.Cut(string(runes[len(runes)-labelEnd:]), labelEnd)
	return report.Cut(string(runes), maxLabel-labelEnd) + tail
}

// sections returns the tables of the result that are not empty.
func (r *Result) sections() []Section {
	var out []Section
	for _, s := range []Section{r.latencySection(), r.phaseSection(), r.openSection(), r.heldSection(), r.checkSection(), r.comparisonSection(), r.errorSection()} {
		if len(s.Rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// newSection returns an empty section whose columns after the first numbers are
// right-aligned.
func newSection(title string, numbers int, style report.Style, header ...string) Section {
	right := map[int]bool{}
	for i := 1; i <= numbers; i++ {
		right[i] = true
	}
	return Section{Table: finding.Table{Title: title, Right: right, Header: header}, Style: style}
}

// absent is the cell of a figure that was not measured.
const absent = "-"

// addLatency adds the row of a distribution, without figures if it is empty.
func (s *Section) addLatency(name string, l *Latency) {
	switch {
	case l == nil:
	case l.Count == 0:
		s.Add(name, absent, absent, absent, absent, "0")
	default:
		s.Add(name, report.Millis(l.P50), report.Millis(l.P90), report.Millis(l.P99), report.Millis(l.Max), report.Count(l.Count))
	}
}

// firstByteShare is the share of the latency below which the time to the first
// byte is worth a row. Above it the first byte is the whole answer.
const firstByteShare = 0.8

// latencySection has a row for the whole run, and one per step if there are several.
func (r *Result) latencySection() Section {
	s := newSection("Latency", 5, report.Plain, "Latency", "p50", "p90", "p99", "max", "calls")
	s.addLatency("successful", &r.Latency)
	s.addLatency("from sending", r.Service)
	s.addLatency("failed", r.FailedLatency)
	s.addLatency("waiting", r.Waiting)
	if f := r.FirstByte; f != nil && f.P50 < firstByteShare*r.Latency.P50 {
		s.addLatency("first byte", f)
	}
	if len(r.Steps) < 2 {
		return s
	}
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Latency.Count > 0 {
			s.addLatency(label(step.Label), &step.Latency)
		}
		s.addLatency(label(step.Label)+", failed", step.FailedLatency)
	}
	return s
}

func (r *Result) heldSection() Section {
	s := newSection("Held on databases", 3, report.Plain, "Held on databases", "before", "after", "per call")
	for _, h := range r.Held {
		s.Add(h.What, report.Count(int64(h.Before)), report.Count(int64(h.After)), fmt.Sprintf("%.2f", h.PerCall))
	}
	return s
}

func (r *Result) phaseSection() Section {
	s := newSection("Sessions", 5, report.Plain, "Sessions", "p50", "p90", "p99", "max", "times")
	s.addLatency("connect", r.Phases.Connect)
	s.addLatency("TLS", r.Phases.TLS)
	s.addLatency("initialize", r.Phases.Initialize)
	s.addLatency("end", r.Phases.End)
	return s
}

// openSection shows how punctually calls started at a rate.
func (r *Result) openSection() Section {
	s := newSection("Arrivals", 5, report.Plain, "Arrivals", "due", "started", "late", "never started", "latest")
	if o := r.Open; o != nil {
		s.Add("calls", report.Count(o.Intended), report.Count(o.Started), report.Count(o.Late), report.Count(o.Dropped), report.Millis(o.MaxLate))
	}
	return s
}

func (r *Result) checkSection() Section {
	s := newSection("Thresholds", 0, report.Bad, "Thresholds", "measured", "verdict")
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Held {
			s.Add(report.Cell(c.Threshold, 60), c.Measured(), "held")
		} else {
			s.Mark(report.Cell(c.Threshold, 60), c.Measured(), "crossed")
		}
	}
	return s
}

func (r *Result) comparisonSection() Section {
	s := newSection("Compared", 3, report.Bad, "Compared", "before", "now", "change", "verdict", "evidence")
	if r.Comparison == nil {
		return s
	}
	s.Title = "Compared with " + report.Cell(r.Comparison.Before, 60)
	for i := range r.Comparison.Rows {
		d := &r.Comparison.Rows[i]
		before, now := d.Values()
		row := []string{label(d.Name()), before, now, d.Delta(), d.Verdict, d.Evidence()}
		if d.Verdict == Worse {
			s.Mark(row...)
		} else {
			s.Add(row...)
		}
	}
	return s
}

func (r *Result) errorSection() Section {
	s := newSection("Failures", 0, report.Plain, "Calls", "failure", "for example")
	s.Right = map[int]bool{0: true}
	for _, e := range r.Errors {
		s.Add(report.Count(e.Count), e.words(), report.Cell(e.Example, maxExample))
	}
	for _, e := range r.Sessions.Errors {
		s.Add(report.Count(e.Count), "had no session: opening it "+e.words(), report.Cell(e.Example, maxExample))
	}
	return s
}

// failureWords describe the kinds of error as predicates of calls.
var failureWords = map[ErrorKind]string{
	ErrConnect: "got no connection", ErrTLS: "failed in the TLS handshake", ErrTimeout: "got no answer in time",
	ErrReset: "lost their connection", ErrHTTP: "got an HTTP error", ErrRPC: "got a JSON-RPC error",
	ErrTool: "got a result with isError", ErrMalformed: "got an answer that is not valid MCP", ErrSession: "met a session that the server had lost",
	ErrLimited: "were refused by a rate limit", ErrVersion: "were refused for their protocol version",
	ErrTooLarge: "got an answer that is too large", ErrOther: "got no answer",
}

// words describes a kind of error, with its code.
func (e *ErrorCount) words() string {
	words := failureWords[e.Kind]
	if words == "" {
		words = "failed" // a kind that a later version has
	}
	if e.Code != 0 {
		return fmt.Sprintf("%s (%d)", words, e.Code)
	}
	return words
}
