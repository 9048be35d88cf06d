package finding

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() *Report {
	return &Report{
		Command: "mcpdiag doctor", Verdict: "sick", Headline: "1 fault", Severity: Fail, Outcome: Found,
		Findings: []Finding{
			{ID: "network.tcp", Severity: Pass, Summary: "connects"},
			{ID: "session.affinity", Severity: Fail, Summary: "3 of 5 lost, 60%", Hint: "route by session\n::error::forged",
				Evidence: []Evidence{{Source: "#17", Text: "404\x1b[2J"}}, Next: "mcpdiag doctor --only session"},
			{ID: "tools.tokens", Severity: Warn, Summary: "many | tokens"},
			{ID: "token.time", Severity: Skip, Summary: "no token"},
		},
		Warnings: []string{"one replica seen"},
	}
}

func render(t *testing.T, r *Report, format string) string {
	t.Helper()
	var b strings.Builder
	write := map[string]func() error{
		"junit":    func() error { return r.JUnit(&b) },
		"github":   func() error { return r.GitHub(&b) },
		"markdown": func() error { return r.Markdown(&b) },
	}[format]
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(b.String(), '\x1b') {
		t.Errorf("%s contains an escape character:\n%s", format, b.String())
	}
	return b.String()
}

func TestGitHub(t *testing.T) {
	want := `::error title=mcpdiag doctor::1 fault
::error title=mcpdiag doctor session.affinity::3 of 5 lost, 60%25. route by session\n::error::forged
::warning title=mcpdiag doctor tools.tokens::many | tokens
::warning title=mcpdiag doctor::one replica seen
`
	if diff := cmp.Diff(want, render(t, example(), "github")); diff != "" {
		t.Error(diff)
	}
}

func TestJUnit(t *testing.T) {
	for _, test := range []struct {
		name                             string
		report                           *Report
		tests, failures, errors, skipped int
	}{
		{"findings", example(), 4, 1, 0, 1},
		{"only a verdict", &Report{Command: "mcpdiag diff", Verdict: "ok", Headline: "no leak"}, 1, 0, 0, 0},
		{"a verdict that is a finding", &Report{Command: "mcpdiag diff", Verdict: "leak", Outcome: Found}, 1, 1, 0, 0},
		{"a verdict that no finding shows", &Report{Command: "mcpdiag diff", Verdict: "leak", Outcome: Found, Findings: []Finding{{ID: "a", Severity: Warn}}}, 2, 1, 0, 0},
		{"could not be judged", &Report{Command: "mcpdiag diff", Verdict: "undecided", Outcome: Failed}, 1, 0, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var suite struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Skipped  int `xml:"skipped,attr"`
			}
			if err := xml.Unmarshal([]byte(render(t, test.report, "junit")), &suite); err != nil {
				t.Fatal(err)
			}
			got := []int{suite.Tests, suite.Failures, suite.Errors, suite.Skipped}
			if diff := cmp.Diff([]int{test.tests, test.failures, test.errors, test.skipped}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A threshold holds for the outcome and for the JUnit report alike.
func TestFailOn(t *testing.T) {
	t.Parallel()
	for threshold, want := range map[Severity]struct {
		outcome  Outcome
		failures int
	}{"": {Found, 1}, Fail: {Found, 1}, Warn: {Found, 2}, Never: {Clean, 0}} {
		r := example()
		r.FailOn(threshold)
		if got := strings.Count(render(t, r, "junit"), "<failure"); r.Outcome != want.outcome || got != want.failures {
			t.Errorf("%q: outcome %d with %d failures, want %+v", threshold, r.Outcome, got, want)
		}
	}
	r := &Report{Outcome: Failed}
	if r.FailOn(Warn); r.Outcome != Failed {
		t.Errorf("a run that failed has the outcome %d", r.Outcome)
	}
}

func TestMarkdown(t *testing.T) {
	got := render(t, example(), "markdown")
	for _, want := range []string{"### mcpdiag doctor: sick\n", "| fail | session.affinity | 3 of 5 lost, 60% |", `many \| tokens`, "> one replica seen"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestWorst(t *testing.T) {
	if got := Worst(example().Findings); got != Fail {
		t.Errorf("got %s", got)
	}
	if got := Worst(nil); got != Pass {
		t.Errorf("got %s of nothing", got)
	}
}
