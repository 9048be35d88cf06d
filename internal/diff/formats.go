package diff

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Markdown writes the result as GitHub-flavoured Markdown.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n- A: %s\n- B: %s%s\n", inline(r.Reason), inline(r.A.describe()), inline(r.B.describe()), inline(r.between()))
	for _, s := range r.sections() {
		fmt.Fprintf(&b, "\n#### %s\n\n", s.title)
		row := func(cells []string) {
			for _, cell := range cells {
				b.WriteString("| " + inline(cell) + " ")
			}
			b.WriteString("|\n")
		}
		row(s.header)
		for i := range s.header {
			if s.right[i] {
				b.WriteString("|---:")
			} else {
				b.WriteString("|---")
			}
		}
		b.WriteString("|\n")
		for _, cells := range s.rows {
			row(cells)
		}
		b.WriteString(s.more("\n"))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n> %s\n", inline(warning))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var markdown = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*", "_", "\\_",
	"[", "\\[", "]", "\\]", "!", "\\!", "#", "\\#", "@", "&#64;", "~", "\\~",
)

// inline makes text from outside plain text of one line of Markdown.
func inline(s string) string { return markdown.Replace(report.Line(s)) }

type suite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Case     testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
	Out     string   `xml:"system-out"`
}

type problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the result as a JUnit report of one test: a suspected leak is
// its failure, a comparison that cannot be judged is its error.
func (r *Result) JUnit(w io.Writer) error {
	var details strings.Builder
	_ = r.Text(&details, false) // a Builder takes everything
	s := suite{Name: "mcpdiag diff", Tests: 1, Case: testCase{Class: "mcpdiag.diff", Name: "no memory leak", Out: details.String()}}
	p := &problem{Message: report.Line(r.Reason), Text: details.String()}
	switch r.Verdict {
	case VerdictLeak:
		s.Failures, s.Case.Failure = 1, p
	case VerdictUndecided:
		s.Errors, s.Case.Error = 1, p
	case VerdictOK, VerdictGrowth:
		if r.Command != "" {
			s.Errors, s.Case.Error = 1, &problem{Message: report.Line(r.Command), Text: details.String()}
		}
	}
	data, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte(xml.Header), data...), '\n')) // one write, in which a secret can be found
	return err
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
	fmt.Fprintf(&text, "::%s title=mcpdiag diff::%s\n", level, command(r.Reason))
	if r.Command != "" {
		fmt.Fprintf(&text, "::error title=mcpdiag diff::%s\n", command(r.Command))
	}
	for _, c := range r.StuckCalls[:min(len(r.StuckCalls), maxShown)] {
		what := "call " + report.Cell(c.ID, nameWidth) + " of " + report.Cell(c.Name, nameWidth) + " is still in flight"
		fmt.Fprintf(&text, "::warning title=mcpdiag diff::%s\n", command(what))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&text, "::warning title=mcpdiag diff::%s\n", command(warning))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// command escapes the message of a workflow command.
func command(s string) string { return strings.ReplaceAll(report.Line(s), "%", "%25") }
