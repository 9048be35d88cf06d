package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// ServersSchema names the version of the JSON document of several servers.
const ServersSchema = "mcpdiag.doctor.servers/1"

// ServerResults are the judgements of the servers of a file.
type ServerResults struct {
	Schema  string         `json:"schema"`
	File    string         `json:"file"`
	Servers []ServerResult `json:"servers"`

	how Judgement
}

// ServerResult is the judgement of one server; Result is nil if it was not examined.
type ServerResult struct {
	Name    string  `json:"name"`
	Skipped string  `json:"skipped,omitempty"`
	Result  *Result `json:"result,omitempty"`
}

// JudgeServers returns the results of the servers of a file.
func JudgeServers(file string, servers []ServerResult, how Judgement) *ServerResults {
	return &ServerResults{Schema: ServersSchema, File: report.Line(file), Servers: servers, how: how}
}

// Severity returns how bad a server is.
func (s ServerResult) severity() finding.Severity {
	if s.Result == nil {
		return finding.Skip
	}
	return s.Result.Report().Severity
}

// interrupted reports whether the run was interrupted before the server was examined.
func (s ServerResult) interrupted() bool {
	return s.Skipped == string(Interrupted) || s.Result != nil && s.Result.Verdict == Interrupted
}

// headline returns the conclusion on a server.
func (s ServerResult) headline() string {
	switch {
	case s.Result == nil:
		return "not examined: " + s.Skipped
	case s.interrupted():
		return s.Result.Headline
	}
	return string(s.Result.Verdict) + ": " + s.Result.Headline
}

// Text writes a line for each server, then the page of each that is sick.
func (r *ServerResults) Text(w io.Writer, paint report.Painter) error {
	width := 0
	for _, s := range r.Servers {
		width = max(width, len([]rune(s.Name)))
	}
	var b strings.Builder
	for _, s := range r.Servers {
		m := marks[s.severity()]
		fmt.Fprintf(&b, " %s  %-*s  %s\n", paint.Paint(m.style, m.word), width, s.Name, report.CutWords(report.Line(s.headline()), r.how.width()-width-len(" ✗ FAIL  ")))
	}
	for _, s := range r.Servers {
		if s.severity() != finding.Fail && !r.how.Verbose || s.Result == nil {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", paint.Paint(report.Bold, s.Name))
		if err := s.Result.Text(&b, paint); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Report implements finding.Result: a finding for each server.
func (r *ServerResults) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag doctor", Verdict: Healthy, Outcome: finding.Clean}
	sick, left := 0, 0
	for _, s := range r.Servers {
		f := finding.Finding{ID: s.Name, Group: "servers", Severity: s.severity(), Summary: s.headline()}
		if s.Result != nil {
			f.Hint, f.Evidence = s.Result.worst().Hint, s.Result.worst().Evidence
			rep.Seconds += s.Result.Seconds
		}
		if f.Severity == finding.Fail {
			sick++
		}
		if s.interrupted() {
			left++
		}
		rep.Findings = append(rep.Findings, f)
	}
	rep.Headline = fmt.Sprintf("%d of %s sick", sick, report.Plural(int64(len(r.Servers)), "server"))
	if rep.Severity = finding.Worst(rep.Findings); sick > 0 {
		rep.Verdict = Sick
	} else if rep.Severity == finding.Warn {
		rep.Verdict = Degraded
	}
	if slices.Contains([]finding.Severity{finding.Skip, finding.Info}, rep.Severity) {
		rep.Severity = finding.Pass
	}
	if left > 0 {
		rep.Verdict, rep.Severity, rep.Outcome = Interrupted, finding.Max(rep.Severity, finding.Warn), finding.Failed
		rep.Headline = fmt.Sprintf("interrupted, %d of %s not examined", left, report.Plural(int64(len(r.Servers)), "server"))
	}
	rep.FailOn(r.how.FailOn)
	return rep
}
