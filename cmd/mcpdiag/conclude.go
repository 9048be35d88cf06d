package main

import (
	"errors"
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
	return outcomeError(res.Report())
}

// outcomeError returns errFinding for a finding, and the headline as an error for a
// result that could not be judged.
func outcomeError(r *finding.Report) error {
	switch r.Outcome {
	case finding.Found:
		return errFinding
	case finding.Failed:
		first, n := utf8.DecodeRuneInString(r.Headline)
		return errors.New(string(unicode.ToLower(first)) + r.Headline[n:])
	case finding.Clean:
	}
	return nil
}
