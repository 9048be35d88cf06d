package leaktest

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// phaseOf has a round of 100 operations for each reading.
func phaseOf(id string, mb ...float64) *judge.Phase {
	p := &judge.Phase{ID: id, Per: id}
	for i, v := range mb {
		p.Rounds = append(p.Rounds, judge.Round{Number: i, Operations: int64(100 * i), TreeMB: v, Processes: 1})
		p.Operations = int64(100 * i)
	}
	return p
}

func line(n int, from, step float64) []float64 {
	var mb []float64
	for i := range n {
		mb = append(mb, from+step*float64(i)+0.01*float64(i%3))
	}
	return mb
}

func resultOf(phases ...*judge.Phase) *Result {
	r := &Result{Schema: Schema, Phases: phases, Series: []Reading{}, Warnings: []string{}}
	for _, p := range phases {
		p.Judge()
	}
	r.conclude()
	return r
}

// A leak is a finding unless a budget allows it.
func TestBudget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		bytes   float64
		per     string
		verdict string
		finding bool
	}{
		{20 << 10, "call", judge.Within, false},
		{1 << 10, "call", judge.Over, true},
		{20 << 10, "session", judge.Open, true},
		{20 << 10, "operation", judge.Within, false},
	} {
		r := resultOf(phaseOf("call", line(13, 20, 1)...)) // 10.5 KB a call
		r.check(&Config{Budgets: []judge.Budget{{Bytes: test.bytes, Per: test.per, Text: "b"}}})
		if r.Budgets[0].Verdict != test.verdict || r.Finding != test.finding {
			t.Errorf("%.0f per %s: %+v, finding %t", test.bytes, test.per, r.Budgets, r.Finding)
		}
	}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	before, flat := resultOf(phaseOf("call", line(13, 20, 1)...)), resultOf(phaseOf("call", line(13, 20, 0)...))
	for _, test := range []struct {
		old, now *Result
		worse    bool
	}{
		{before, resultOf(phaseOf("call", line(13, 20, 2)...)), true},
		{before, flat, false},
		{flat, resultOf(phaseOf("call", line(13, 20, 0.001)...)), false},
	} {
		test.now.check(&Config{Baseline: test.old})
		if test.now.Baseline[0].Worse != test.worse || test.now.Finding && !test.worse && test.now.Verdict != trend.Leak {
			t.Errorf("%+v", test.now.Baseline[0])
		}
	}
	other := resultOf(phaseOf("closed", line(13, 20, 1)...), phaseOf("call", line(4, 20, 1)...))
	other.check(&Config{Baseline: before})
	if len(other.Baseline) != 0 || len(other.Warnings) != 2 {
		t.Errorf("what cannot be compared: %+v, warnings %q", other.Baseline, other.Warnings)
	}
}

// The outcome decides the exit code, also when the server died.
func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		finding bool
		ended   string
		want    finding.Outcome
	}{{false, "", finding.Clean}, {true, "", finding.Found}, {false, "killed", finding.Failed}, {true, "killed", finding.Found}} {
		if got := (&Result{Finding: test.finding, Ended: test.ended}).Report().Outcome; got != test.want {
			t.Errorf("finding %t, ended %q: %v, want %v", test.finding, test.ended, got, test.want)
		}
	}
}

// Growth in sessions whose expiry is unknown is in the title, and the run is not
// called free of leaks.
func TestGrowthThatMayExpireIsInTheTitle(t *testing.T) {
	t.Parallel()
	abandoned := func() *judge.Phase {
		p := phaseOf("abandoned", line(13, 20, 1)...)
		p.Held = true
		return p
	}
	for _, r := range []*Result{resultOf(phaseOf("call", line(13, 20, 0)...), abandoned()), resultOf(abandoned())} {
		var page, text strings.Builder
		if err := errors.Join(r.HTML(&page, t.TempDir()), r.Text(&text, true)); err != nil {
			t.Fatal(err)
		}
		title := regexp.MustCompile(`<h1>.*kept per abandoned \(95 %: .*\), expiry unknown</h1>`)
		if html := page.String(); !title.MatchString(html) || !strings.Contains(html, `<p class="badge caution">kept, expiry unknown</p>`) {
			t.Errorf("title and badge are %s", html[strings.Index(html, "<h1>"):strings.Index(html, "<h2>")])
		}
		if !regexp.MustCompile("Verdict: \x1b\\[33m").MatchString(text.String()) {
			t.Errorf("the verdict is not painted as a warning:\n%q", text.String())
		}
		if got := r.Report(); got.Severity != finding.Warn || got.Outcome != finding.Clean || !strings.Contains(got.Headline, "expiry unknown") {
			t.Errorf("the report has severity %v, outcome %v and the headline %q", got.Severity, got.Outcome, got.Headline)
		}
	}
}
