package main

import (
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// judged is the result of a command that judges: its report decides the exit code
// and is rendered in all formats but text and JSON.
type judged interface {
	finding.Result
	Text(io.Writer, report.Painter) error
}

// page is a result that is also an HTML page.
type page interface{ HTML(io.Writer) error }

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
