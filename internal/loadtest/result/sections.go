package result

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// section is a table of a result. Each output lays it out in its way.
type Section struct {
	Title  string
	Right  map[int]bool
	Header []string
	Rows   [][]string
	Marked map[int]bool // rows that stand out
	Style  report.Style // of those
}

func (s *Section) Add(cells ...string) { s.Rows = append(s.Rows, cells) }

// mark adds a row that stands out.
func (s *Section) Mark(cells ...string) {
	if s.Marked == nil {
		s.Marked = map[int]bool{}
	}
	s.Marked[len(s.Rows)] = true
	s.Add(cells...)
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
func (r *Result) sections() []Section {
	var out []Section
	for _, s := range []Section{r.latencySection(), r.phaseSection(), r.openSection(), r.checkSection(), r.comparisonSection(), r.errorSection()} {
		if len(s.Rows) > 0 {
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
func (r *Result) latencySection() Section {
	s := Section{Title: "Latency", Right: numbers(5), Header: []string{"Latency", "p50", "p90", "p99", "max", "calls"}}
	add := func(name string, l *Latency) {
		if l != nil && (l.Count > 0 || len(s.Rows) == 0) {
			s.Add(name, report.Millis(l.P50), report.Millis(l.P90), report.Millis(l.P99), report.Millis(l.Max), report.Count(l.Count))
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

func (r *Result) phaseSection() Section {
	s := Section{Title: "Sessions", Right: numbers(5), Header: []string{"Sessions", "p50", "p90", "p99", "max", "times"}}
	for _, p := range []struct {
		name string
		l    *Latency
	}{{"connect", r.Phases.Connect}, {"TLS", r.Phases.TLS}, {"initialize", r.Phases.Initialize}, {"end", r.Phases.End}} {
		if p.l != nil {
			s.Add(p.name, report.Millis(p.l.P50), report.Millis(p.l.P90), report.Millis(p.l.P99), report.Millis(p.l.Max), report.Count(p.l.Count))
		}
	}
	return s
}

// openSection says how well the calls came when they were due.
func (r *Result) openSection() Section {
	s := Section{Title: "Arrivals", Right: numbers(5), Header: []string{"Arrivals", "due", "started", "late", "never started", "latest"}}
	if o := r.Open; o != nil {
		s.Add("calls", report.Count(o.Intended), report.Count(o.Started), report.Count(o.Late), report.Count(o.Dropped), report.Millis(o.MaxLate))
	}
	return s
}

func (r *Result) checkSection() Section {
	s := Section{Title: "Thresholds", Header: []string{"Thresholds", "measured", ""}, Style: report.Bad}
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
	s := Section{Title: "Compared", Right: numbers(3), Header: []string{"Compared", "before", "now", "change", "", ""}, Style: report.Bad}
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
	s := Section{Title: "Failures", Right: map[int]bool{0: true}, Header: []string{"Calls", "failed since they", "for example"}}
	for _, e := range r.Errors {
		s.Add(report.Count(e.Count), e.what(), report.Cell(e.Example, 120))
	}
	for _, e := range r.Sessions.Errors {
		s.Add(report.Count(e.Count), "had no session: opening it "+e.what(), report.Cell(e.Example, 120))
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
