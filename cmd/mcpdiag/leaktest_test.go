package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// The exit code of a run, also if the server died.
func TestLeaktestOutcome(t *testing.T) {
	t.Parallel()
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
		res := &leaktest.Result{Verdict: test.verdict, Finding: test.verdict == trend.Leak, Ended: test.ended}
		if test.failOn == "undecided" {
			res.FailOnUndecided()
		}
		err := l.outcome(res)
		if (err != nil) != junitFails(t, res) {
			t.Errorf("%+v: JUnit does not agree with %v", test, err)
		}
		if err != nil {
			err = runError{err}
		}
		if got := exitCode(err); got != test.want {
			t.Errorf("%+v: exit code %d (%v)", test, got, err)
		}
	}
}

// junitFails reports whether the JUnit report has a failure.
func junitFails(t *testing.T, res *leaktest.Result) bool {
	t.Helper()
	var b strings.Builder
	if err := res.Report().JUnit(&b); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(b.String(), "<failure")
}

// Arguments from a file are one line: a line break inside a message would end it on
// standard streams.
func TestFixedArguments(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "args.json")
	if err := os.WriteFile(name, []byte("{\n  \"text\": \"a\\nb\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{ctx: t.Context(), stderr: &guarded{w: io.Discard}, getenv: func(string) string { return "" }}
	if got, err := a.fixedArguments("@" + name); err != nil || string(got) != `{"text":"a\nb"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := a.fixedArguments("[1]"); err == nil {
		t.Error("an array is no arguments")
	}
}
