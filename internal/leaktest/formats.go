package leaktest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"time,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *problem `xml:"failure"`
	Skipped *problem `xml:"skipped"`
}

type problem struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the result as a JUnit report, a test a phase and a budget: what
// is a finding fails, what is undecided was skipped, and a server that died fails.
func (r *Result) JUnit(w io.Writer) error {
	s := suite{Name: "mcpdiag leaktest", Time: fmt.Sprintf("%.1f", r.DurationS)}
	for _, p := range r.Phases {
		s.add("no leak per "+p.Per, r.faulty(p), p.Trend.Verdict == trend.Undecided, p.Sentence())
	}
	for _, b := range r.Budgets {
		s.add("budget "+b.Budget, b.Verdict == Over, b.Verdict == Open, b.Text)
	}
	for _, c := range r.Baseline {
		s.add("baseline "+c.Phase, c.Worse, c.Open, c.Text)
	}
	if r.Ended != "" {
		s.add("the server survives the test", true, false, r.Ended)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// faulty reports whether p is a finding: a leak that nothing explains and no
// budget allows.
func (r *Result) faulty(p *Phase) bool {
	if p.Trend.Verdict != trend.Leak || len(p.Explained) > 0 {
		return false
	}
	for _, b := range r.Budgets {
		if b.Phase == p.ID && b.Verdict == Within {
			return false
		}
	}
	return true
}

func (s *suite) add(name string, failed, open bool, text string) {
	c := testCase{Class: "mcpdiag.leaktest", Name: report.Line(name)}
	s.Tests++
	switch {
	case failed:
		s.Failures++
		c.Failure = &problem{report.Line(text)}
	case open:
		s.Skipped++
		c.Skipped = &problem{report.Line(text)}
	}
	s.Cases = append(s.Cases, c)
}

// GitHub writes the result as workflow commands of GitHub Actions: annotations.
func (r *Result) GitHub(w io.Writer) error {
	var b strings.Builder
	level := "notice"
	switch {
	case r.Finding, r.Ended != "":
		level = "error"
	case r.Verdict == trend.Undecided:
		level = "warning"
	}
	annotate := func(level, text string) {
		fmt.Fprintf(&b, "::%s title=mcpdiag leaktest::%s\n", level, strings.ReplaceAll(report.Line(text), "%", "%25"))
	}
	annotate(level, r.Sentence)
	for _, c := range r.Budgets {
		annotate(map[string]string{Over: "error", Open: "warning", Within: "notice"}[c.Verdict], "budget "+c.Text)
	}
	for _, c := range r.Baseline {
		if c.Worse {
			annotate("error", c.Text)
		}
	}
	for _, warning := range r.Warnings {
		annotate("warning", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var markdown = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", "\\*",
	"_", "\\_", "[", "\\[", "]", "\\]", "!", "\\!", "#", "\\#", "@", "&#64;", "~", "\\~")

// Markdown writes the result for a step summary or a comment.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	clean := func(s string) string { return markdown.Replace(report.Line(s)) }
	fmt.Fprintf(&b, "### mcpdiag leaktest: %s\n\n%s\n\n| kept per | verdict | bytes | 95 %% interval | smallest seen |\n|---|---|---:|---:|---:|\n", clean(string(r.Verdict)), clean(r.Sentence))
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", clean(row[1]), clean(row[2]), clean(row[3]), clean(row[4]), clean(row[5]))
	}
	for _, c := range r.Budgets {
		fmt.Fprintf(&b, "\n- budget %s", clean(c.Text))
	}
	for _, c := range r.Baseline {
		fmt.Fprintf(&b, "\n- %s", clean(c.Text))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "\n> %s\n", clean(warning))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
