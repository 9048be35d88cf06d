package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

var now = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

// sign makes a token with claims over those of a good one; a nil value removes a claim.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, header, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": "https://as.example", "aud": "https://mcp.example/mcp", "sub": "alice@example.com", "scope": "read write",
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for k, v := range change {
		if v == nil {
			delete(claims, k)
			continue
		}
		claims[k] = v
	}
	o := (&jose.SignerOptions{}).WithType("at+jwt")
	for k, v := range header {
		o = o.WithHeader(jose.HeaderKey(k), v)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// part is one part of a token with this text.
func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func keySet(t *testing.T, kid string, keys ...any) Keys {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: kid})
	}
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ReadKeys(data, "keys.json")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Each row of the rules has a token that breaks only it, and a good one passes.
func TestJudge(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("no small RSA keys here:", err)
	}
	secret := []byte("0123456789abcdef0123456789abcdef")
	es := func(change map[string]any) string { return sign(t, jose.ES256, ec, nil, change) }
	expect := Expect{Now: now, Resource: "https://mcp.example/mcp", Issuers: []string{"https://as.example"}, Scopes: []string{"read"}, Keys: keySet(t, "", ec.Public())}
	with := func(change func(*Expect)) Expect { e := expect; change(&e); return e }
	good := es(nil)
	header, payload, _ := strings.Cut(good, ".")
	for _, test := range []struct {
		name, token string
		expect      Expect
		id          string // of the only finding of its severity
		want        finding.Severity
		says        string
	}{
		{"good", good, expect, "", finding.Pass, ""},
		{"prefix", "Bearer " + good, expect, "token.form", finding.Fail, "the word Bearer"},
		{"quotes", `"` + good + `"`, expect, "token.form", finding.Fail, "quotes"},
		{"newline inside", good[:40] + "\n" + good[40:], expect, "token.form", finding.Fail, "newlines"},
		{"long", es(map[string]any{"pad": strings.Repeat("x", 7000)}), expect, "token.form", finding.Warn, "bytes"},
		{"cut", good[:len(header)+20], expect, "token.json", finding.Fail, "2 parts instead of 3"},
		{"broken payload", header + "." + part(`{"a":1,"a":2}`) + ".x", expect, "token.json", finding.Fail, "duplicate"},
		{"deep", header + "." + part(strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)) + ".x", expect, "token.json", finding.Fail, "deeper"},
		{"trailing bytes", header + "." + part(`{} {}`) + ".x", expect, "token.json", finding.Fail, "after its end"},
		{"invalid UTF-8", header + "." + part("{\"a\":\"\xff\"}") + ".x", expect, "token.json", finding.Fail, "UTF-8"},
		{"padding", header + "." + strings.Split(payload, ".")[0] + "=.x", expect, "token.json", finding.Fail, "padding"},
		{"alg none", part(`{"alg":"nOnE"}`) + "." + strings.Split(payload, ".")[0] + ".", with(func(e *Expect) { e.Keys = Keys{} }), "token.alg", finding.Fail, "no signature"},
		{"alg unknown", part(`{"alg":"XX1"}`) + "." + strings.Split(payload, ".")[0] + ".x", with(func(e *Expect) { e.Keys = Keys{} }), "token.alg", finding.Fail, "unknown"},
		{"shared secret", sign(t, jose.HS256, secret, nil, nil), with(func(e *Expect) { e.Keys = Secret(secret, "secret") }), "token.alg", finding.Warn, "make one"},
		{"own key", sign(t, jose.ES256, ec, map[string]any{"jku": "http://169.254.169.254/x"}, nil), expect, "token.alg", finding.Warn, "not fetched"},
		{"ID token", sign(t, jose.ES256, ec, map[string]any{"typ": "JWT"}, map[string]any{"nonce": "n"}), expect, "token.typ", finding.Fail, "ID token"},
		{"expired", es(map[string]any{"exp": now.Add(-3 * time.Hour).Unix()}), expect, "token.time", finding.Fail, "expired 3h"},
		{"expired within the clock's error", es(map[string]any{"exp": now.Add(-time.Second).Unix()}), with(func(e *Expect) { e.NowError = 5 * time.Second }), "token.time", finding.Warn, "expires"},
		{"not yet", es(map[string]any{"nbf": now.Add(time.Hour).Unix()}), expect, "token.time", finding.Fail, "not valid before"},
		{"from the future", es(map[string]any{"iat": now.Add(time.Hour).Unix()}), expect, "token.time", finding.Fail, "in the future"},
		{"no end", es(map[string]any{"exp": nil}), expect, "token.time", finding.Warn, "never expires"},
		{"milliseconds", es(map[string]any{"exp": now.UnixMilli()}), expect, "token.time", finding.Fail, "milliseconds"},
		{"absurd", es(map[string]any{"exp": 1e300}), expect, "token.time", finding.Fail, "absurd"},
		{"text", es(map[string]any{"exp": "soon"}), expect, "token.time", finding.Fail, "not a number"},
		{"negative", es(map[string]any{"exp": -1}), expect, "token.time", finding.Fail, "negative"},
		{"long-lived by its end", es(map[string]any{"exp": now.Add(480 * time.Hour).Unix(), "iat": nil}), expect, "token.time", finding.Warn, "there is no iat"},
		{"long-lived", es(map[string]any{"exp": now.Add(48 * time.Hour).Unix()}), expect, "token.time", finding.Warn, "lives for"},
		{"other issuer", es(map[string]any{"iss": "https://as.example/"}), expect, "token.iss", finding.Fail, "identical"},
		{"other audience", es(map[string]any{"aud": []string{"https://other.example"}}), expect, "token.aud", finding.Fail, "wanted"},
		{"audience with a slash", es(map[string]any{"aud": "https://mcp.example/mcp/"}), expect, "token.aud", finding.Warn, "slash"},
		{"scope", es(map[string]any{"scope": "write"}), expect, "token.scope", finding.Fail, "lacks read"},
		{"other key", es(nil), with(func(e *Expect) { e.Keys = keySet(t, "", other.Public()) }), "token.signature", finding.Fail, "does not verify"},
		{"no such key", sign(t, jose.ES256, ec, map[string]any{"kid": "b"}, nil), with(func(e *Expect) { e.Keys = keySet(t, "a", ec.Public()) }), "token.signature", finding.Fail, "no key with the id"},
		{"small key among others", good, with(func(e *Expect) { e.Keys = keySet(t, "", small.Public(), ec.Public()) }), "", finding.Pass, ""},
		{"small key", sign(t, jose.RS256, small, nil, nil), with(func(e *Expect) { e.Keys = keySet(t, "", small.Public()) }), "token.signature", finding.Fail, "1024 bits"},
		{"DPoP", es(map[string]any{"cnf": map[string]any{"jkt": "x"}}), expect, "token.binding", finding.Warn, "DPoP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, mistakes := Clean(test.token)
			tok, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			r := Judge(tok, test.expect, mistakes, false)
			var found []finding.Finding
			for _, f := range r.Findings {
				if f.Severity == finding.Fail || f.Severity == finding.Warn || f.Severity == test.want && f.ID == test.id {
					found = append(found, f)
				}
			}
			if test.id == "" {
				if len(found) != 0 || r.Verdict != "usable" {
					t.Errorf("verdict %s: %+v", r.Verdict, found)
				}
				return
			}
			if len(found) != 1 || found[0].ID != test.id || found[0].Severity != test.want || !strings.Contains(found[0].Summary, test.says) {
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestHostile(t *testing.T) {
	for name, raw := range map[string]string{
		"dots": strings.Repeat(".", 1000), "many dots": "eyJ" + strings.Repeat(".", 60000), "one word": "secret", "JWE": "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d",
		"parts by chance": "a.b.c", "empty header": "..", "list": part("[]") + "." + part("[]") + ".x",
	} {
		tok, err := Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := Judge(tok, Expect{Now: now}, nil, false); len(r.Findings) == 0 {
			t.Errorf("%s: no finding", name)
		}
	}
	for _, raw := range []string{"", strings.Repeat("a", maxToken+1)} {
		if _, err := Decode(raw); err == nil {
			t.Errorf("a token of %d bytes is read", len(raw))
		}
	}
	if _, err := ReadKeys([]byte(`{"keys":[]}`), "empty"); err == nil {
		t.Error("an empty key set is read")
	}
}

// TestOtherKeys leaves out keys of kinds that are not known here, and reads those beside them.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	const ec = `{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`
	for other, want := range map[string]int{
		`{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"b"}`:                          1,
		`{"kty":"OKP","crv":"Ed448","x":"AAAA","kid":"b"}`:                                1,
		`{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA","kid":"b"}`:                  1,
		`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA","kid":"broken"}`:                 0,
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`: 2,
	} {
		keys, err := ReadKeys([]byte(`{"keys":[`+other+`,`+ec+`]}`), "keys")
		if got := keys.Len(); want > 0 && (got != want || err != nil) || want == 0 && err == nil {
			t.Errorf("%s: %d keys, %v", other, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.")
	f.Fuzz(func(t *testing.T, raw string) {
		raw, mistakes := Clean(raw)
		tok, err := Decode(raw)
		if err != nil {
			return
		}
		if r := Judge(tok, Expect{Now: now, Resource: "r", Issuers: []string{"i"}, Scopes: []string{"s"}}, mistakes, true); r.Verdict == "" {
			t.Error("no verdict")
		}
	})
}

// A token whose HMAC uses the issuer's public key as its secret must not verify.
func TestPublicKeyAsSecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	keys, err := ReadKeys(public, "key.pem")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Decode(sign(t, jose.HS256, public, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	r := Judge(tok, Expect{Now: now, Keys: keys}, nil, false)
	if !strings.Contains(r.headline(), "does not verify") {
		t.Errorf("got %s", r.headline())
	}
}
