package finding

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// evidenceShown is how many pieces of evidence a finding shows outside JSON.
const evidenceShown = 5

// JUnit writes r as a JUnit report with one test per finding: it fails if the finding
// reaches the threshold of [Report.FailOn], is skipped for Skip, and passes otherwise. One
// more test, named after the verdict, shows the outcome: it is an error if that is Failed,
// a failure if it is Found and no test failed, and it stands alone in a report without
// findings.
func (r *Report) JUnit(w io.Writer) error {
	s := report.Suite{Name: r.Command, Seconds: r.Seconds}
	class := strings.ReplaceAll(r.Command, " ", ".")
	for _, f := range r.Findings {
		s.Add(f.testCase(class, r.fails(f)))
	}
	switch {
	case r.Outcome == Failed:
		s.Add(report.Case{Class: class, Name: string(r.Verdict), Error: &report.Problem{Message: r.Headline, Text: r.details()}})
	case len(r.Findings) == 0, r.Outcome == Found && s.Failures == 0:
		c := report.Case{Class: class, Name: string(r.Verdict), Out: r.details()}
		if r.Outcome == Found {
			c.Failure = &report.Problem{Message: r.Headline, Text: r.details()}
		}
		s.Add(c)
	}
	return s.Write(w)
}

func (f *Finding) testCase(class string, failed bool) report.Case {
	c := report.Case{Class: class, Name: f.ID}
	problem := &report.Problem{Message: f.Summary, Text: f.details()}
	switch {
	case failed:
		c.Failure = problem
	case f.Severity == Skip:
		c.Skipped = problem
	default:
		c.Out = f.Summary + "\n" + f.details()
	}
	return c
}

// GitHub writes r as workflow commands of GitHub Actions: one annotation for the
// verdict, one for each finding that is a warning or a failure, one per footnote.
func (r *Report) GitHub(w io.Writer) error {
	var b strings.Builder
	annotate := func(severity Severity, id, text string) {
		title := r.Command
		if id != "" {
			title += " " + id
		}
		fmt.Fprintf(&b, "::%s title=%s::%s\n", annotationLevel(severity), report.WorkflowProperty(title), report.WorkflowMessage(text))
	}
	annotate(r.Severity, "", r.Headline)
	for _, f := range r.Findings {
		if (f.Severity == Warn || f.Severity == Fail) && f.sentence() != r.Headline {
			annotate(f.Severity, f.ID, f.sentence())
		}
	}
	for _, warning := range r.Warnings {
		annotate(Warn, "", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func annotationLevel(s Severity) string {
	switch s {
	case Fail:
		return "error"
	case Warn:
		return "warning"
	}
	return "notice"
}

// Markdown writes r as GitHub-flavoured Markdown for a step summary or a comment.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n**%s**\n", report.Inline(r.Command), report.Inline(string(r.Verdict)), report.Inline(r.Headline))
	if rows := r.problems(); len(rows) > 0 {
		b.WriteString("\n" + report.MarkdownTable(nil, []string{"", "check", "finding", "what to do"}, rows))
	}
	for _, t := range r.Tables {
		if t.Title != "" {
			fmt.Fprintf(&b, "\n#### %s\n", report.Inline(t.Title))
		}
		b.WriteString("\n" + report.MarkdownTable(t.Right, t.Header, t.Rows))
		if t.Note != "" {
			b.WriteString("\n" + report.Inline(t.Note) + "\n")
		}
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n> %s\n", report.Inline(warning))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// problems lists the findings that need attention, one row each.
func (r *Report) problems() [][]string {
	var rows [][]string
	for _, f := range r.Findings {
		if f.Severity == Warn || f.Severity == Fail {
			rows = append(rows, []string{string(f.Severity), f.ID, f.Summary, f.Hint})
		}
	}
	return rows
}

// sentence is the summary followed by the hint.
func (f *Finding) sentence() string {
	if f.Hint == "" {
		return f.Summary
	}
	return f.Summary + ". " + f.Hint
}

// details is the evidence, the hint and the next command, a line each.
func (f *Finding) details() string {
	var b strings.Builder
	for _, e := range f.Evidence[:min(len(f.Evidence), evidenceShown)] {
		if e.Source != "" {
			b.WriteString(report.Line(e.Source) + ": ")
		}
		b.WriteString(report.Line(e.Text) + "\n")
	}
	for _, line := range []struct{ label, text string }{{"what to do: ", f.Hint}, {"next: ", f.Next}, {"see: ", f.Reference}} {
		if line.text != "" {
			b.WriteString(line.label + report.Line(line.text) + "\n")
		}
	}
	return b.String()
}

func (r *Report) details() string {
	var b strings.Builder
	b.WriteString(report.Line(r.Headline) + "\n")
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n", report.Line(t.Title))
		for _, row := range t.Rows {
			b.WriteString(report.Line(strings.Join(row, "  ")) + "\n")
		}
	}
	for _, warning := range r.Warnings {
		b.WriteString(report.Line(warning) + "\n")
	}
	return b.String()
}
