package token

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

func judged(t *testing.T, raw string, e Expect) *Result {
	t.Helper()
	raw, mistakes := Clean(raw)
	tok, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return Judge(tok, e, mistakes, false)
}

// A damaged JWT is not mistaken for an opaque token, and no verdict says more than was read.
func TestForm(t *testing.T) {
	t.Parallel()
	head, payload := part(`{"alg":"ES256"}`), part(`{"exp":1795597200}`)
	whole, encrypted := head+"."+payload+".c2ln", part(`{"alg":"dir","enc":"A256GCM"}`)+"..a.b.c"
	for _, test := range []struct {
		name, token, id string
		severity        finding.Severity
		verdict         finding.Verdict
		says            string
	}{
		{"payload and signature cut", head + "." + payload[:5], "token.json", finding.Fail, "unusable", "2 parts instead of 3"},
		{"header only", head, "token.json", finding.Fail, "unusable", "only its header"},
		{"header cut", head[:6], "token.json", finding.Fail, "unusable", "damaged"},
		{"a letter before", "x" + whole, "token.json", finding.Fail, "unusable", "damaged JWT: the header"},
		{"a letter before and no signature", "x" + head + "." + payload, "token.json", finding.Fail, "unusable", "damaged"},
		{"header cut at its beginning", whole[5:], "token.json", finding.Fail, "unusable", "damaged JWT: the header"},
		{"a blank in the JSON of the header", part(`{ "alg":"ES256"}`) + ".e30", "token.json", finding.Fail, "unusable", "2 parts"},
		{"two tokens", whole + whole, "token.json", finding.Fail, "unusable", "no enc"},
		{"four parts", whole + ".x", "token.json", finding.Fail, "unusable", "4 parts"},
		{"encrypted with a damaged header", "x" + encrypted, "token.json", finding.Fail, "unusable", "damaged"},
		{"a header that is null", part("null") + "." + payload + ".x", "token.json", finding.Fail, "unusable", "damaged"},
		{"three parts by chance", "not.a.jwt", "token.form", finding.Warn, "doubtful", "no JSON"},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA", "token.form", finding.Info, "unknown", "opaque"},
		{"opaque, two parts", "ory_at_abc.def", "token.form", finding.Info, "unknown", "opaque"},
		{"encrypted", encrypted, "token.form", finding.Info, "unknown", "JWE"},
		{"PASETO", "v4.public." + payload, "token.form", finding.Info, "unknown", "opaque"},
		{"Mapbox", "sk." + payload + ".c2ln", "token.form", finding.Info, "unknown", "opaque"},
		{"8 KiB", strings.Repeat("a", 8<<10), "token.form", finding.Info, "unknown", "opaque"},
		{"over 8 KiB", strings.Repeat("a", 8<<10+1), "token.form", finding.Warn, "doubtful", "8193 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := judged(t, test.token, Expect{Now: now, Scopes: []string{"read"}})
			f := r.Findings[0]
			if f.ID != test.id || f.Severity != test.severity || r.Verdict != test.verdict || !strings.Contains(f.Summary, test.says) {
				t.Errorf("verdict %s: %+v", r.Verdict, f)
			}
		})
	}
}

// The headline of an unknown verdict names the expectations that were not compared.
func TestUnknownHeadline(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expect Expect
		want   string
	}{
		{Expect{}, "only the server can judge this token: its claims cannot be read"},
		{Expect{Scopes: []string{"read"}}, "only the server can judge this token: its scope cannot be read"},
		{Expect{Resource: "r", Issuers: []string{"i"}}, "only the server can judge this token: its issuer, audience cannot be read"},
	} {
		rep := judged(t, "opaque", test.expect).Report()
		if rep.Headline != test.want || rep.Outcome != finding.Clean {
			t.Errorf("got %q, outcome %d", rep.Headline, rep.Outcome)
		}
	}
}

// A missing typ is said without quotes.
func TestAbsentTyp(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{`{"alg":"ES256"}`: "typ is absent;", `{"alg":"ES256","typ":"JWT"}`: `typ is "jwt";`} {
		r := judged(t, part(header)+"."+part(`{"exp":1795597200}`)+".x", Expect{Now: now})
		found := false
		for _, f := range r.Findings {
			found = found || f.ID == "token.typ" && strings.HasPrefix(f.Summary, want)
		}
		if !found {
			t.Errorf("no %q in %+v", want, r.Findings)
		}
	}
}
