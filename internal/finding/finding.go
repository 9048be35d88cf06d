// Package finding holds the result of judging commands: findings with their severity
// and evidence, a verdict, and the outcome that decides the exit code.
//
// A command's own result struct is its JSON document. It implements [Result]:
// Report returns the same conclusions in the common form, from which the JUnit,
// GitHub and Markdown formats are rendered here, once for all commands.
package finding

import (
	"cmp"
	"io"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Severity says how serious a finding is. The words are the product's, in every format.
type Severity string

// Severities, from harmless to serious. Skip means that a check could not run;
// the finding's summary says why.
const (
	Pass Severity = "pass"
	Info Severity = "info"
	Skip Severity = "skip"
	Warn Severity = "warn"
	Fail Severity = "fail"
)

// Never is a threshold that no finding reaches. No finding has this severity.
const Never Severity = "never"

var ranks = map[Severity]int{Pass: 1, Info: 2, Skip: 3, Warn: 4, Fail: 5, Never: 6}

// Compare orders severities from harmless to serious.
func (s Severity) Compare(other Severity) int { return cmp.Compare(ranks[s], ranks[other]) }

// Evidence is one observation that supports a finding. Text may come from outside:
// renderers sanitize it.
type Evidence struct {
	Source string `json:"source,omitempty"` // where it was seen: an exchange, a file and line, a query
	Text   string `json:"text"`
}

// Finding is one judged statement. ID is stable across versions and machines.
type Finding struct {
	ID        string     `json:"id"`
	Group     string     `json:"group,omitempty"`
	Severity  Severity   `json:"severity"`
	Summary   string     `json:"summary"` // one sentence
	Evidence  []Evidence `json:"evidence,omitempty"`
	Hint      string     `json:"hint,omitempty"`         // advice
	Next      string     `json:"next_command,omitempty"` // the mcpdiag command that continues from here
	Reference string     `json:"reference,omitempty"`    // specification section or public report
}

// Verdict is a command's conclusion in one stable word, such as "leak" or "sick".
type Verdict string

// Outcome decides the exit code, whatever the format is.
type Outcome int

// Outcomes. A run that found something and then failed is Found.
const (
	Clean  Outcome = iota // nothing found: exit 0
	Failed                // could not be done or judged: exit 1
	Found                 // a finding: exit 3
)

// Report is the conclusion of a command, ready to be rendered.
type Report struct {
	Command  string // as typed, "mcpdiag diff"
	Verdict  Verdict
	Headline string // the verdict in one sentence
	Severity Severity
	Outcome  Outcome
	Findings []Finding
	Tables   []Table  // details for Markdown
	Warnings []string // doubts about the result, printed as footnotes
	Seconds  float64  // duration of the run, 0 if unknown

	threshold Severity // the least severity of a failure; "" means Fail
}

// FailOn sets the least severity of a finding that is a failure, in the outcome and in
// the JUnit report alike. An outcome of Failed stays.
func (r *Report) FailOn(s Severity) {
	r.threshold = s
	if r.Outcome == Failed {
		return
	}
	r.Outcome = Clean
	if slices.ContainsFunc(r.Findings, r.fails) {
		r.Outcome = Found
	}
}

// fails reports whether f reaches the threshold.
func (r *Report) fails(f Finding) bool { return f.Severity.Compare(cmp.Or(r.threshold, Fail)) >= 0 }

// Table is a titled table of details. Columns listed in Right are right-aligned.
type Table struct {
	Title  string
	Right  map[int]bool
	Header []string
	Rows   [][]string
	Note   string // below the table: "12 more"
}

// Result is the result of a command that judges: its report decides the exit code and is
// rendered in all formats but text and JSON.
type Result interface {
	Report() *Report
	Text(io.Writer, report.Painter) error
}

// Max returns the more serious of two severities.
func Max(a, b Severity) Severity {
	if a.Compare(b) > 0 {
		return a
	}
	return b
}

// Worst returns the most serious severity among findings, Pass if there are none.
func Worst(findings []Finding) Severity {
	worst := Pass
	for _, f := range findings {
		worst = Max(worst, f.Severity)
	}
	return worst
}

// Leading returns the first of the most serious findings, nil if none is a warning or a
// failure.
func Leading(findings []Finding) *Finding {
	worst := Worst(findings)
	if worst.Compare(Warn) < 0 {
		return nil
	}
	return &findings[slices.IndexFunc(findings, func(f Finding) bool { return f.Severity == worst })]
}

// Observations returns texts as evidence.
func Observations(texts []string) (all []Evidence) {
	for _, text := range texts {
		all = append(all, Evidence{Text: text})
	}
	return all
}

// Health returns the verdict on the findings about a server: sick, doubtful or healthy,
// and unknown if none of them could be judged.
func Health(findings []Finding) Verdict {
	switch Worst(findings) {
	case Fail:
		return "sick"
	case Warn:
		return "doubtful"
	}
	if slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Pass }) {
		return "healthy"
	}
	return "unknown"
}

// Graded compares a value with the bounds of a warning and of a failure.
func Graded[N float64 | time.Duration](v, warn, fail N) Severity {
	switch {
	case v >= fail:
		return Fail
	case v >= warn:
		return Warn
	}
	return Pass
}
