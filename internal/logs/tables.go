package logs

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/logs/anomaly"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Sections are the names of the reports, in the order of the page.
var sectionNames = []string{"findings", "calls", "sessions", "auth", "slow", "errors", "error-rate", "db", "rate-limit", "requests", "anomalies", "templates"}

// SectionNames returns the names that --only takes.
func SectionNames() []string { return sectionNames }

// section is one report as a table and as one line of the overview.
type section struct {
	id    string
	line  string // "" if there is nothing to say
	table finding.Table
	bad   bool
}

// sections returns the reports in order.
func (r *Result) sections() []section {
	return []section{
		r.findingSection(), r.callSection(), r.sessionSection(), r.authSection(), r.slowSection(), r.errorSection(), r.rateSection(),
		r.databaseSection(), r.limitSection(), r.requestSection(), r.anomalySection(), r.templateSection(),
	}
}

// tables are the tables of the reports that have rows.
func (r *Result) tables() []finding.Table {
	var all []finding.Table
	for _, s := range r.sections() {
		if len(s.table.Rows) > 0 && s.id != "templates" && s.id != "findings" {
			all = append(all, s.table)
		}
	}
	return all
}

func right(columns ...int) map[int]bool {
	set := map[int]bool{}
	for _, c := range columns {
		set[c] = true
	}
	return set
}

func num(n int64) string { return strconv.FormatInt(n, 10) }

func plural(n int, what string) string { return report.Plural(int64(n), what) }

func times(n int64) string { return report.Plural(n, "time") }

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("01-02 15:04:05")
}

// timeRange describes the number of lines and the time that they cover.
func (r *Result) timeRange() string {
	lines := plural(int(r.Read.Lines), "line")
	if r.Read.Filtered > 0 {
		lines = fmt.Sprintf("%d of %s", r.Read.Entries, lines)
	}
	if r.Read.First.IsZero() {
		return lines
	}
	return fmt.Sprintf("%s from %s to %s", lines, r.Read.First.Format("2006-01-02 15:04"), r.Read.Last.Format("2006-01-02 15:04"))
}

func (r *Result) findingSection() section {
	s := section{id: "findings", table: finding.Table{Title: "Known faults", Right: right(1), Header: []string{"fault", "times", "last", "cause", "remedy"}}}
	for _, f := range r.Signatures {
		s.table.Rows = append(s.table.Rows, []string{f.Title, num(f.Count), stamp(f.Last), f.Cause, f.Remedy})
		s.bad = s.bad || !f.Warn
	}
	if n := len(r.Signatures); n > 0 {
		s.line = fmt.Sprintf("%s; first: %s (%s)", plural(n, "known fault"), r.Signatures[0].Title, times(r.Signatures[0].Count))
	}
	return s
}

func (r *Result) callSection() section {
	s := section{id: "calls", table: finding.Table{
		Title: "Calls", Right: right(1, 2, 3, 4, 5, 6, 7, 8), Header: []string{"tool or method", "calls", "errors", "unanswered", "cancelled", "p50", "p90", "p99", "max"},
	}}
	var calls, errs, open, cancelled, inFlight int64
	for _, c := range r.Calls {
		row := []string{c.Name, num(c.Calls), num(c.Errors), num(c.Unanswered), num(c.Cancelled), "-", "-", "-", "-"}
		if l := c.LatencyMS; l != nil {
			for i, v := range []float64{l.P50, l.P90, l.P99, l.Max} {
				row[5+i] = report.Millis(v)
			}
		}
		s.table.Rows = append(s.table.Rows, row)
		calls, errs, open, cancelled, inFlight = calls+c.Calls, errs+c.Errors, open+c.Unanswered, cancelled+c.Cancelled, inFlight+c.InFlight
	}
	if calls > 0 {
		s.line = fmt.Sprintf("%s to %s, %s, %d unanswered, %d cancelled", report.Plural(calls, "call"), kinds(r.Calls), report.Plural(errs, "error"), open, cancelled)
		s.bad = errs > 0 || open > 0
	}
	if inFlight > 0 {
		s.line += fmt.Sprintf(", %d in flight at the end", inFlight)
	}
	if r.BigIDs > 0 {
		s.table.Note = fmt.Sprintf("%s beyond 2^53: JavaScript cannot tell them apart", report.Plural(r.BigIDs, "id"))
	}
	return s
}

// kinds names the tool that was called, or says how many there were.
func kinds(calls []CallRow) string {
	if len(calls) == 1 {
		return calls[0].Name
	}
	return fmt.Sprintf("%d tools and methods", len(calls))
}

func (r *Result) sessionSection() section {
	c := r.Sessions
	s := section{id: "sessions", table: finding.Table{Title: "Sessions", Right: right(1), Header: []string{"event", "times"}}}
	for _, row := range []struct {
		name string
		n    int64
	}{{"opened", c.Opened}, {"closed", c.Closed}, {"initialized again", c.Reopened}, {"not found", c.NotFound}, {"disconnected", c.Disconnected}} {
		if row.n > 0 {
			s.table.Rows = append(s.table.Rows, []string{row.name, num(row.n)})
		}
	}
	if len(s.table.Rows) > 0 {
		s.line = fmt.Sprintf("%d opened, %d closed, %d not found, %d disconnected", c.Opened, c.Closed, c.NotFound, c.Disconnected)
		s.bad = c.NotFound > 0
	}
	return s
}

func (r *Result) authSection() section {
	s := section{id: "auth", table: finding.Table{Title: "Refused", Right: right(2), Header: []string{"who", "reason", "times", "first", "last"}}}
	for _, a := range r.Auth {
		s.table.Rows = append(s.table.Rows, []string{a.Who, a.Reason, num(a.Count), stamp(a.First), stamp(a.Last)})
	}
	if n := r.refusedCount(); n > 0 {
		s.line, s.bad = fmt.Sprintf("%s; most: %s, %s (%d)", report.Plural(n, "refusal"), r.Auth[0].Who, r.Auth[0].Reason, r.Auth[0].Count), true
	}
	return s
}

func (r *Result) slowSection() section {
	s := section{id: "slow", table: finding.Table{Title: "Slow requests", Right: right(1, 4), Header: []string{"what", "took", "at", "request", "longest gap", "after"}}}
	for _, row := range r.Slow {
		gap := "-"
		if row.GapMS > 0 {
			gap = report.Millis(row.GapMS)
		}
		s.table.Rows = append(s.table.Rows, []string{row.What, report.Millis(row.MS), stamp(row.At), row.Request, gap, row.GapAfter})
	}
	if r.SlowOver > 0 {
		s.line = fmt.Sprintf("%s over %s; slowest: %s, %s", report.Plural(r.SlowOver, "request"), report.Millis(r.SlowMS), r.Slow[0].What, report.Millis(r.Slow[0].MS))
		s.bad = true
	}
	return s
}

func (r *Result) errorSection() section {
	s := section{id: "errors", table: finding.Table{Title: "Errors", Right: right(1), Header: []string{"fingerprint", "times", "error", "first", "last", "place"}}}
	for _, e := range r.Errors {
		s.table.Rows = append(s.table.Rows, []string{e.Fingerprint, num(e.Count), e.Title, stamp(e.First), stamp(e.Last), e.Place})
	}
	if n := r.errorCount(); n > 0 {
		s.line, s.bad = fmt.Sprintf("%s of %s; most: %s (%d)", report.Plural(n, "error"), plural(len(r.Errors), "kind"), r.Errors[0].Title, r.Errors[0].Count), true
	}
	return s
}

func (r *Result) rateSection() section {
	s := section{id: "error-rate", table: finding.Table{Title: "Error rates", Right: right(1, 2, 3), Header: []string{r.by, "errors", "of", "rate", "95 % interval"}}}
	for _, row := range r.ErrorRates {
		if row.Errors == 0 {
			continue
		}
		s.table.Rows = append(s.table.Rows, []string{
			row.Name, num(row.Errors), num(row.Lines), report.Percent(float64(row.Errors) / float64(row.Lines)),
			report.Percent(row.Low) + " to " + report.Percent(row.High),
		})
	}
	if len(s.table.Rows) > 0 {
		first := s.table.Rows[0]
		s.line, s.bad = fmt.Sprintf("highest: %s, %s (%s of %s; %s)", first[0], first[3], first[1], first[2], first[4]), true
	}
	return s
}

func (r *Result) databaseSection() section {
	s := section{id: "db", table: finding.Table{Title: "Database errors", Right: right(1), Header: []string{"class", "times", "statement", "message", "last"}}}
	for _, d := range r.Database {
		s.table.Rows = append(s.table.Rows, []string{d.Class, num(d.Count), d.Statement, d.Message, stamp(d.Last)})
	}
	if n := total(r.Database, func(row *DatabaseRow) int64 { return row.Count }); n > 0 {
		s.line, s.bad = fmt.Sprintf("%s; most: %s (%d)", report.Plural(n, "database error"), r.Database[0].Class, r.Database[0].Count), true
	}
	return s
}

func (r *Result) limitSection() section {
	s := section{id: "rate-limit", table: finding.Table{Title: "Rate limits", Right: right(2, 3), Header: []string{"who", "endpoint", "times", "peak a second", "last"}}}
	for _, l := range r.RateLimit {
		s.table.Rows = append(s.table.Rows, []string{l.Who, l.Endpoint, num(l.Count), num(l.PeakSec), stamp(l.Last)})
	}
	if n := r.limitedCount(); n > 0 {
		s.line, s.bad = fmt.Sprintf("%s over a limit; most: %s at %s (%d)", report.Plural(n, "request"), r.RateLimit[0].Who, r.RateLimit[0].Endpoint, r.RateLimit[0].Count), true
	}
	return s
}

func (r *Result) requestSection() section {
	s := section{id: "requests", table: finding.Table{Title: "Requests unanswered, with errors or slow", Right: right(2, 3, 4, 5), Header: []string{"request", "what", "took", "lines", "errors", "longest gap", "after"}}}
	for _, q := range r.Requests {
		took, gap := report.Millis(q.MS), "-"
		if q.Unanswered > 0 {
			took = "unanswered"
		}
		if q.GapMS > 0 {
			gap = report.Millis(q.GapMS)
		}
		s.table.Rows = append(s.table.Rows, []string{q.Request, q.Endpoint, took, num(q.Lines), num(q.Errors), gap, q.GapAfter})
	}
	if len(r.Requests) > 0 {
		s.line = fmt.Sprintf("%s unanswered, with an error or slow; first: %s, %s", plural(len(r.Requests), "request"), s.table.Rows[0][0], s.table.Rows[0][2])
	}
	return s
}

func (r *Result) anomalySection() section {
	s := section{id: "anomalies", table: finding.Table{Title: "Changes", Right: right(2, 3, 4), Header: []string{"kind", "what", "recent", "expected", "ratio", "since"}}}
	for i := range r.Anomalies.Findings {
		f := &r.Anomalies.Findings[i]
		s.table.Rows = append(s.table.Rows, []string{
			f.Key.Kind, f.Key.Name, strconv.FormatFloat(f.Recent, 'f', 0, 64), strconv.FormatFloat(f.Expected, 'f', 1, 64), ratioText(f), stamp(f.Since),
		})
	}
	switch {
	case len(r.Anomalies.Findings) > 0:
		s.line, s.bad = changeText(&r.Anomalies.Findings[0]), true
		if n := len(r.Anomalies.Findings); n > 1 {
			s.line += fmt.Sprintf("; %d more", n-1)
		}
	case r.Anomalies.TooLittle == "":
		s.line = fmt.Sprintf("none among %d tested since %s; %d new messages, %.0f expected by chance", r.Anomalies.Tested, stamp(r.Anomalies.Cut), r.Anomalies.New, r.Anomalies.ExpectedNew)
	}
	return s
}

func ratioText(f *anomaly.Finding) string {
	switch {
	case f.Stopped && f.Recent == 0:
		return "stopped"
	case f.Ratio == nil:
		return "new"
	}
	return fmt.Sprintf("%.1fx [%.1f–%.1f]", *f.Ratio, f.Low, f.High)
}

// changeText says a change in one line.
func changeText(f *anomaly.Finding) string {
	return fmt.Sprintf("%s %s: %s since %s", f.Key.Kind, f.Key.Name, ratioText(f), f.Since.Format("15:04"))
}

func (r *Result) templateSection() section {
	s := section{id: "templates", table: finding.Table{Title: "Messages", Right: right(0), Header: []string{"times", "message"}}}
	for _, t := range r.Templates {
		s.table.Rows = append(s.table.Rows, []string{num(t.Count), t.Template})
	}
	if len(r.Templates) > 0 {
		s.line = fmt.Sprintf("%s; most: %s (%d)", plural(len(r.Templates), "message"), r.Templates[0].Template, r.Templates[0].Count)
	}
	return s
}
