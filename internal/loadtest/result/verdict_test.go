package result

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// A slow generator withholds the verdict, unless the failures are the story.
func TestConclude(t *testing.T) {
	t.Parallel()
	toolErrors := []ErrorCount{{Kind: ErrTool, Count: 100, Example: "missing x"}}
	for name, c := range map[string]struct {
		result          Result
		want            Verdict
		reason, warning string
	}{
		"fine":              {Result{Calls: 100, Succeeded: 100, Load: &Generator{}}, VerdictOK, "", ""},
		"slow generator":    {Result{Calls: 100, Succeeded: 100, Load: &Generator{Limit: true, LagP50: 12}}, VerdictWithheld, "this machine was too busy", ""},
		"every call fails":  {Result{Calls: 100, Failed: 100, Errors: toolErrors, Load: &Generator{Limit: true}}, VerdictFailed, "no call succeeded; 100 of 100 calls got a result with isError: missing x", "this machine was too busy"},
		"most calls fail":   {Result{Calls: 100, Failed: 60, Succeeded: 40, Load: &Generator{Limit: true}}, VerdictOK, "", "this machine was too busy"},
		"late at a rate":    {Result{Calls: 100, Succeeded: 100, Load: &Generator{}, Open: &OpenModel{Intended: 100, OwnLate: 2}}, VerdictWithheld, "2 of 100 calls started late", ""},
		"no user was free":  {Result{Calls: 98, Succeeded: 98, Load: &Generator{}, Open: &OpenModel{Intended: 100, Dropped: 2}}, VerdictWithheld, "2 of 100 calls never started", ""},
		"one call was late": {Result{Calls: 99, Succeeded: 99, Load: &Generator{}, Open: &OpenModel{Intended: 100, Dropped: 1}}, VerdictOK, "", "1 of 100 calls never started"},
		"all calls wait":    {Result{Interrupted: true, Waiting: &Latency{Count: 2, Max: 2700}}, VerdictFailed, "interrupted before the end of 2 calls that were waiting, the longest for 2.7s", ""},
		"no session at all": {Result{Sessions: Sessions{Failed: 3, Errors: []ErrorCount{{Kind: ErrConnect, Count: 3}}}}, VerdictFailed, "got no connection", ""},
	} {
		r := c.result
		r.Verdict = VerdictOK
		r.Conclude()
		reasons, warnings := strings.Join(r.Reasons, "; "), strings.Join(r.Warnings, "; ")
		if r.Verdict != c.want || !strings.Contains(reasons, c.reason) || !strings.Contains(warnings, c.warning) || c.warning == "" && warnings != "" {
			t.Errorf("%s: %s, %q, warnings %q", name, r.Verdict, reasons, warnings)
		}
	}
}

// The outcome is the exit code: a withheld verdict fails only a run that was to judge.
func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verdict   Verdict
		requested bool
		want      finding.Outcome
	}{
		{VerdictOK, true, finding.Clean}, {VerdictCrossed, true, finding.Found}, {VerdictFailed, false, finding.Failed},
		{VerdictWithheld, false, finding.Clean}, {VerdictWithheld, true, finding.Failed},
	} {
		if got := c.verdict.Outcome(c.requested); got != c.want {
			t.Errorf("%s, requested %t: outcome %d, want %d", c.verdict, c.requested, got, c.want)
		}
	}
}
