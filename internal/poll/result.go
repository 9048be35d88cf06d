package poll

import (
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Result is the outcome of a run of polls.
type Result struct {
	Verdict  string     `json:"verdict"` // "ok" or "alert"
	Targets  []*Target  `json:"targets"`
	Alerts   []Crossing `json:"alerts,omitempty"`
	Calls    []InFlight `json:"calls,omitzero"`   // with Config.Once: the calls in flight, the oldest first
	Queues   []Queue    `json:"queues,omitempty"` // with Config.Once: queues in which calls wait
	Warnings []string   `json:"warnings,omitempty"`
}

// The verdicts of a Result.
const (
	VerdictOK    = "ok"
	VerdictAlert = "alert"
)

// Target sums up the polls of one target.
type Target struct {
	URL           string   `json:"url"`
	Polls         int64    `json:"polls"` // requests, failed ones included
	Failed        int64    `json:"failed"`
	Skipped       int64    `json:"skipped"` // missed ticks of the schedule
	Restarts      int64    `json:"restarts"`
	Processes     int64    `json:"processes,omitempty"`   // that answer in turn, as replicas do
	Unreachable   int64    `json:"unreachable,omitempty"` // polls in which a proxy did not reach its server
	MeanLatencyMs float64  `json:"meanLatencyMs"`         // of answered polls
	MaxLatencyMs  float64  `json:"maxLatencyMs"`
	HeapMB        *Range   `json:"heapMB,omitempty"`
	HeapSource    string   `json:"heapSource,omitempty"` // as in the snapshot
	Sessions      *Range   `json:"sessions,omitempty"`
	LastError     string   `json:"lastError,omitempty"`
	Warnings      []string `json:"warnings,omitempty"`
}

// Range is the range of a figure.
type Range struct {
	First float64 `json:"first"`
	Last  float64 `json:"last"`
	Max   float64 `json:"max"`
}

func (r *Range) add(v float64) *Range {
	if r == nil {
		return &Range{First: v, Last: v, Max: v}
	}
	r.Last, r.Max = v, max(r.Max, v)
	return r
}

// Crossing is an alert that was crossed: its target, time and value.
type Crossing struct {
	Alert  string        `json:"alert"`
	Target string        `json:"target"`
	At     snapshot.Time `json:"at"`
	Value  float64       `json:"value"`
	Text   string        `json:"text"` // the value with its unit
}

// add counts one poll.
func (t *Target) add(s *snapshot.Snapshot) {
	t.Polls++
	t.Skipped += s.Poll.Skipped
	if s.Failed() {
		t.Failed++
		t.LastError = s.Poll.Error
		return
	}
	if s.Unreachable() != "" {
		t.Unreachable++
	}
	answered := float64(t.Polls - t.Failed)
	t.MeanLatencyMs += (s.Poll.LatencyMs - t.MeanLatencyMs) / answered
	t.MaxLatencyMs = max(t.MaxLatencyMs, s.Poll.LatencyMs)
	if s.HeapUsedMB != nil {
		t.HeapMB, t.HeapSource = t.HeapMB.add(*s.HeapUsedMB), s.HeapSource
	}
	if s.ActiveSessions != nil {
		t.Sessions = t.Sessions.add(float64(*s.ActiveSessions))
	}
	if len(t.Warnings) == 0 {
		t.Warnings = s.Warnings
	}
}

// Answered returns the number of polls that got a snapshot.
func (r *Result) Answered() int64 {
	n := int64(0)
	for _, t := range r.Targets {
		n += t.Polls - t.Failed
	}
	return n
}

// Report returns the conclusions of the run: a finding for each target, and one for each
// alert that was crossed.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag poll", Verdict: finding.Verdict(r.Verdict), Severity: finding.Pass, Warnings: r.Warnings}
	for _, t := range r.Targets {
		rep.Findings = append(rep.Findings, t.finding())
	}
	rep.Severity = finding.Worst(rep.Findings)
	for _, c := range r.Alerts {
		rep.Findings = append(rep.Findings, finding.Finding{
			ID: "alert " + c.Alert, Severity: finding.Fail,
			Summary: fmt.Sprintf("%s crossed at %s by %s: %s", c.Alert, c.At.UTC().Format("15:04:05 UTC"), c.Target, c.Text),
		})
	}
	rep.Headline = report.Plural(r.Answered(), "poll") + " answered, no alert crossed"
	switch {
	case len(r.Alerts) > 0:
		rep.Outcome, rep.Severity = finding.Found, finding.Fail
		rep.Headline = report.Plural(int64(len(r.Alerts)), "alert") + " crossed: " + rep.Findings[len(r.Targets)].Summary
	case r.Answered() == 0:
		rep.Outcome, rep.Headline = finding.Failed, "no poll was answered"
	}
	rep.Tables = r.reportTables()
	return rep
}

func (t *Target) finding() finding.Finding {
	f := finding.Finding{ID: "target " + t.URL, Severity: finding.Pass, Summary: report.Plural(t.Polls-t.Failed, "poll") + " answered"}
	switch {
	case t.Polls == 0:
		f.Severity, f.Summary = finding.Warn, "no poll was answered before the run ended"
	case t.Failed+t.Unreachable > 0:
		f.Severity = finding.Warn
		f.Summary = fmt.Sprintf("%d of %d polls failed", t.Failed+t.Unreachable, t.Polls)
	}
	if t.LastError != "" {
		f.Evidence = []finding.Evidence{{Text: t.LastError}}
	}
	return f
}

// reportTables returns the summary, and the calls in flight, for Markdown.
func (r *Result) reportTables() []finding.Table {
	titles, cells, right := r.summaryCells()
	for i, title := range titles {
		titles[i] = strings.ToLower(title)
	}
	tables := []finding.Table{{Header: titles, Right: right, Rows: cells}}
	if len(r.Calls) > 0 {
		header, rows := callCells(r.Calls[:min(len(r.Calls), maxCalls)], len(r.Targets))
		tables = append(tables, finding.Table{Title: "Calls in flight", Header: header, Right: map[int]bool{1: true}, Rows: rows})
	}
	if len(r.Queues) > 0 {
		queues := finding.Table{Title: "Queues", Header: []string{"waiting"}}
		for _, q := range r.Queues[:min(len(r.Queues), maxCalls)] {
			queues.Rows = append(queues.Rows, []string{q.text(len(r.Targets))})
		}
		tables = append(tables, queues)
	}
	return tables
}
