package token

import (
	"cmp"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Expect holds the server's requirements and the time of the judgement.
type Expect struct {
	Now      time.Time
	NowError time.Duration // of Now, if it is a server's Date
	Resource string        // the MCP server's URL; "" is not checked
	Issuers  []string      // authorization servers; empty is not checked
	Scopes   []string      // all of them are needed
	Keys     Keys
}

// Result is the judgement of a token; it is the JSON. Of the token it holds only
// masked claims.
type Result struct {
	Schema   string            `json:"schema"`
	Kind     Kind              `json:"kind"`
	Claims   []Claim           `json:"claims"`
	Verdict  finding.Verdict   `json:"verdict"` // usable, doubtful, unusable, unknown
	Findings []finding.Finding `json:"results"`

	expect Expect
	show   bool
	known  bool     // the claims could be read
	unread []string // expectations that nothing could be compared with
}

// expectations returns the claims that are to be compared.
func (e *Expect) expectations() []string {
	var names []string
	for _, claim := range []struct {
		name   string
		wanted bool
	}{{"issuer", len(e.Issuers) > 0}, {"audience", e.Resource != ""}, {"scope", len(e.Scopes) > 0}} {
		if claim.wanted {
			names = append(names, claim.name)
		}
	}
	return names
}

// Schema names the version of the JSON document.
const Schema = "mcpdiag.token/1"

// decide sets the verdict. A token whose claims are unknown is never usable.
func (r *Result) decide() {
	switch worst := finding.Worst(r.Findings); {
	case worst == finding.Fail:
		r.Verdict = "unusable"
	case worst == finding.Warn:
		r.Verdict = "doubtful"
	case !r.known:
		r.Verdict = "unknown"
	default:
		r.Verdict = "usable"
	}
}

// Report returns the findings in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag token", Verdict: r.Verdict, Findings: r.Findings, Severity: finding.Worst(r.Findings)}
	rep.FailOn(finding.Fail)
	rep.Headline = r.headline()
	table := finding.Table{Title: "Claims", Header: []string{"claim", "value", ""}}
	for _, c := range r.Claims {
		table.Rows = append(table.Rows, []string{c.Name, c.Value, c.Note})
	}
	if len(table.Rows) > 0 {
		rep.Tables = []finding.Table{table}
	}
	return rep
}

// headline names the first failure, else the first warning.
func (r *Result) headline() string {
	if f := finding.Leading(r.Findings); f != nil {
		return f.ID + ": " + f.Summary
	}
	if r.Verdict == "unknown" {
		return "only the server can judge this token: its " + cmp.Or(strings.Join(r.unread, ", "), "claims") + " cannot be read"
	}
	return "no fault is visible from outside"
}
