package rules

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func judgeOpen(f *facts.Facts) opinion {
	x := f.First("tools/list")
	if f.Credentials {
		x = f.First("anonymous tools/list")
	}
	switch {
	case !x.Result():
		if x.WasSent() || f.Challenge().WasSent() {
			return pass("not without a token")
		}
		return notAsked(f)
	case f.ExpectAuth:
		return fail("the tools can be listed without a token, although one is expected").fix("require a token at the path of the server, for each method").saw(x)
	case f.Loopback:
		return info("anyone on this machine can list the tools")
	}
	for _, t := range f.ListedTools() {
		if t.Annotations["readOnlyHint"] != true {
			return warn("anyone can list the tools, and not all of them only read: %s", t.Label()).fix("require a token, if that is not meant so; mark tools that only read with readOnlyHint").saw(x)
		}
	}
	return info("anyone can list the tools, which only read")
}

func judgeAuthOrder(f *facts.Facts) opinion {
	if !f.Credentials {
		return skip("no token was given to compare with")
	}
	for _, x := range f.Exchanges {
		if x != nil && x.Anonymous && facts.IsLimited(x) {
			return warn("a request without a token is answered with %d instead of 401: limits count before the token is looked at, so strangers can lock users out", x.Status).
				fix("check the token first, and count requests by user").saw(x)
		}
	}
	if x := f.First("anonymous"); x.WasSent() {
		return pass("answered with %d", x.Status)
	}
	return notAsked(f)
}

func judgeMistakes(f *facts.Facts) opinion {
	const advice = "write only the token into the file: one line, without the word Bearer and without quotes"
	found := strings.Join(f.Mistakes, ", ")
	switch {
	case found == "" && !f.Credentials:
		return skip("no token was given")
	case found == "":
		return pass("as it should be")
	case f.Entry().Kind() == facts.KindAuth:
		return fail("the token is given with more than the token: %s", found).fix(advice).saw(f.Entry())
	}
	return warn("the token is given with more than the token, which this server accepts: %s", found).fix(advice)
}

// scopeOf matches the scope of a challenge.
var scopeOf = regexp.MustCompile(`(?i)[\s,]scope\s*=\s*"([^"]*)"`)

func judgeScope(f *facts.Facts) opinion {
	var x *facts.Exchange
	for _, other := range f.Exchanges {
		if other != nil && other.Status == http.StatusForbidden && strings.Contains(other.Header.Get("Www-Authenticate"), "insufficient_scope") {
			x = other
			break
		}
	}
	if x == nil {
		return pass("no answer says that the scope does not suffice")
	}
	m := scopeOf.FindStringSubmatch(x.Header.Get("Www-Authenticate"))
	if m == nil || strings.TrimSpace(m[1]) == "" {
		return warn("the scope of the token does not suffice, and the answer does not say which is needed").fix(`add scope="…" to WWW-Authenticate`).saw(x)
	}
	var missing []string
	if f.Auth != nil && f.Auth.Resource != nil && len(f.Auth.Resource.Scopes) > 0 {
		missing = slices.DeleteFunc(strings.Fields(m[1]), func(s string) bool { return slices.Contains(f.Auth.Resource.Scopes, s) })
	}
	if len(missing) > 0 {
		return warn("the server wants the scope %s, which its metadata does not offer: clients log in again and again", strings.Join(missing, " ")).fix("add it to scopes_supported").saw(x)
	}
	return info("the server wants the scope %s", m[1]).saw(x)
}

// logsIn reports whether users log in at an authorization server with a browser.
func logsIn(m facts.Metadata) bool {
	return len(m.Grants) == 0 || slices.Contains(m.Grants, "authorization_code")
}

func judgeEndpoints(f *facts.Facts) opinion {
	page := f.First("authorization endpoint")
	return judgeEach(f, "there", func(m facts.Metadata) (opinion, bool) {
		if !logsIn(m) {
			return opinion{}, false
		}
		for _, e := range []struct{ name, address string }{{"authorization_endpoint", m.Authorize}, {"token_endpoint", m.Token}} {
			u := facts.URLOf(e.address)
			switch {
			case e.address == "":
				return fail("%s has no %s: clients cannot log in", m.Asked, e.name).fix("add it to the metadata"), true
			case !facts.IsWebAddress(e.address) || u.Scheme != "https" && !client.IsLoopback(u.Hostname()):
				return fail("the %s is no https address: %s", e.name, e.address).fix("name an absolute https address"), true
			}
		}
		if facts.URLOf(page.URL).Host == facts.URLOf(m.Authorize).Host && (page.Status == http.StatusNotFound || page.Status == http.StatusGone) {
			return fail("there is no login page at %s (%d)", m.Authorize, page.Status).fix("correct authorization_endpoint").saw(page), true
		}
		return opinion{}, false
	})
}

func judgeKeys(f *facts.Facts) opinion {
	if o, none := noServers(f); none {
		return o
	}
	asked := false
	for _, m := range f.Auth.Servers {
		k := m.Keys
		if k == nil {
			continue
		}
		asked = true
		o := opinion{}
		switch {
		case k.Failed != "":
			o = fail("the keys of %s cannot be read: %s", m.Asked, k.Failed).fix("correct jwks_uri: servers cannot check any token")
		case k.Leaks > 0:
			o = fail("the keys of %s hold %s, with which anyone can sign tokens", m.Asked, Counted(k.Leaks, "private key", "private keys")).fix("replace them at once, and publish public keys only")
		case k.Weak > 0:
			o = fail("%s of %s: RSA of less than 2048 bits", Counted(k.Weak, "key is too short", "keys are too short"), m.Asked).fix("use RSA of 2048 bits, or ES256")
		case k.Missing:
			o = fail("%s has no key with the id of the token", m.Asked).fix("the keys were rotated, or the token is from elsewhere: fetch a new one").leads(toToken)
		default:
			continue
		}
		return o.saw(f.Probe("keys")...)
	}
	if !asked {
		return info("no keys are published, or they were not read")
	}
	return pass("usable")
}

func judgeIssParam(f *facts.Facts) opinion {
	if o, none := noServers(f); none {
		return o
	}
	for _, m := range f.Auth.Servers {
		if !m.NamesItself {
			return info("%s does not say who it is when a login ends, which 2026-07-28 asks for", m.Asked).fix("send iss, and authorization_response_iss_parameter_supported")
		}
	}
	return pass("it does")
}

func judgeGrants(f *facts.Facts) opinion {
	return judgeEach(f, "with refresh tokens, or it is not said", func(m facts.Metadata) (opinion, bool) {
		return warn("%s gives no refresh tokens: users log in again whenever a token expires", m.Asked).fix("support the grant refresh_token"),
			len(m.Grants) > 0 && slices.Contains(m.Grants, "authorization_code") && !slices.Contains(m.Grants, "refresh_token")
	})
}

func judgeRefresh(f *facts.Facts) opinion {
	if f.Auth == nil || f.Auth.Refresh == nil {
		return skip("no refresh token to spend was given").flag("--refresh-token-file")
	}
	r := f.Auth.Refresh
	switch {
	case r.Error != "" || r.Status/100 != 2:
		return warn("the refresh token is refused: status %d %s", r.Status, r.Error).fix("log in again; the client that got the token must be named").fixFlag("--client-id").noted(fmt.Sprintf("POST to the token endpoint: %d", r.Status))
	case !r.Rotated:
		return pass("it works, and stays the same; the new token lives for %s", report.Millis(r.Seconds*1000))
	}
	return pass("it works, and is replaced; the new token lives for %s", report.Millis(r.Seconds*1000))
}
