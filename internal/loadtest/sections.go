package loadtest

import (
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// section is a table of a result. Each output lays it out in its way.
type section struct {
	title  string
	right  map[int]bool
	header []string
	rows   [][]string
	marked map[int]bool // rows that stand out
	style  report.Style // of those
}

func (s *section) add(cells ...string) { s.rows = append(s.rows, cells) }

// mark adds a row that stands out.
func (s *section) mark(cells ...string) {
	if s.marked == nil {
		s.marked = map[int]bool{}
	}
	s.marked[len(s.rows)] = true
	s.add(cells...)
}

// maxLabel is how wide a name from outside may be in a table.
const maxLabel = 40

// label is the name of a step. Of a long one the middle is left out: URIs differ in their ends.
func label(s string) string {
	const end = 24
	runes := []rune(report.Line(s))
	if report.Width(string(runes)) <= maxLabel || len(runes) <= end {
		return report.Cut(string(runes), maxLabel)
	}
	tail := report.Cut(string(runes[len(runes)-end:]), end)
	return report.Cut(string(runes), maxLabel-end) + tail
}

// sections are the tables of the result that have something in them.
func (r *Result) sections() []section {
	var out []section
	for _, s := range []section{r.latencySection(), r.phaseSection(), r.openSection(), r.checkSection(), r.comparisonSection(), r.errorSection()} {
		if len(s.rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func numbers(columns int) map[int]bool {
	right := map[int]bool{}
	for i := 1; i <= columns; i++ {
		right[i] = true
	}
	return right
}

// latencySection has a row for the whole run, and for each step where there are several.
func (r *Result) latencySection() section {
	s := section{title: "Latency", right: numbers(5), header: []string{"Latency", "p50", "p90", "p99", "max", "calls"}}
	add := func(name string, l *Latency) {
		if l != nil && (l.Count > 0 || len(s.rows) == 0) {
			s.add(name, report.Millis(l.P50), report.Millis(l.P90), report.Millis(l.P99), report.Millis(l.Max), report.Count(l.Count))
		}
	}
	add("successful", &r.Latency)
	add("from sending", r.Service)
	add("failed", r.FailedLatency)
	if f := r.FirstByte; f != nil && f.P50 < 0.8*r.Latency.P50 { // else it is the whole answer
		add("first byte", f)
	}
	if len(r.Steps) < 2 {
		return s
	}
	for i := range r.Steps {
		step := &r.Steps[i]
		add(label(step.Label), &step.Latency)
		if step.FailedLatency != nil {
			add(label(step.Label)+", failed", step.FailedLatency)
		}
	}
	return s
}

func (r *Result) phaseSection() section {
	s := section{title: "Sessions", right: numbers(5), header: []string{"Sessions", "p50", "p90", "p99", "max", "times"}}
	for _, p := range []struct {
		name string
		l    *Latency
	}{{"connect", r.Phases.Connect}, {"TLS", r.Phases.TLS}, {"initialize", r.Phases.Initialize}, {"end", r.Phases.End}} {
		if p.l != nil {
			s.add(p.name, report.Millis(p.l.P50), report.Millis(p.l.P90), report.Millis(p.l.P99), report.Millis(p.l.Max), report.Count(p.l.Count))
		}
	}
	return s
}

// openSection says how well the calls came when they were due.
func (r *Result) openSection() section {
	s := section{title: "Arrivals", right: numbers(5), header: []string{"Arrivals", "due", "started", "late", "never started", "latest"}}
	if o := r.Open; o != nil {
		s.add("calls", report.Count(o.Intended), report.Count(o.Started), report.Count(o.Late), report.Count(o.Dropped), report.Millis(o.MaxLate))
	}
	return s
}

func (r *Result) checkSection() section {
	s := section{title: "Thresholds", header: []string{"Thresholds", "measured", ""}, style: report.Bad}
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Held {
			s.add(report.Cell(c.Threshold, 60), c.Measured(), "held")
		} else {
			s.mark(report.Cell(c.Threshold, 60), c.Measured(), "crossed")
		}
	}
	return s
}

func (r *Result) comparisonSection() section {
	s := section{title: "Compared", right: numbers(3), header: []string{"Compared", "before", "now", "change", "", ""}, style: report.Bad}
	if r.Comparison == nil {
		return s
	}
	s.title = "Compared with " + report.Cell(r.Comparison.Before, 60)
	for i := range r.Comparison.Rows {
		d := &r.Comparison.Rows[i]
		before, now := d.Values()
		row := []string{label(d.Name()), before, now, d.Delta(), d.Verdict, d.Evidence()}
		if d.Verdict == Worse {
			s.mark(row...)
		} else {
			s.add(row...)
		}
	}
	return s
}

func (r *Result) errorSection() section {
	s := section{title: "Failures", right: map[int]bool{0: true}, header: []string{"Calls", "failed since they", "for example"}}
	for _, e := range r.Errors {
		s.add(report.Count(e.Count), e.what(), report.Cell(e.Example, 120))
	}
	for _, e := range r.Sessions.Errors {
		s.add(report.Count(e.Count), "had no session: opening it "+e.what(), report.Cell(e.Example, 120))
	}
	return s
}

// what says what a kind of error is, with its code.
func (e *ErrorCount) what() string {
	words := failureWords[e.Kind]
	if words == "" {
		words = "failed" // a kind of a later version
	}
	if e.Code != 0 {
		return fmt.Sprintf("%s (%d)", words, e.Code)
	}
	return words
}

// because are the reasons that the headline does not say already.
func (v Verdict) because(reasons []string) []string {
	word, _ := v.headline()
	var more []string
	for _, r := range reasons {
		if !strings.EqualFold(r, word) {
			more = append(more, r)
		}
	}
	return more
}

// sentence is the verdict with its reasons, on a line.
func (v Verdict) sentence(reasons []string) string {
	word, _ := v.headline()
	if more := v.because(reasons); len(more) > 0 {
		return word + ": " + report.Line(strings.Join(more, "; "))
	}
	return word
}

// headline is the verdict in a word or two, and how it looks.
func (v Verdict) headline() (string, report.Style) {
	switch v {
	case VerdictOK:
		return "OK", report.Good
	case VerdictFailed:
		return "No call succeeded", report.Bad
	case VerdictCrossed:
		return "Failed", report.Bad
	case VerdictWithheld:
		return "No verdict", report.Caution
	}
	return string(v), report.Caution
}
