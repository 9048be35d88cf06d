package metrics

import (
	"fmt"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Schema names the version of the JSON document.
const Schema = "mcpdiag.metrics/1"

// Result is the judgement of a page of metrics; it is the JSON.
type Result struct {
	Schema    string            `json:"schema"`
	Target    string            `json:"target"`
	Window    string            `json:"window"`
	Seconds   float64           `json:"window_seconds,omitempty"` // absent if unknown
	Restarted bool              `json:"restarted,omitempty"`
	Verdict   finding.Verdict   `json:"verdict"` // healthy, doubtful, sick, unknown
	Findings  []finding.Finding `json:"results"`
	Endpoints []Endpoint        `json:"endpoints"`
	Errors    []ErrorRate       `json:"errors"`
	Summaries []Summary         `json:"summaries"`
	Process   []Figure          `json:"process"`
	Warnings  []string          `json:"warnings"`
}

type judge struct {
	window *window
	slow   time.Duration
	result *Result
}

// Judge judges the difference of two readings, and the latest alone if before is nil.
func Judge(cfg Config, before, now *Scrape) *Result {
	w := newWindow(before, now)
	j := &judge{window: w, slow: cfg.Slow, result: &Result{Schema: Schema, Target: client.Redact(cfg.Target), Warnings: []string{}}}
	j.endpoints()
	j.summaries()
	j.errorRates()
	j.judgeErrors()
	j.judgeSlow()
	j.process()
	r := j.result
	r.Window, r.Seconds, r.Restarted = w.String(), w.seconds(), w.restarted
	if w.restarted {
		j.add("restart", finding.Warn, "find out why: mcpdiag logs, or the exit code that its supervisor recorded", "the server restarted between the two readings: a counter fell or the start time changed")
	}
	if now.Skipped > 0 {
		j.warn("%s of the page could not be read", report.Plural(int64(now.Skipped), "line"))
	}
	r.Verdict = finding.Health(r.Findings)
	return r
}

func (j *judge) add(id string, s finding.Severity, hint, format string, args ...any) {
	j.result.Findings = append(j.result.Findings, finding.Finding{ID: "metrics." + id, Group: "metrics", Severity: s, Summary: fmt.Sprintf(format, args...), Hint: hint})
}

func (j *judge) warn(format string, args ...any) {
	j.result.Warnings = append(j.result.Warnings, fmt.Sprintf(format, args...))
}

// judgeErrors judges the largest error rate by the lower bound of its interval.
func (j *judge) judgeErrors() {
	if len(j.result.Errors) == 0 {
		j.add("errors", finding.Skip, "", "no counter with a label such as status or code grew: error rates are unknown")
		return
	}
	worst := j.result.Errors[0]
	for _, e := range j.result.Errors {
		if e.Low > worst.Low {
			worst = e
		}
	}
	j.add("errors", finding.Graded(worst.Low, 0.01, 0.05), "mcpdiag logs groups the errors of the server", "%s: %s of %s calls failed, %s (95 %% interval %s to %s)",
		report.Cell(worst.Endpoint, 60), countText(worst.Errors), countText(worst.Calls), report.Percent(worst.Rate), report.Percent(worst.Low), report.Percent(worst.High))
}

// judgeSlow warns of each endpoint whose 99 % quantile is certainly above the limit.
func (j *judge) judgeSlow() {
	judged := 0
	for _, e := range j.result.Endpoints {
		if !e.isRequest() || e.quantile(0.99) == "-" {
			continue
		}
		judged++
		if e.slowerThan(j.slow) {
			j.add("slow", finding.Warn, "mcpdiag flame shows where the time of a call goes", "%s: p99 %s, %s of all time of %s", report.Cell(e.Endpoint, 60), e.quantile(0.99), report.Percent(e.Share), report.Cell(e.Metric, 60))
		}
	}
	switch {
	case judged == 0:
		j.add("slow", finding.Skip, "", "no histogram of requests has the 100 observations that a 99 %% quantile needs")
	case !j.has("metrics.slow"):
		j.add("slow", finding.Pass, "", "%s at or below %s at the 99 %% quantile, or in a bucket that reaches below it", report.Plural(int64(judged), "endpoint"), report.Duration(j.slow))
	}
}

func (j *judge) has(id string) bool {
	return slices.ContainsFunc(j.result.Findings, func(f finding.Finding) bool { return f.ID == id })
}
