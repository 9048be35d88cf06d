package logs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/anomaly"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Schema names the version of the JSON document.
const Schema = "mcpdiag.logs/1"

// Result holds all reports on the logs.
type Result struct {
	Schema     string           `json:"schema"`
	Read       Reading          `json:"read"`
	Calls      []CallRow        `json:"calls"`
	BigIDs     int64            `json:"idsBeyond2^53,omitempty"`
	Sessions   Sessions         `json:"sessions"`
	Auth       []RefusalRow     `json:"auth"`
	RateLimit  []LimitRow       `json:"rateLimit"`
	Slow       []SlowRow        `json:"slow"`
	SlowOver   int64            `json:"slowOver"` // requests over the threshold
	SlowMS     float64          `json:"slowThresholdMs"`
	ErrorRates []RateRow        `json:"errorRates"`
	Errors     []ErrorRow       `json:"errors"`
	Database   []DatabaseRow    `json:"database"`
	Requests   []RequestRow     `json:"requests"` // with errors or over the threshold
	Templates  []TemplateRow    `json:"templates"`
	Anomalies  *anomaly.Result  `json:"anomalies"`
	Signatures []SignatureRow   `json:"signatures"`
	Timeline   []TimelineRow    `json:"timeline,omitempty"`
	Levels     map[string]int64 `json:"levels"`
	New        []ErrorRow       `json:"newErrors,omitempty"` // not in the baseline
	Redacted   int64            `json:"redacted"`
	Crossed    []string         `json:"crossed,omitempty"` // conditions of --fail-on
	Warnings   []string         `json:"warnings,omitempty"`

	failOn   []FailOn
	longest  time.Duration // of a request
	outcomes rateCount     // of all endpoints, by whatever field the rates are counted
	request  string        // whose timeline was asked for
	by       string        // the field by which error rates are counted
	chart    report.Chart  // warnings and errors over time
}

// Reading describes the input and its formats.
type Reading struct {
	Sources  []string         `json:"sources"`
	Lines    int64            `json:"lines"`
	Bytes    int64            `json:"bytes"`
	Entries  int64            `json:"entries"` // lines together with their continuation lines
	Formats  map[string]int64 `json:"formats"`
	Wrappers map[string]int64 `json:"wrappers,omitempty"`
	Units    map[string]int64 `json:"durationUnits,omitempty"` // how durations were read
	Unread   int64            `json:"notUnderstood"`
	Samples  []string         `json:"samples,omitempty"` // of those
	NoTime   int64            `json:"withoutTime"`
	NoZone   int64            `json:"withoutZone"`
	Zone     string           `json:"zone"` // in which those were read
	First    time.Time        `json:"first,omitzero"`
	Last     time.Time        `json:"last,omitzero"`
	CutLines int64            `json:"cutLines,omitempty"`
	CutBytes int64            `json:"cutBytes,omitempty"`
	Filtered int64            `json:"filteredOut,omitempty"`
}

// TemplateRow is a group of messages with the same text.
type TemplateRow struct {
	Template string `json:"template"`
	Count    int64  `json:"count"`
	Example  string `json:"example"`
}

// result concludes.
func (c *collector) result(o *Options, sources []*input.Source, stats *input.Stats) *Result {
	open := c.calls.open()
	r := &Result{
		Schema: Schema, Read: reading(sources, stats, o), Calls: c.calls.rows(), BigIDs: c.calls.bigIDs, Sessions: c.sessions.result(),
		Auth: c.refusals.result(), RateLimit: c.limits.result(), SlowMS: report.InMillis(o.Slow), SlowOver: c.slow.over,
		ErrorRates: c.rates.result(), Errors: c.errors.result(), Database: c.database.result(),
		Requests: c.requests.result(o.Top, open), Signatures: c.signatures.result(), Timeline: c.timeline.result(), Levels: map[string]int64{},
		failOn: o.FailOn, longest: c.slow.longest, outcomes: c.rates.all, request: o.Request, by: cmp.Or(o.By, "endpoint"),
	}
	r.Slow = c.slow.result(&c.requests)
	r.Read.Entries, r.Read.First, r.Read.Last = c.entries, timeOf(c.first), timeOf(c.last)
	r.Templates = c.templateRows(o.Top)
	r.Anomalies = anomaly.Judge(&c.counter, anomaly.Options{Recent: o.Recent, Baseline: o.Baseline})
	c.nameKeys(r.Anomalies)
	for level, n := range c.levels {
		if n > 0 && level > 0 {
			r.Levels[logline.Level(level).String()] = n
		}
	}
	r.chart = c.chart()
	r.Warnings = append(r.Warnings, stats.Warnings...)
	r.warn(c)
	red := &redactor{sessions: c.names.replacer(maps.Keys(c.sessions.seen.rows))}
	red.all(r)
	r.Redacted = red.count
	return r
}

// nameKeys adds the titles of errors to their fingerprints, and names templates by their text.
func (c *collector) nameKeys(a *anomaly.Result) {
	texts := map[string]string{}
	for t, s := range c.series {
		if s == nil {
			continue
		}
		texts[s.Key.Name] = t.String()
	}
	for i := range a.Findings {
		key := &a.Findings[i].Key
		if row, ok := c.errors.rows.rows[key.Name]; ok && key.Kind == "error" {
			key.Name += " " + row.title
		}
		if key.Kind == anomaly.TemplateKind {
			key.Name = texts[key.Name]
		}
	}
}

func (c *collector) templateRows(top int) []TemplateRow {
	all := c.templates.All()
	rows := make([]TemplateRow, 0, len(all))
	for _, t := range all {
		rows = append(rows, TemplateRow{t.String(), t.Count, t.Example})
	}
	slices.SortStableFunc(rows, func(a, b TemplateRow) int { return cmp.Compare(b.Count, a.Count) })
	return rows[:min(len(rows), 10*top)]
}

func reading(sources []*input.Source, s *input.Stats, o *Options) Reading {
	r := Reading{
		Lines: s.Lines, Bytes: s.Bytes, Formats: map[string]int64{}, Wrappers: map[string]int64{}, Units: map[string]int64{}, Unread: s.Unread,
		Samples: s.Samples, NoTime: s.NoTime, NoZone: s.NoZone, Zone: o.Input.Zone.String(), CutLines: s.CutLines, CutBytes: s.CutBytes,
	}
	for _, source := range sources {
		r.Sources = append(r.Sources, source.Name)
	}
	for i, n := range s.Formats {
		if n > 0 {
			r.Formats[logline.Format(i).String()] = n
		}
	}
	if s.Continued > 0 {
		r.Formats[continuation] = s.Continued
	}
	for i, n := range s.Wrappers {
		if n > 0 {
			r.Wrappers[logline.Wrappers(1 << i).Names()[0]] = n
		}
	}
	for i, n := range s.Durations {
		if n > 0 && i > 0 {
			r.Units[logline.DurationUnit(i).String()] = n
		}
	}
	return r
}

func (r *Result) warn(c *collector) {
	if share := float64(r.Read.Unread) / float64(max(1, r.Read.Lines)); share > 0.2 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%.0f %% of the lines were not understood, such as: %s", 100*share, report.Cell(strings.Join(r.Read.Samples, " · "), 200)))
	}
	if r.Read.NoZone > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s without a time zone, read as %s (--tz)", report.Plural(r.Read.NoZone, "line"), r.Read.Zone))
	}
	if n := r.Read.Units[logline.UnitGuessed.String()]; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s without a unit, read as milliseconds (--unit)", report.Plural(n, "duration")))
	}
	if r.Read.CutLines > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d lines are longer than 1 MiB: %d bytes in their middle were skipped", r.Read.CutLines, r.Read.CutBytes))
	}
	if c.timeline.cut {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the timeline ends with the first %d lines of the request", maxTimeline))
	}
	if c.counter.Dropped > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("too many different messages: %d events were not tested for changes", c.counter.Dropped))
	}
}

// Report returns the findings in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag logs", Warnings: r.Warnings, Tables: r.tables()}
	if r.request != "" {
		return r.reportRequest(rep)
	}
	for _, s := range r.Signatures {
		rep.Findings = append(rep.Findings, finding.Finding{
			ID: s.ID, Group: "signature", Severity: severity(s.Warn), Summary: fmt.Sprintf("%s (%s)", s.Title, times(s.Count)),
			Evidence: []finding.Evidence{{Source: s.Place, Text: s.Line}}, Hint: sentence(s.Cause) + " " + sentence(s.Remedy), Next: s.Next,
		})
	}
	for _, f := range r.Anomalies.Findings {
		rep.Findings = append(rep.Findings, finding.Finding{
			ID: "anomaly." + f.Key.Kind, Group: "anomaly", Severity: severity(f.Stopped), Summary: changeText(&f),
			Evidence: []finding.Evidence{{Text: fmt.Sprintf("%.0f events where %.1f are expected; p = %.2g of %d tested", f.Recent, f.Expected, f.P, r.Anomalies.Tested)}},
		})
	}
	for _, why := range r.Crossed {
		rep.Findings = append(rep.Findings, finding.Finding{ID: "fail-on", Severity: finding.Fail, Summary: why})
	}
	rep.Severity = finding.Worst(rep.Findings)
	rep.Verdict, rep.Headline, rep.Outcome = r.verdict(rep)
	if rep.Severity == finding.Pass && rep.Verdict != ok {
		rep.Severity = finding.Warn
	}
	return rep
}

// continuation names the lines of stack traces and the like among the formats.
const continuation = "continuation"

// mostlyUnread is the share of lines that were not understood above which there is no verdict.
const mostlyUnread = 0.9

// isUnread reports whether the logs are mostly of an unknown format. Lines that continue
// others, as indented ones do, say nothing about that: half of a document may be such.
func (r *Result) isUnread() bool {
	return float64(r.Read.Unread) > mostlyUnread*float64(r.Read.Lines-r.Read.Formats[continuation])
}

// verdict is a finding only if a known fault, a change or a condition failed.
func (r *Result) verdict(rep *finding.Report) (finding.Verdict, string, finding.Outcome) {
	failures, warnings := count(rep.Findings, finding.Fail), count(rep.Findings, finding.Warn)
	switch {
	case r.Read.Lines == 0:
		return "empty", "the logs are empty", finding.Failed
	case r.Read.Entries == 0:
		return "empty", fmt.Sprintf("no entry of %s matches --where, --since and --until", plural(int(r.Read.Lines), "line")), finding.Failed
	case failures > 0:
		found := plural(failures, "fault")
		if warnings > 0 {
			found += " and " + plural(warnings, "warning")
		}
		return "faults", found + " in " + r.timeRange(), finding.Found
	case r.isUnread():
		return "unread", fmt.Sprintf("the format of %s of %s is not known: only phrases in them were searched", report.Count(r.Read.Unread), plural(int(r.Read.Lines), "line")), finding.Failed
	case warnings > 0:
		return "warnings", fmt.Sprintf("%s in %s", plural(warnings, "warning"), r.timeRange()), finding.Clean
	}
	verdict, counted := r.counted()
	headline := "no known fault and no change of rates in " + r.timeRange()
	if r.Anomalies.TooLittle != "" || r.Anomalies.Tested == 0 {
		headline = "no known fault in " + r.timeRange()
	}
	return verdict, headline + counted, finding.Clean
}

// ok is the verdict on logs without a finding in which nothing went wrong.
const ok finding.Verdict = "ok"

// counted lists failures that are no finding by themselves: errors, and requests that were
// not served. The verdict is the first of these.
func (r *Result) counted() (verdict finding.Verdict, text string) {
	verdict = ok
	say := func(v finding.Verdict, what string) {
		if text += "; " + what; verdict == ok {
			verdict = v
		}
	}
	if n := r.errorCount(); n > 0 {
		first := r.Errors[0]
		say("errors", fmt.Sprintf("%s of %s, most: %s (%d)", report.Plural(n, "error"), plural(len(r.Errors), "kind"), report.Cell(first.Title, titleWidth), first.Count))
	}
	if n := r.unansweredCount(); n > 0 {
		say("unanswered", report.Plural(n, "call")+" without an answer")
	}
	if n := r.refusedCount(); n > 0 {
		say("refused", report.Plural(n, "refusal"))
	}
	if n := r.limitedCount(); n > 0 {
		say("limited", report.Plural(n, "request")+" over a limit")
	}
	return verdict, text
}

// titleWidth is the width of an error's title in the headline.
const titleWidth = 60

// reportRequest concludes about the one request that was asked for.
func (r *Result) reportRequest(rep *finding.Report) *finding.Report {
	rep.Tables = nil
	id := report.RedactText(r.request)
	if len(r.Timeline) == 0 {
		rep.Verdict, rep.Severity, rep.Outcome = "absent", finding.Fail, finding.Failed
		rep.Headline = fmt.Sprintf("no line of %s belongs to request %s; --only requests lists those with an error, slow or without an answer", plural(int(r.Read.Lines), "line"), id)
		return rep
	}
	failed := 0
	for _, row := range r.Timeline {
		if row.Failed {
			failed++
		}
	}
	rep.Verdict, rep.Severity = ok, finding.Pass
	if failed > 0 {
		rep.Verdict, rep.Severity = "failed", finding.Warn
	}
	last := r.Timeline[len(r.Timeline)-1]
	rep.Headline = fmt.Sprintf("request %s: %s, %s, %s", id, plural(len(r.Timeline), "line"), report.Millis(max(last.MS, last.TookMS)), plural(failed, "error"))
	return rep
}

func severity(warn bool) finding.Severity {
	if warn {
		return finding.Warn
	}
	return finding.Fail
}

func count(findings []finding.Finding, s finding.Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}
