package main

import (
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// recorded judges a recording.
func (l *leaktester) recorded() error {
	j, err := readInput(l.a, l.judge, trend.JudgeFile)
	if err != nil {
		return err
	}
	l.a.warn(j.Warnings...)
	switch l.format.value {
	case "json":
		err = report.WriteJSON(l.a.stdout, &j)
	case "text":
		err = leaktest.WriteJudgement(l.a.stdout, &j, l.a.painter(l.a.stdout))
	default:
		return usagef("--judge has the formats text and json")
	}
	if err != nil {
		return err
	}
	return l.verdict(j.Verdict, j.Verdict == trend.Leak, moreRounds)
}

// moreRounds is the remedy for readings that decide nothing.
const moreRounds = "more or longer rounds may decide"

// verdict returns the error that stands for a verdict; remedy is that of an open one.
func (l *leaktester) verdict(v trend.Verdict, finding bool, remedy string) error {
	if finding {
		return errFinding
	}
	if v == trend.Undecided {
		if l.failOn.value == "undecided" {
			return errFinding
		}
		l.a.warn("undecided: " + remedy + "; --fail-on undecided makes this exit 3")
	}
	return nil
}
