package token

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// judge collects the results of the rules.
type judge struct {
	*Token

	expect Expect
	show   bool // personal data is not masked
	list   []finding.Finding
}

func (j *judge) add(id string, s finding.Severity, hint, format string, args ...any) {
	j.list = append(j.list, finding.Finding{ID: "token." + id, Group: "token", Severity: s, Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// shown returns texts of the token for a summary, each masked if it contains an @ and cut.
func (j *judge) shown(separator string, texts ...string) string {
	var all []string
	for _, s := range texts {
		if !j.show {
			s = maskAddress(s)
		}
		all = append(all, s)
	}
	return report.Cell(cmp.Or(strings.Join(all, separator), "(absent)"), maxValue)
}

// Judge judges a token. mistakes are those that Clean found around it.
func Judge(t *Token, e Expect, mistakes []string, show bool) *Result {
	j := &judge{Token: t, expect: e, show: show}
	j.form(mistakes)
	readable := t.Kind == JWS && t.problem == nil
	if readable {
		for _, rule := range []func(*judge){(*judge).alg, (*judge).typ, (*judge).times, (*judge).iss, (*judge).aud, (*judge).scope, (*judge).signature, (*judge).binding} {
			rule(j)
		}
	}
	r := &Result{Schema: Schema, Kind: t.Kind, Findings: j.list, expect: e, show: show, known: readable}
	r.Claims = append(listClaims("header.", t.Header, e.Now, show), listClaims("", t.Claims, e.Now, show)...)
	if !readable {
		r.unread = e.expectations()
	}
	r.decide()
	return r
}

func (j *judge) form(mistakes []string) {
	for _, m := range mistakes {
		j.add("form", finding.Fail, "write only the token into the file", "the file holds more than the token: %s", m)
	}
	if len(j.raw) > warnToken {
		j.add("form", finding.Warn, "servers commonly refuse headers over 8 KiB", "the token has %d bytes", len(j.raw))
	}
	switch {
	case j.problem != nil:
		j.add("json", finding.Fail, "the token was cut or changed; fetch a new one", "%s", j.problem)
	case j.Kind == JWE:
		j.add("form", finding.Info, "", "encrypted (JWE): only the server can read it")
	case j.Kind == Opaque && strings.Count(j.raw, ".") == 2 && !foreign.MatchString(j.raw):
		j.add("form", finding.Warn, "if it should be a JWT, fetch a new one", "three parts as a JWT has, but the first is no JSON")
	case j.Kind == Opaque:
		j.add("form", finding.Info, "ask the authorization server with --introspect", "opaque: only introspection can read it")
	default:
		j.add("form", finding.Pass, "", "a JWT of three parts")
	}
}

// asymmetric are the algorithms with public keys.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}

func (j *judge) alg() {
	alg := text(j.Header, "alg")
	switch {
	case strings.EqualFold(alg, "none") || alg == "":
		j.add("alg", finding.Fail, "a server must refuse it", "no signature: alg is %q", alg)
	case strings.HasPrefix(alg, "HS"):
		j.add("alg", finding.Warn, "use it only between parties that share the secret", "%s: whoever can check this token can also make one", alg)
	case !slices.Contains(asymmetric, alg):
		j.add("alg", finding.Fail, "", "unknown algorithm %q", j.shown("", alg))
	default:
		j.add("alg", finding.Pass, "", "%s", alg)
	}
	for _, name := range []string{"crit", "b64"} {
		if _, ok := j.Header[name]; ok {
			j.add("alg", finding.Fail, "", "the header has %q, which servers must refuse if they do not know it", name)
		}
	}
	for _, name := range []string{"jku", "x5u", "jwk"} {
		if _, ok := j.Header[name]; ok {
			j.add("alg", finding.Warn, "a server must not take its keys from the token", "the header names its own key (%s); it was not fetched", name)
		}
	}
}

func (j *judge) typ() {
	typ := strings.ToLower(strings.TrimPrefix(strings.ToLower(text(j.Header, "typ")), "application/"))
	_, nonce := j.Claims["nonce"]
	_, atHash := j.Claims["at_hash"]
	switch {
	case typ == "at+jwt":
		j.add("typ", finding.Pass, "", "an access token (RFC 9068)")
	case nonce || atHash:
		j.add("typ", finding.Fail, "send the access_token of the same response", "this is the ID token: it has nonce or at_hash")
	case typ == "":
		j.add("typ", finding.Info, "", "typ is absent; access tokens of RFC 9068 say at+jwt")
	default:
		j.add("typ", finding.Info, "", "typ is %s; access tokens of RFC 9068 say at+jwt", j.shown("", strconv.Quote(typ)))
	}
}

// Bounds of times.
const (
	longLife  = 24 * time.Hour
	soon      = 5 * time.Minute
	maxSecond = 1e11 // a later one is in milliseconds
)

// moment reads a NumericDate; ok is false if it is absent or wrong, which is then reported.
func (j *judge) moment(name string) (t time.Time, ok bool) {
	v, present := j.Claims[name]
	if !present {
		return t, false
	}
	number, isNumber := v.(json.Number)
	seconds, err := strconv.ParseFloat(number.String(), 64)
	switch {
	case !isNumber || err != nil || math.IsInf(seconds, 0):
		j.add("time", finding.Fail, "it must be a number of seconds since 1970", "%s is not a number", name)
	case seconds < 0:
		j.add("time", finding.Fail, "", "%s is negative", name)
	case seconds > maxSecond:
		j.add("time", finding.Fail, "it must be in seconds", "%s looks like milliseconds, or is absurd", name)
	default:
		return time.Unix(int64(seconds), 0).UTC(), true
	}
	return t, false
}

func (j *judge) times() {
	now, slack := j.expect.Now, j.expect.NowError
	exp, hasExp := j.moment("exp")
	if nbf, ok := j.moment("nbf"); ok && nbf.After(now.Add(slack)) {
		j.add("time", finding.Fail, "check the clocks of server and issuer", "not valid before %s from now", report.Duration(nbf.Sub(now)))
	}
	iat, hasIat := j.moment("iat")
	if hasIat && iat.After(now.Add(slack+time.Minute)) {
		j.add("time", finding.Fail, "check the clocks of server and issuer", "issued %s in the future", report.Duration(iat.Sub(now)))
	}
	_, present := j.Claims["exp"]
	switch {
	case !present:
		j.add("time", finding.Warn, "let the issuer set exp", "never expires: there is no exp")
	case !hasExp:
	case exp.Before(now.Add(-slack)):
		j.add("time", finding.Fail, "fetch a new token; let the client refresh it", "expired %s ago", report.Duration(now.Sub(exp)))
	case exp.Sub(now) < soon:
		j.add("time", finding.Warn, "fetch a new token", "expires in %s", report.Duration(exp.Sub(now)))
	case hasIat && exp.Sub(iat) > longLife:
		j.add("time", finding.Warn, "issue short-lived tokens and refresh them", "lives for %s", report.Duration(exp.Sub(iat)))
	case !hasIat && exp.Sub(now) > longLife:
		j.add("time", finding.Warn, "issue short-lived tokens and refresh them", "expires in %s, and there is no iat", report.Duration(exp.Sub(now)))
	default:
		j.add("time", finding.Pass, "", "expires in %s", report.Duration(exp.Sub(now)))
	}
}

func (j *judge) iss() {
	iss := text(j.Claims, "iss")
	switch {
	case len(j.expect.Issuers) == 0:
		j.add("iss", finding.Skip, "", "issuer %s is not compared: no --issuer", j.shown("", iss))
	case slices.Contains(j.expect.Issuers, iss):
		j.add("iss", finding.Pass, "", "issuer %s", iss)
	case iss == "":
		j.add("iss", finding.Fail, "", "there is no iss")
	default:
		j.add("iss", finding.Fail, "use a token of the server's own authorization server", "issuer is %s, wanted %s; they must be identical", j.shown("", iss), strings.Join(j.expect.Issuers, " or "))
	}
}

func (j *judge) aud() {
	aud, want := texts(j.Claims, "aud", false), j.expect.Resource
	slash := func(s string) string { return strings.TrimSuffix(s, "/") }
	switch {
	case want == "":
		j.add("aud", finding.Skip, "", "audience %s is not compared: no --resource", j.shown(", ", aud...))
	case slices.Contains(aud, want):
		j.add("aud", finding.Pass, "", "for %s", want)
	case slices.ContainsFunc(aud, func(a string) bool { return slash(a) == slash(want) }):
		j.add("aud", finding.Warn, "make them identical", "audience and resource differ by a slash: %s and %s", j.shown(", ", aud...), want)
	default:
		j.add("aud", finding.Fail, "request the token with resource="+want+" (RFC 8707)", "audience is %s, wanted %s", j.shown(", ", aud...), want)
	}
}

func (j *judge) scope() {
	has := slices.Concat(texts(j.Claims, "scope", true), texts(j.Claims, "scp", true), texts(j.Claims, "roles", true))
	var missing []string
	for _, s := range j.expect.Scopes {
		if !slices.Contains(has, s) {
			missing = append(missing, s)
		}
	}
	switch {
	case len(j.expect.Scopes) == 0:
		j.add("scope", finding.Skip, "", "scope %s is not compared: no --scope", j.shown(" ", has...))
	case len(missing) > 0:
		j.add("scope", finding.Fail, "request it when logging in", "scope lacks %s", strings.Join(missing, " "))
	default:
		j.add("scope", finding.Pass, "", "scope has %s", strings.Join(j.expect.Scopes, " "))
	}
}

func (j *judge) signature() {
	kid := text(j.Header, "kid")
	severity, hint, summary := j.expect.Keys.verify(j.raw, text(j.Header, "alg"), kid)
	j.add("signature", severity, hint, "%s", summary)
}

func (j *judge) binding() {
	cnf, _ := j.Claims["cnf"].(map[string]any)
	switch {
	case cnf["jkt"] != nil:
		j.add("binding", finding.Warn, "the client must send DPoP proofs", "bound to a key (DPoP): a plain bearer request will be refused")
	case cnf["x5t#S256"] != nil:
		j.add("binding", finding.Warn, "the client must present that certificate", "bound to a client certificate: a plain request will be refused")
	}
}
