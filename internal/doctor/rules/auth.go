package rules

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

func authRules() []Rule {
	entry := entryNeeds()
	return []Rule{
		{ID: "auth.required", Title: "the server says whether it needs a token", shows: true, Needs: entry, judge: judgeRequired},
		{ID: "auth.open", Title: "the tools are for the intended users only", Needs: entry, Fails: true, judge: judgeOpen},
		{ID: "auth.order", Title: "anonymous requests get 401 before limits count them", Needs: entry, judge: judgeAuthOrder},
		{ID: "auth.header_mistakes", Title: "the token is given as it should be", Needs: entry, Fails: true, judge: judgeMistakes, Reference: "RFC 6750, section 2.1"},
		{ID: "auth.scope", Title: "a lack of scope says which is needed", Needs: entry, judge: judgeScope, Reference: "RFC 6750, section 3.1"},
		{ID: "auth.token_works", Title: "the token is accepted", shows: true, Needs: append(entry, "auth.header_mistakes"), Fails: true, judge: judgeTokenWorks},
		{ID: "auth.status", Title: "a missing and an invalid token are answered with 401", Needs: entry, Fails: true, judge: judgeAuthStatus, Reference: "MCP authorization: error handling"},
		{ID: "auth.challenge", Title: "the challenge says how to log in", Needs: []string{"auth.status"}, Fails: true, judge: judgeChallenge, Reference: "RFC 9728, section 5"},
		{ID: "auth.prm_open", Title: "the metadata of the resource needs no login", Needs: []string{"auth.challenge"}, Fails: true, judge: judgeMetadataOpen, Reference: "RFC 9728, section 3"},
		{ID: "auth.prm_location", Title: "the metadata of the resource is at its place", Needs: []string{"auth.challenge", "auth.prm_open"}, Fails: true, judge: judgeMetadataPlace, Reference: "RFC 9728, section 3.1"},
		{ID: "auth.prm_resource", Title: "the metadata is about this address", Needs: []string{"auth.prm_location"}, Fails: true, judge: judgeResource, Reference: "RFC 9728, section 3.3"},
		{ID: "auth.prm_servers", Title: "the metadata names authorization servers", Needs: []string{"auth.prm_location"}, Fails: true, judge: judgeServers, Reference: "MCP authorization: authorization server location"},
		{ID: "auth.as_metadata", Title: "the authorization server has metadata", Needs: []string{"auth.prm_servers"}, Fails: true, judge: JudgeServerMetadata, Reference: "RFC 8414, section 3"},
		{ID: "auth.issuer", Title: "the authorization server is the one that was asked for", Needs: []string{"auth.as_metadata"}, Fails: true, judge: judgeIssuer, Reference: "RFC 8414, section 3.3"},
		{ID: "auth.pkce", Title: "the authorization server supports PKCE", Needs: []string{"auth.as_metadata"}, Fails: true, judge: judgePKCE, Reference: "MCP authorization: authorization code protection"},
		{ID: "auth.endpoints", Title: "the endpoints of the authorization server are there", Needs: []string{"auth.as_metadata"}, Fails: true, judge: judgeEndpoints, Reference: "RFC 8414, section 2"},
		{ID: "auth.jwks", Title: "the keys of the authorization server are usable", Needs: []string{"auth.as_metadata"}, Fails: true, judge: judgeKeys, Reference: "RFC 7517"},
		{ID: "auth.iss_param", Title: "the authorization server names itself in its answers", Needs: []string{"auth.as_metadata"}, judge: judgeIssParam, Reference: "RFC 9207"},
		{ID: "auth.grants", Title: "users stay logged in", Needs: []string{"auth.as_metadata"}, judge: judgeGrants, Reference: "RFC 8414, section 2"},
		{ID: "auth.refresh", Title: "the refresh token works", Needs: []string{"auth.endpoints"}, judge: judgeRefresh, Reference: "RFC 6749, section 6"},
		{ID: "auth.registration", Title: "clients can register", Needs: []string{"auth.as_metadata"}, judge: judgeRegistration, Reference: "MCP authorization: client registration"},
	}
}

func judgeRequired(f *facts.Facts) opinion {
	x := f.Challenge()
	switch {
	case x.WasSent() && strings.HasSuffix(x.Probe, "tools/list"):
		return warn("initialize needs no token, tools/list does: clients that look only at initialize never log in").fix("answer initialize with 401 as well").saw(x)
	case x.WasSent():
		return info("the server wants a token").saw(x)
	}
	if f.Credentials && !f.First("anonymous").WasSent() {
		return skip("not asked without the credentials")
	}
	return info("no token is needed")
}

func judgeTokenWorks(f *facts.Facts) opinion {
	x := f.Entry()
	switch {
	case !f.Credentials:
		return skip("no token was given").flag("--token-file")
	case x.Kind() != facts.KindAuth:
		return pass("the credentials are accepted")
	case x.Status == http.StatusForbidden:
		return fail("the credentials are accepted but do not suffice (403)").fix("get a token with the scope that the challenge names").leads(toToken).saw(x)
	}
	return fail("the server refuses the credentials (%d)", x.Status).fix("the token may have expired, or be meant for another server").leads(toToken).saw(x)
}

// noAuth returns why the rules of authorization do not apply, and whether that is so.
func noAuth(f *facts.Facts) (opinion, bool) {
	switch {
	case !f.Challenge().WasSent():
		return skip("the server wants no token"), true
	case f.Auth == nil, f.Auth.Resource == nil && f.Auth.Unfinished:
		return notAsked(f), true
	}
	return opinion{}, false
}

func judgeAuthStatus(f *facts.Facts) opinion {
	x, invalid := f.Challenge(), f.First("invalid token")
	const effect = ": clients do not log in"
	switch {
	case !x.WasSent():
		return skip("the server wants no token")
	case x.Status != http.StatusUnauthorized && (!f.Credentials || x != f.Entry()): // with a token, 403 is about its scope
		return fail("a request without a token is answered with %d"+effect, x.Status).fix("answer 401; 403 is for a token with too small a scope").saw(x)
	case invalid.OK():
		return fail("an invalid token is accepted").fix("check the signature, the issuer, the audience and the times of tokens").saw(invalid)
	case invalid.Status != 0 && invalid.Status != http.StatusUnauthorized:
		return fail("an invalid token is answered with %d"+effect+" again", invalid.Status).fix("answer 401 for missing, expired and invalid tokens").saw(invalid)
	}
	return pass("401")
}

func judgeChallenge(f *facts.Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	x := f.Challenge()
	switch {
	case f.Auth.Named != "" && !facts.IsWebAddress(f.Auth.Named):
		return fail("the challenge names no usable address of the metadata: %s", f.Auth.Named).
			fix(`send WWW-Authenticate: Bearer resource_metadata="https://host/.well-known/oauth-protected-resource/path"`).saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil && strings.Contains(strings.ToLower(x.Header.Get("Www-Authenticate")), "resource_metadata"):
		return fail("the challenge has an empty resource_metadata").fix("name the address of the metadata").saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil && f.Credentials && f.Entry().Result():
		return info("nothing says how to log in, but the credentials work").saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil:
		return warn("nothing says how to log in: only users who have a token can use the server").saw(f.Probe("resource metadata")...).
			fix("publish /.well-known/oauth-protected-resource, and name it in WWW-Authenticate; without OAuth, say in the manual how to get a token").saw(x)
	}
	return pass("names the metadata, or it is at its place")
}

// metadataRefused returns the fetch of the metadata that led to a login, nil for none.
func metadataRefused(f *facts.Facts) *facts.Exchange {
	for _, x := range f.Probe("resource metadata") {
		if x.Status == http.StatusUnauthorized || x.Status == http.StatusForbidden || x.Status/100 == 3 || x.OK() && facts.ContentType(x.Header) == "text/html" {
			return x
		}
	}
	return nil
}

func judgeMetadataOpen(f *facts.Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	if x := metadataRefused(f); x != nil && f.Auth.Resource == nil && f.Auth.Named != "" {
		return fail("the metadata of the resource cannot be read without a login (%d)", x.Status).
			fix("exempt /.well-known from authorization, and from the fallback page of a web application").saw(x)
	}
	return pass("open")
}

func judgeMetadataPlace(f *facts.Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	switch {
	case f.Auth.Resource == nil && f.Auth.Named == "":
		return skip("the server publishes no metadata")
	case f.Auth.Resource == nil, f.Auth.Named != "" && f.Auth.Resource.URL != f.Auth.Named:
		return fail("there is no metadata where the challenge says").fix("serve it at " + f.Auth.Named).saw(f.Probe("resource metadata")...)
	}
	if wrong := f.Auth.Resource.Wrong; wrong != "" {
		return fail("clients cannot read the metadata of the resource: %s", wrong).fix("correct " + f.Auth.Resource.URL + ": lists are arrays of texts, addresses are texts").saw(f.Probe("resource metadata")...)
	}
	return pass("%s", f.Auth.Resource.URL)
}

// noMetadata returns why the rules of the metadata do not apply, and whether that is so.
func noMetadata(f *facts.Facts) (opinion, bool) {
	if o, none := noAuth(f); none {
		return o, none
	}
	return skip("the server publishes no metadata"), f.Auth.Resource == nil
}

func judgeResource(f *facts.Facts) opinion {
	if o, none := noMetadata(f); none {
		return o
	}
	got, noted := f.Auth.Resource.Resource, "resource: "+f.Auth.Resource.Resource
	a, b := facts.URLOf(got), facts.URLOf(f.Target)
	sameHost := a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && client.Port(a) == client.Port(b)
	advice := "set the public base URL to that of clients, here " + f.Target + "; behind a proxy trust X-Forwarded-Proto"
	switch {
	case sameHost && cmp.Or(a.Path, "/") == cmp.Or(b.Path, "/"):
		return pass("%s", got)
	case sameHost && strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/"):
		return warn("the metadata is about %s, which differs by a slash", got).fix(advice).noted(noted)
	case sameHost && strings.HasPrefix(b.Path, strings.TrimSuffix(a.Path, "/")+"/"):
		return warn("the metadata is about %s: strict clients refuse it", got).fix(advice).noted(noted)
	}
	return fail("the description of the login names another address: %s; clients refuse to log in", got).fix(advice).saw(f.Probe("resource metadata")...).noted(noted)
}

func judgeServers(f *facts.Facts) opinion {
	if o, none := noMetadata(f); none {
		return o
	}
	list := f.Auth.Resource.Servers
	if len(list) == 0 {
		return fail("the metadata names no authorization server").fix("fill authorization_servers").saw(f.Probe("resource metadata")...)
	}
	for _, issuer := range list {
		u := facts.URLOf(issuer)
		if !facts.IsWebAddress(issuer) || u.Scheme != "https" && !client.IsLoopback(u.Hostname()) {
			return fail("an authorization server is no https address: %s", issuer).fix("name its issuer").noted(issuer)
		}
	}
	return pass("%s", strings.Join(list, ", "))
}

// noServers returns why the rules of authorization servers do not apply.
func noServers(f *facts.Facts) (opinion, bool) {
	if o, none := noMetadata(f); none {
		return o, none
	}
	return notAsked(f), len(f.Auth.Servers) == 0
}

// judgeEach judges each authorization server. It returns the first opinion that is
// not a pass.
func judgeEach(f *facts.Facts, right string, judge func(facts.Metadata) (opinion, bool)) opinion {
	if o, none := noServers(f); none {
		return o
	}
	for _, m := range f.Auth.Servers {
		switch {
		case m.Refused:
			return skip("not asked: the doctor does not connect to the address of %s", m.Asked)
		case m.URL == "" && f.Auth.Unfinished:
			return notAsked(f)
		}
		if o, bad := judge(m); bad {
			return o.saw(f.Probe("server metadata")...)
		}
	}
	return pass("%s", right)
}

// JudgeServerMetadata judges the metadata of the authorization servers.
func JudgeServerMetadata(f *facts.Facts) opinion {
	return judgeEach(f, "found", func(m facts.Metadata) (opinion, bool) {
		if m.Wrong != "" {
			return fail("clients cannot read the metadata of %s: %s", m.Asked, m.Wrong).fix("correct " + m.URL + ": lists are arrays of texts, addresses are texts"), true
		}
		return fail("%s has no metadata", m.Asked).fix("serve it at /.well-known/oauth-authorization-server, followed by the path of the issuer"), m.URL == ""
	})
}

func judgeIssuer(f *facts.Facts) opinion {
	return judgeEach(f, "identical", func(m facts.Metadata) (opinion, bool) {
		return fail("the metadata of %s is that of %q: clients must not use it", m.Asked, m.Issuer).fix("write the issuer alike in both documents, to the slash"), m.Issuer != m.Asked
	})
}

func judgePKCE(f *facts.Facts) opinion {
	return judgeEach(f, "S256", func(m facts.Metadata) (opinion, bool) {
		return fail("%s does not support PKCE with S256: clients must refuse it", m.Asked).fix("add S256 to code_challenge_methods_supported"), !slices.Contains(m.Challenges, "S256") && logsIn(m)
	})
}

func judgeRegistration(f *facts.Facts) opinion {
	return judgeEach(f, "possible", func(m facts.Metadata) (opinion, bool) {
		return warn("%s knows only clients that were registered before", m.Asked).fix("support client id metadata documents, or a registration_endpoint"), m.Registration == "" && !m.ByDocument
	})
}
