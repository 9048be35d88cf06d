package token

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Introspected adds the answer of an introspection endpoint (RFC 7662) to r. body is
// the answer, status its HTTP status.
func (r *Result) Introspected(status int, body []byte) {
	f := finding.Finding{ID: "token.introspect", Group: "token"}
	var answer map[string]any
	err := json.Unmarshal(body, &answer)
	active, known := answer["active"].(bool)
	switch {
	case status == 401 || status == 403:
		f.Severity, f.Summary = finding.Skip, fmt.Sprintf("the endpoint refuses the client: %d; check --client-id and --client-secret-file", status)
	case err != nil || !known:
		f.Severity, f.Summary = finding.Skip, fmt.Sprintf("the endpoint's answer (status %d) is no introspection response", status)
	case !active:
		f.Severity, f.Summary, f.Hint = finding.Fail, "the authorization server says that the token is not active", "it expired, was revoked, or is of another server: fetch a new one"
	default:
		f.Severity, f.Summary = finding.Pass, "the authorization server says that the token is active"
	}
	r.Findings = append(r.Findings, f)
	switch finding.Worst(r.Findings) {
	case finding.Fail:
		r.Verdict = "unusable"
	case finding.Warn:
		r.Verdict = "doubtful"
	case finding.Pass, finding.Info, finding.Skip:
	}
	if known && len(r.Claims) == 0 {
		shown := map[string]any{}
		for _, name := range []string{"scope", "client_id", "token_type", "exp", "iss", "aud"} {
			if v, ok := answer[name]; ok {
				shown[name] = v
			}
		}
		for _, name := range sortedKeys(shown) {
			r.Claims = append(r.Claims, Claim{Name: name, Value: fmt.Sprint(shown[name])})
		}
	}
}

// Report returns the findings in the common form.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag token", Verdict: r.Verdict, Findings: r.Findings, Severity: finding.Worst(r.Findings)}
	if rep.Severity == finding.Fail {
		rep.Outcome = finding.Found
	}
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
	for _, s := range []finding.Severity{finding.Fail, finding.Warn} {
		if i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool { return f.Severity == s }); i >= 0 {
			return fmt.Sprintf("%s: %s", r.Findings[i].ID, r.Findings[i].Summary)
		}
	}
	return "no fault is visible from outside"
}
