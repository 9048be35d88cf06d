package deps

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Schema names the version of the JSON document.
const Schema = "mcpdiag.deps/1"

// Result is the judgement of all servers; it is the JSON.
type Result struct {
	Schema   string            `json:"schema"`
	Verdict  finding.Verdict   `json:"verdict"` // healthy, doubtful, sick, unknown
	Servers  []Server          `json:"servers"`
	Findings []finding.Finding `json:"results"`
	Seconds  float64           `json:"seconds"`
}

// Server is a server that was checked, its address without the password.
type Server struct {
	Kind    Kind   `json:"kind"`
	Address string `json:"address"`
	Origin  string `json:"origin"` // of the address
}

// add adds the findings of a server. Those of several servers begin with the address.
func (r *Result) add(server int, findings []finding.Finding) {
	for _, f := range findings {
		if len(r.Servers) > 1 {
			f.Summary = report.Cell(r.Servers[server].Address, 60) + ": " + f.Summary
		}
		r.Findings = append(r.Findings, f)
	}
}

// Report returns the result in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag deps", Verdict: r.Verdict, Findings: r.Findings, Severity: finding.Worst(r.Findings), Seconds: r.Seconds, Headline: r.headline()}
	rep.FailOn(finding.Fail)
	table := finding.Table{Title: "Servers", Header: []string{"kind", "address", "from"}}
	for _, s := range r.Servers {
		table.Rows = append(table.Rows, []string{string(s.Kind), report.Cell(s.Address, 80), report.Cell(s.Origin, 60)})
	}
	rep.Tables = []finding.Table{table}
	return rep
}

// headline names the first of the worst findings, else how many checks passed and how
// many could not be made.
func (r *Result) headline() string {
	if f := finding.Leading(r.Findings); f != nil {
		return f.ID + ": " + f.Summary
	}
	counts := map[finding.Severity]int64{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	text := fmt.Sprintf("%s of %s without a finding", report.Plural(counts[finding.Pass]+counts[finding.Info], "check"), report.Plural(int64(len(r.Servers)), "server"))
	if skipped := counts[finding.Skip]; skipped > 0 {
		text += fmt.Sprintf(", %d skipped", skipped)
	}
	return text
}

// Text writes the servers, the verdict and the findings.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	rep := r.Report()
	_ = rep.Text(&b, paint) // a Builder takes everything
	b.WriteString("\n")
	for _, t := range rep.Tables {
		_ = t.Text(&b, paint) // a Builder takes everything
	}
	_, err := io.WriteString(w, b.String())
	return err
}
