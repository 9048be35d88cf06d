package main

import (
	"io"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// What a run ends with, also where the server died of it.
func TestLeaktestOutcome(t *testing.T) {
	for _, test := range []struct {
		verdict trend.Verdict
		ended   string
		failOn  string
		want    int
	}{
		{trend.NoLeak, "", "leak", 0},
		{trend.Undecided, "", "leak", 0},
		{trend.Undecided, "", "undecided", exitFinding},
		{trend.Undecided, "killed", "leak", exitFailure},
		{trend.Undecided, "killed", "undecided", exitFinding},
		{trend.Leak, "killed", "leak", exitFinding},
	} {
		a := &app{getenv: func(string) string { return "" }}
		a.stderr = a.guard(io.Discard)
		l := leaktester{a: a}
		l.failOn.value = test.failOn
		err := l.outcome(&leaktest.Result{Verdict: test.verdict, Finding: test.verdict == trend.Leak, Ended: test.ended})
		if err != nil {
			err = runError{err}
		}
		if got := exitCode(err); got != test.want {
			t.Errorf("%+v: exit code %d (%v)", test, got, err)
		}
	}
}
