package token

import (
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// Introspected adds the answer of an introspection endpoint (RFC 7662) to r. body is
// the answer, status its HTTP status. The members of the answer stand for the claims of a
// token that cannot be read.
func (r *Result) Introspected(status int, body []byte) {
	answer, err := decodeJSON("answer", body)
	active, known := answer["active"].(bool)
	j := &judge{Token: &Token{Claims: answer}, expect: r.expect, show: r.show}
	switch {
	case status == 401 || status == 403:
		j.add("introspect", finding.Skip, "", "the endpoint refuses the client: %d; check --client-id and --client-secret-file", status)
	case err != nil || !known:
		j.add("introspect", finding.Skip, "", "the endpoint's answer (status %d) is not an introspection response", status)
	case !active:
		j.add("introspect", finding.Info, "", "the authorization server says that the token is not active")
		r.judgeRevoked(j)
	default:
		j.add("introspect", finding.Pass, "", "the authorization server says that the token is active")
		if !r.known {
			r.unread = j.answer()
			r.known = len(r.unread) == 0
		}
	}
	r.Findings = append(r.Findings, j.list...)
	r.decide()
	if known && len(r.Claims) == 0 {
		r.Claims = listClaims("", definedMembers(answer), r.expect.Now, r.show)
	}
}

// judgeRevoked judges a token that is not active. If it is over by itself, a rule of the
// token has said so; else somebody revoked it, as far as can be seen.
func (r *Result) judgeRevoked(j *judge) {
	failed := slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Severity == finding.Fail })
	switch {
	case failed:
		j.add("revoked", finding.Skip, "", "not judged: the token fails by itself")
	case r.known:
		j.add("revoked", finding.Fail, "fetch a new one; if it is refused again, ask the authorization server that issued it", "by itself the token is fine, but it is not active: it was revoked, or another server issued it")
	default:
		j.add("revoked", finding.Fail, "fetch a new one", "the token was revoked or has expired: it is opaque, so only the authorization server knows which")
	}
}

// answer judges the members of an answer, and returns the expectations that it has no
// member for. All members but active are optional.
func (j *judge) answer() (unread []string) {
	wanted := j.expect.expectations()
	for _, rule := range []struct {
		id, name string
		members  []string
		judge    func(*judge)
	}{
		{"time", "", []string{"exp"}, (*judge).times},
		{"iss", "issuer", []string{"iss"}, (*judge).iss},
		{"aud", "audience", []string{"aud"}, (*judge).aud},
		{"scope", "scope", []string{"scope", "scp", "roles"}, (*judge).scope},
	} {
		switch {
		case slices.ContainsFunc(rule.members, func(m string) bool { return j.Claims[m] != nil }):
			rule.judge(j)
		case slices.Contains(wanted, rule.name):
			j.add(rule.id, finding.Skip, "", "not compared: the endpoint's answer has no %s", rule.name)
			unread = append(unread, rule.name)
		}
	}
	return unread
}

// definedMembers returns the members of an answer that RFC 7662 defines.
func definedMembers(answer map[string]any) map[string]any {
	shown := map[string]any{}
	for _, name := range []string{"scope", "client_id", "username", "token_type", "exp", "iat", "nbf", "sub", "aud", "iss"} {
		if v, ok := answer[name]; ok {
			shown[name] = v
		}
	}
	return shown
}
