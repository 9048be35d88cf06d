package main

import (
	"unicode"
	"unicode/utf8"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// judged is a result whose report decides the exit code.
type judged interface {
	textual
	finding.Result
}

// conclude writes the result of a command that judges. It returns the error that
// stands for the outcome.
func (a *app) conclude(path, format string, res judged) error {
	if err := a.writeResult(path, format, res); err != nil {
		return err
	}
	if path != "" && path != "-" {
		a.note("wrote %s", path)
	}
	return outcomeOf(res.Report())
}

// outcomeOf returns the error that stands for the outcome of r, nil for Clean. That
// of a result that could not be judged says the headline.
func outcomeOf(r *finding.Report) error {
	switch r.Outcome {
	case finding.Found:
		return errFinding
	case finding.Failed:
		first, n := utf8.DecodeRuneInString(r.Headline)
		return outcomeError{finding.Failed, string(unicode.ToLower(first)) + r.Headline[n:]}
	case finding.Clean:
	}
	return nil
}
