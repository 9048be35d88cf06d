package diff

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Markdown writes the result as GitHub-flavoured Markdown.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n- A: %s\n- B: %s%s\n", report.Inline(r.Reason), report.Inline(r.A.describe()), report.Inline(r.B.describe()), report.Inline(r.between()))
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n#### %s\n\n", s.title)
		b.WriteString(report.MarkdownTable(s.right, s.header, s.rows))
		b.WriteString(s.more("\n"))
	}
	if r.Command != "" {
		fmt.Fprintf(&b, "\n**the command failed: %s**\n", report.Inline(r.Command))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n> %s\n", report.Inline(warning))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JUnit writes the result as a JUnit report of one test: a suspected leak is
// its failure, a comparison that cannot be judged is its error.
func (r *Result) JUnit(w io.Writer) error {
	var details strings.Builder
	_ = r.Text(&details, false) // a Builder takes everything
	c := report.Case{Class: "mcpdiag.diff", Name: "no memory leak", Out: details.String()}
	p := &report.Problem{Message: r.Reason, Text: details.String()}
	switch r.Verdict {
	case VerdictLeak:
		c.Failure = p
	case VerdictUndecided:
		c.Error = p
	case VerdictOK, VerdictGrowth:
		if r.Command != "" {
			c.Error = &report.Problem{Message: r.Command, Text: details.String()}
		}
	}
	s := report.Suite{Name: "mcpdiag diff"}
	s.Add(c)
	return s.Write(w)
}

// GitHub writes the result as workflow commands of GitHub Actions: annotations.
func (r *Result) GitHub(w io.Writer) error {
	level := "notice"
	switch r.Verdict {
	case VerdictLeak:
		level = "error"
	case VerdictUndecided, VerdictGrowth:
		level = "warning"
	case VerdictOK:
	}
	var text strings.Builder
	fmt.Fprintf(&text, "::%s title=mcpdiag diff::%s\n", level, report.WorkflowMessage(r.Reason))
	if r.Command != "" {
		fmt.Fprintf(&text, "::error title=mcpdiag diff::%s\n", report.WorkflowMessage(r.Command))
	}
	for _, c := range r.StuckCalls[:min(len(r.StuckCalls), maxShown)] {
		what := "call " + report.Cell(c.ID, nameWidth) + " of " + report.Cell(c.Name, nameWidth) + " is still in flight"
		fmt.Fprintf(&text, "::warning title=mcpdiag diff::%s\n", report.WorkflowMessage(what))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&text, "::warning title=mcpdiag diff::%s\n", report.WorkflowMessage(warning))
	}
	_, err := io.WriteString(w, text.String())
	return err
}
