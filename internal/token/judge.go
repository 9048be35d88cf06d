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
	Verdict  finding.Verdict   `json:"verdict"` // usable, doubtful, unusable
	Findings []finding.Finding `json:"results"`
}

// Schema names the version of the JSON document.
const Schema = "mcpdiag.token/1"

// Claim is one member of the header or the payload.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"` // masked if it names a person
	Note  string `json:"note,omitempty"`
}

// judge collects the results of the rules.
type judge struct {
	*Token

	expect Expect
	list   []finding.Finding
}

func (j *judge) add(id string, s finding.Severity, hint, format string, args ...any) {
	j.list = append(j.list, finding.Finding{ID: "token." + id, Group: "token", Severity: s, Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// Judge judges a token. mistakes are those that Clean found around it.
func Judge(t *Token, e Expect, mistakes []string, show bool) *Result {
	j := &judge{Token: t, expect: e}
	j.form(mistakes)
	if t.Kind == JWS && t.problem == nil {
		for _, rule := range []func(*judge){(*judge).alg, (*judge).typ, (*judge).times, (*judge).iss, (*judge).aud, (*judge).scope, (*judge).signature, (*judge).binding} {
			rule(j)
		}
	}
	r := &Result{Schema: Schema, Kind: t.Kind, Claims: t.claims(e.Now, show), Findings: j.list}
	r.Verdict = map[finding.Severity]finding.Verdict{finding.Fail: "unusable", finding.Warn: "doubtful"}[finding.Worst(j.list)]
	if r.Verdict == "" {
		r.Verdict = "usable"
	}
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
	case j.Kind == JWE:
		j.add("form", finding.Info, "", "encrypted (JWE): only the server can read it")
	case j.Kind == Opaque:
		j.add("form", finding.Info, "ask the authorization server with --introspect", "opaque: its content can only be had by introspection")
	case j.problem != nil:
		j.add("json", finding.Fail, "the token was cut or changed; fetch a new one", "%s", j.problem)
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
		j.add("alg", finding.Fail, "", "unknown algorithm %q", alg)
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
	default:
		j.add("typ", finding.Info, "", "typ is %q; access tokens of RFC 9068 say at+jwt", cmp.Or(typ, "absent"))
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
	default:
		j.add("time", finding.Pass, "", "expires in %s", report.Duration(exp.Sub(now)))
	}
}

func (j *judge) iss() {
	iss := text(j.Claims, "iss")
	switch {
	case len(j.expect.Issuers) == 0:
		j.add("iss", finding.Skip, "", "issuer %s is not compared: no --issuer", cmp.Or(iss, "(absent)"))
	case slices.Contains(j.expect.Issuers, iss):
		j.add("iss", finding.Pass, "", "issuer %s", iss)
	case iss == "":
		j.add("iss", finding.Fail, "", "there is no iss")
	default:
		j.add("iss", finding.Fail, "use a token of the server's own authorization server", "issuer is %s, wanted %s; they must be identical", iss, strings.Join(j.expect.Issuers, " or "))
	}
}

func (j *judge) aud() {
	aud, want := texts(j.Claims, "aud", false), j.expect.Resource
	slash := func(s string) string { return strings.TrimSuffix(s, "/") }
	switch {
	case want == "":
		j.add("aud", finding.Skip, "", "audience %s is not compared: no --resource", cmp.Or(strings.Join(aud, ", "), "(absent)"))
	case slices.Contains(aud, want):
		j.add("aud", finding.Pass, "", "for %s", want)
	case slices.ContainsFunc(aud, func(a string) bool { return slash(a) == slash(want) }):
		j.add("aud", finding.Warn, "make them identical", "audience and resource differ by a slash: %s and %s", strings.Join(aud, ", "), want)
	default:
		j.add("aud", finding.Fail, "request the token with resource="+want+" (RFC 8707)", "audience is %s, wanted %s", cmp.Or(strings.Join(aud, ", "), "absent"), want)
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
		j.add("scope", finding.Skip, "", "scope %s is not compared: no --scope", cmp.Or(strings.Join(has, " "), "(absent)"))
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

// personal are claims that name a person; they are masked.
var personal = []string{"sub", "email", "name", "given_name", "family_name", "preferred_username", "upn", "unique_name", "phone_number", "oid"}

// claims lists header and payload for a reader.
func (t *Token) claims(now time.Time, show bool) []Claim {
	list := []Claim{}
	add := func(prefix string, object map[string]any) {
		for _, name := range sortedKeys(object) {
			c := Claim{Name: prefix + name, Value: report.Cell(fmt.Sprint(object[name]), 100)}
			if s, ok := object[name].(string); ok && slices.Contains(personal, name) && !show {
				c.Value = mask(s)
			}
			if n, ok := object[name].(json.Number); ok && slices.Contains([]string{"exp", "iat", "nbf", "auth_time"}, name) {
				if v, err := n.Int64(); err == nil && v > 0 && v < maxSecond {
					at := time.Unix(v, 0).UTC()
					c.Note = at.Format(time.RFC3339) + ", " + relative(now, at)
				}
			}
			list = append(list, c)
		}
	}
	add("header.", t.Header)
	add("", t.Claims)
	return list
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func relative(now, at time.Time) string {
	if at.After(now) {
		return "in " + report.Duration(at.Sub(now))
	}
	return report.Duration(now.Sub(at)) + " ago"
}

// mask keeps the first and the last character.
func mask(s string) string {
	r := []rune(s)
	if len(r) < 3 {
		return "***"
	}
	return string(r[:1]) + "***" + string(r[len(r)-1:])
}
