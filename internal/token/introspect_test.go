package token

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// The answer of an introspection endpoint stands for the claims of an opaque token.
func TestIntrospected(t *testing.T) {
	t.Parallel()
	later, before := now.Add(time.Hour).Unix(), now.Add(-time.Hour).Unix()
	all := Expect{Now: now, Resource: "https://mcp.example/mcp", Scopes: []string{"read"}}
	for _, test := range []struct {
		body     string
		status   int
		expect   Expect
		id       string
		severity finding.Severity
		verdict  finding.Verdict
	}{
		{`{"active":true,"scope":"read"}`, 200, Expect{Now: now}, "token.introspect", finding.Pass, "usable"},
		{`{"active":false}`, 200, Expect{Now: now}, "token.revoked", finding.Fail, "unusable"},
		{`<html>`, 200, Expect{Now: now}, "token.introspect", finding.Skip, "unknown"},
		{`{}`, 200, Expect{Now: now}, "token.introspect", finding.Skip, "unknown"},
		{`{"active":true,"active":false}`, 200, Expect{Now: now}, "token.introspect", finding.Skip, "unknown"},
		{`{"active":true}`, 401, Expect{Now: now}, "token.introspect", finding.Skip, "unknown"},
		{fmt.Sprintf(`{"active":true,"exp":%d}`, before), 200, Expect{Now: now}, "token.time", finding.Fail, "unusable"},
		{fmt.Sprintf(`{"active":true,"exp":%d}`, later), 200, Expect{Now: now}, "token.time", finding.Pass, "usable"},
		{`{"active":true,"scope":"write","aud":"https://mcp.example/mcp"}`, 200, all, "token.scope", finding.Fail, "unusable"},
		{`{"active":true,"scope":"read","aud":"https://other.example"}`, 200, all, "token.aud", finding.Fail, "unusable"},
		{`{"active":true,"scope":"read","aud":"https://mcp.example/mcp"}`, 200, all, "token.aud", finding.Pass, "usable"},
		{`{"active":true,"scope":"read"}`, 200, all, "token.aud", finding.Skip, "unknown"},
	} {
		r := judged(t, "opaque-token", test.expect)
		r.Introspected(test.status, []byte(test.body))
		found := slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.ID == test.id && f.Severity == test.severity })
		if !found || r.Verdict != test.verdict {
			t.Errorf("%s: verdict %s: %+v", test.body, r.Verdict, r.Findings)
		}
	}
}

// A JWT that is fine by itself, but not active, was revoked as far as can be seen; one
// that has expired was not.
func TestRevoked(t *testing.T) {
	t.Parallel()
	for claim, want := range map[string]finding.Severity{"": finding.Fail, "exp": finding.Skip} {
		change := map[string]any{}
		if claim != "" {
			change[claim] = now.Add(-time.Hour).Unix()
		}
		r := judged(t, sign(t, jose.HS256, []byte("a secret of thirty-two characters"), nil, change), Expect{Now: now})
		r.Introspected(200, []byte(`{"active":false}`))
		if !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.ID == "token.revoked" && f.Severity == want }) || r.Verdict != "unusable" {
			t.Errorf("%s: %s %+v", claim, r.Verdict, r.Findings)
		}
	}
}

// The members of the answer are listed as claims are: whole numbers, cut and masked.
func TestIntrospectedClaims(t *testing.T) {
	t.Parallel()
	r := judged(t, "opaque-token", Expect{Now: now})
	r.Introspected(200, []byte(`{"active":true,"exp":1795662000,"username":"alice","aud":"`+strings.Repeat("a", 9000)+`"}`))
	got := map[string]Claim{}
	for _, c := range r.Claims {
		got[c.Name] = c
	}
	if exp := got["exp"]; exp.Value != "1795662000" || !strings.HasPrefix(exp.Note, "2026-11-26T03:00:00Z, in ") {
		t.Errorf("exp is %+v", exp)
	}
	if got["username"].Value != "a***e" || len(got["aud"].Value) > 110 {
		t.Errorf("got %+v", got)
	}
	if summary := r.Report().Headline; summary != "no fault is visible from outside" {
		t.Errorf("got %s", summary)
	}
}

func FuzzIntrospected(f *testing.F) {
	f.Add(200, []byte(`{"active":true,"exp":1.5e9,"aud":["a"],"scope":"read"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r := Judge(&Token{Kind: Opaque, raw: "x"}, Expect{Now: now, Resource: "r", Scopes: []string{"s"}}, nil, false)
		if r.Introspected(status, body); r.Verdict == "" {
			t.Error("no verdict")
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ReadKeys(data, "keys")
		if err != nil {
			return
		}
		if s, _, _ := keys.verify("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "HS256", ""); s == finding.Pass {
			t.Error("a wrong signature verifies")
		}
	})
}
