package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// page is a result that is also an HTML page.
type page interface{ HTML(io.Writer) error }

// conclude writes the result of a command that judges. It returns the error that
// stands for the outcome.
func (a *app) conclude(path, format string, res finding.Result) error {
	return a.concludeReport(path, format, res, res.Report())
}

// concludeOn is conclude with the least severity of a finding that is a failure, in the
// exit code and in the report alike.
func (a *app) concludeOn(failOn, path, format string, res finding.Result) error {
	rep := res.Report()
	rep.FailOn(finding.Severity(failOn))
	return a.concludeReport(path, format, res, rep)
}

func (a *app) concludeReport(path, format string, res finding.Result, rep *finding.Report) error {
	if err := a.write(path, func(w io.Writer) error { return a.renderReport(w, format, res, rep) }); err != nil {
		return err
	}
	if err := a.stepSummary(format, rep); err != nil {
		return err
	}
	return outcomeOf(rep)
}

// stepSummary adds a report in the format github to the summary of the step that runs.
func (a *app) stepSummary(format string, rep *finding.Report) error {
	path := a.getenv("GITHUB_STEP_SUMMARY")
	if format != "github" || path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the step summary: %w", report.Cause(err))
	}
	w := a.guard(f)
	return errors.Join(rep.Markdown(w), w.Flush(), f.Close())
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
