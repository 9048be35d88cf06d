package token

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Names of persons are masked, and no part of the token comes out.
func TestMasked(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	raw := sign(t, jose.HS256, secret, nil, map[string]any{"email": "alice@example.com", "evil": "\x1b[2J"})
	tok, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := Judge(tok, Expect{Now: now}, nil, false)
	var b strings.Builder
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{b.String(), string(data)} {
		for _, secret := range append(strings.Split(raw, "."), "alice@example.com", "\x1b") {
			if strings.Contains(out, secret) {
				t.Errorf("%q is in %s", secret, out)
			}
		}
	}
	if !strings.Contains(b.String(), "a***m") {
		t.Errorf("no masked name in %s", b.String())
	}
}

// All texts that name a person are masked, also below other members, and no others.
func TestMaskedClaims(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{"username":"alice"}`:                           "a***e",
		`{"nickname":"alice"}`:                           "a***e",
		`{"userName":"alice"}`:                           "a***e",
		`{"uid":12345}`:                                  "1***5",
		`{"emails":["alice@example.com","bob"]}`:         `["a***m","b***b"]`,
		`{"act":{"sub":"bob@example.com","exp":1}}`:      `{"exp":1,"sub":"b***m"}`,
		`{"act":{"sub":"bob"}}`:                          `{"sub":"b***b"}`,
		`{"https://x.example/email":"alice"}`:            "a***e",
		`{"address":{"locality":"Bonn","code":53111}}`:   `{"code":"5***1","locality":"B***n"}`,
		`{"other":"alice@example.com"}`:                  "a***m",
		`{"members":{"alice@example.com":[{"a":true}]}}`: `{"a***m":[{"a":true}]}`,
		`{"client_id":"app-7"}`:                          "app-7",
		`{"aud":["https://a.example","b"]}`:              `["https://a.example","b"]`,
		`{"scope":"read <write>"}`:                       "read <write>",
		`{"tree":{"text":"<&>"}}`:                        `{"text":"<&>"}`,
	} {
		object, err := decodeJSON("payload", []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		got := listClaims("", object, now, false)
		if len(got) != 1 || got[0].Value != want {
			t.Errorf("%s: got %+v, want %s", claims, got, want)
		}
		if shown := listClaims("", object, now, true); strings.Contains(shown[0].Value, "***") {
			t.Errorf("%s is masked although the names are to be shown: %+v", claims, shown)
		}
	}
}

// Summaries mask addresses and are cut.
func TestMaskedSummaries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	raw := part(`{"alg":"`+long+`","typ":"`+long+`"}`) + "." + part(`{"iss":"`+long+`","aud":["bob@example.com"],"scope":"eve@example.com"}`) + ".x"
	for _, e := range []Expect{{Now: now}, {Now: now, Resource: "r", Issuers: []string{"i"}, Scopes: []string{"s"}}} {
		r := judged(t, raw, e)
		for _, f := range r.Findings {
			if f.ID != "token.form" && (len(f.Summary) > 300 || strings.Contains(f.Summary, "@example")) {
				t.Errorf("%s: %s", f.ID, f.Summary)
			}
		}
	}
}
