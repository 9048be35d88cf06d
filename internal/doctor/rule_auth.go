package doctor

import (
	"net/http"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

func authRules() []rule {
	entry := entryNeeds()
	return []rule{
		{id: "auth.required", title: "the server says whether it needs a token", shows: true, needs: entry, judge: judgeRequired},
		{id: "auth.open", title: "the tools are for the intended users only", needs: entry, fails: true, judge: judgeOpen},
		{id: "auth.order", title: "anonymous requests get 401 before limits count them", needs: entry, judge: judgeAuthOrder},
		{id: "auth.header_mistakes", title: "the token is given as it should be", needs: entry, fails: true, judge: judgeMistakes, reference: "RFC 6750, section 2.1"},
		{id: "auth.scope", title: "a lack of scope says which is needed", needs: entry, judge: judgeScope, reference: "RFC 6750, section 3.1"},
		{id: "auth.token_works", title: "the token is accepted", shows: true, needs: append(entry, "auth.header_mistakes"), fails: true, judge: judgeTokenWorks},
		{id: "auth.status", title: "a missing and an invalid token are answered with 401", needs: entry, fails: true, judge: judgeAuthStatus, reference: "MCP authorization: error handling"},
		{id: "auth.challenge", title: "the challenge says how to log in", needs: []string{"auth.status"}, fails: true, judge: judgeChallenge, reference: "RFC 9728, section 5"},
		{id: "auth.prm_open", title: "the metadata of the resource needs no login", needs: []string{"auth.challenge"}, fails: true, judge: judgeMetadataOpen, reference: "RFC 9728, section 3"},
		{id: "auth.prm_location", title: "the metadata of the resource is at its place", needs: []string{"auth.challenge", "auth.prm_open"}, fails: true, judge: judgeMetadataPlace, reference: "RFC 9728, section 3.1"},
		{id: "auth.prm_resource", title: "the metadata is about this address", needs: []string{"auth.prm_location"}, fails: true, judge: judgeResource, reference: "RFC 9728, section 3.3"},
		{id: "auth.prm_servers", title: "the metadata names authorization servers", needs: []string{"auth.prm_location"}, fails: true, judge: judgeServers, reference: "MCP authorization: authorization server location"},
		{id: "auth.as_metadata", title: "the authorization server has metadata", needs: []string{"auth.prm_servers"}, fails: true, judge: judgeServerMetadata, reference: "RFC 8414, section 3"},
		{id: "auth.issuer", title: "the authorization server is the one that was asked for", needs: []string{"auth.as_metadata"}, fails: true, judge: judgeIssuer, reference: "RFC 8414, section 3.3"},
		{id: "auth.pkce", title: "the authorization server supports PKCE", needs: []string{"auth.as_metadata"}, fails: true, judge: judgePKCE, reference: "MCP authorization: authorization code protection"},
		{id: "auth.endpoints", title: "the endpoints of the authorization server are there", needs: []string{"auth.as_metadata"}, fails: true, judge: judgeEndpoints, reference: "RFC 8414, section 2"},
		{id: "auth.jwks", title: "the keys of the authorization server are usable", needs: []string{"auth.as_metadata"}, fails: true, judge: judgeKeys, reference: "RFC 7517"},
		{id: "auth.iss_param", title: "the authorization server names itself in its answers", needs: []string{"auth.as_metadata"}, judge: judgeIssParam, reference: "RFC 9207"},
		{id: "auth.grants", title: "users stay logged in", needs: []string{"auth.as_metadata"}, judge: judgeGrants, reference: "RFC 8414, section 2"},
		{id: "auth.refresh", title: "the refresh token works", needs: []string{"auth.endpoints"}, judge: judgeRefresh, reference: "RFC 6749, section 6"},
		{id: "auth.registration", title: "clients can register", needs: []string{"auth.as_metadata"}, judge: judgeRegistration, reference: "MCP authorization: client registration"},
	}
}

func judgeRequired(f *Facts) opinion {
	x := f.challenge()
	switch {
	case x.sent() && strings.HasSuffix(x.Probe, "tools/list"):
		return warn("initialize needs no token, tools/list does: clients that look only at initialize never log in").fix("answer initialize with 401 as well").saw(x)
	case x.sent():
		return info("the server wants a token").saw(x)
	}
	if f.Credentials && !f.first("anonymous").sent() {
		return skip("not asked without the credentials")
	}
	return info("no token is needed")
}

func judgeTokenWorks(f *Facts) opinion {
	x := f.entry()
	switch {
	case !f.Credentials:
		return skip("no token was given; --token-file gives one")
	case x.kind() != kindAuth:
		return pass("the credentials are accepted")
	case x.Status == http.StatusForbidden:
		return fail("the credentials are accepted but do not suffice (403)").fix("get a token with the scope that the challenge names").leads("mcpdiag token FILE").saw(x)
	}
	return fail("the server refuses the credentials (%d)", x.Status).fix("the token may have expired, or be meant for another server").leads("mcpdiag token FILE").saw(x)
}

// noAuth returns why the rules of authorization do not apply, and whether that is so.
func noAuth(f *Facts) (opinion, bool) {
	switch {
	case !f.challenge().sent():
		return skip("the server wants no token"), true
	case f.Auth == nil:
		return notAsked(f), true
	}
	return opinion{}, false
}

func judgeAuthStatus(f *Facts) opinion {
	x, invalid := f.challenge(), f.first("invalid token")
	const effect = ": clients do not log in"
	switch {
	case !x.sent():
		return skip("the server wants no token")
	case x.Status != http.StatusUnauthorized && (!f.Credentials || x != f.entry()): // with a token, 403 is about its scope
		return fail("a request without a token is answered with %d"+effect, x.Status).fix("answer 401; 403 is for a token with too small a scope").saw(x)
	case invalid.ok():
		return fail("an invalid token is accepted").fix("check the signature, the issuer, the audience and the times of tokens").saw(invalid)
	case invalid.Status != 0 && invalid.Status != http.StatusUnauthorized:
		return fail("an invalid token is answered with %d"+effect+" again", invalid.Status).fix("answer 401 for missing, expired and invalid tokens").saw(invalid)
	}
	return pass("401")
}

func judgeChallenge(f *Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	x := f.challenge()
	switch {
	case f.Auth.Named != "" && !isWebAddress(f.Auth.Named):
		return fail("the challenge names no usable address of the metadata: %s", f.Auth.Named).
			fix(`send WWW-Authenticate: Bearer resource_metadata="https://host/.well-known/oauth-protected-resource/path"`).saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil && strings.Contains(strings.ToLower(x.Header.Get("Www-Authenticate")), "resource_metadata"):
		return fail("the challenge has an empty resource_metadata").fix("name the address of the metadata").saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil && f.Credentials && f.entry().result():
		return info("nothing says how to log in, but the credentials work").saw(x)
	case f.Auth.Named == "" && f.Auth.Resource == nil:
		return warn("nothing says how to log in: only users who have a token can use the server").saw(f.probe("resource metadata")...).
			fix("publish /.well-known/oauth-protected-resource, and name it in WWW-Authenticate; without OAuth, say in the manual how to get a token").saw(x)
	}
	return pass("names the metadata, or it is at its place")
}

// metadataRefused returns the fetch of the metadata that led to a login, nil for none.
func (f *Facts) metadataRefused() *Exchange {
	for _, x := range f.probe("resource metadata") {
		if x.Status == http.StatusUnauthorized || x.Status == http.StatusForbidden || x.Status/100 == 3 || x.ok() && contentType(x.Header) == "text/html" {
			return x
		}
	}
	return nil
}

func judgeMetadataOpen(f *Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	if x := f.metadataRefused(); x != nil && f.Auth.Resource == nil && f.Auth.Named != "" {
		return fail("the metadata of the resource cannot be read without a login (%d)", x.Status).
			fix("exempt /.well-known from authorization, and from the fallback page of a web application").saw(x)
	}
	return pass("open")
}

func judgeMetadataPlace(f *Facts) opinion {
	if o, none := noAuth(f); none {
		return o
	}
	switch {
	case f.Auth.Resource == nil && f.Auth.Named == "":
		return skip("the server publishes no metadata")
	case f.Auth.Resource == nil, f.Auth.Named != "" && f.Auth.Resource.URL != f.Auth.Named:
		return fail("there is no metadata where the challenge says").fix("serve it at " + f.Auth.Named).saw(f.probe("resource metadata")...)
	}
	return pass("%s", f.Auth.Resource.URL)
}

// noMetadata returns why the rules of the metadata do not apply, and whether that is so.
func noMetadata(f *Facts) (opinion, bool) {
	if o, none := noAuth(f); none {
		return o, none
	}
	return skip("the server publishes no metadata"), f.Auth.Resource == nil
}

func judgeResource(f *Facts) opinion {
	if o, none := noMetadata(f); none {
		return o
	}
	got, noted := f.Auth.Resource.Resource, "resource: "+f.Auth.Resource.Resource
	a, b := mustURL(got), mustURL(f.Target)
	sameHost := strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host)
	advice := "set the public base URL to that of clients, here " + f.Target + "; behind a proxy trust X-Forwarded-Proto"
	switch {
	case got == f.Target:
		return pass("%s", got)
	case sameHost && strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/"):
		return warn("the metadata is about %s, which differs by a slash", got).fix(advice).noted(noted)
	case sameHost && strings.HasPrefix(b.Path, strings.TrimSuffix(a.Path, "/")+"/"):
		return warn("the metadata is about %s: strict clients refuse it", got).fix(advice).noted(noted)
	}
	return fail("the metadata is about another address: %s", got).fix(advice).saw(f.probe("resource metadata")...).noted(noted)
}

func judgeServers(f *Facts) opinion {
	if o, none := noMetadata(f); none {
		return o
	}
	list := f.Auth.Resource.Servers
	if len(list) == 0 {
		return fail("the metadata names no authorization server").fix("fill authorization_servers").saw(f.probe("resource metadata")...)
	}
	for _, issuer := range list {
		u := mustURL(issuer)
		if !isWebAddress(issuer) || u.Scheme != "https" && !client.IsLoopback(u.Hostname()) {
			return fail("an authorization server is no https address: %s", issuer).fix("name its issuer").noted(issuer)
		}
	}
	return pass("%s", strings.Join(list, ", "))
}

// noServers returns why the rules of authorization servers do not apply.
func noServers(f *Facts) (opinion, bool) {
	if o, none := noMetadata(f); none {
		return o, none
	}
	return notAsked(f), len(f.Auth.Servers) == 0
}

// judgeEach judges each authorization server. It returns the first opinion that is
// not a pass.
func judgeEach(f *Facts, right string, judge func(Metadata) (opinion, bool)) opinion {
	if o, none := noServers(f); none {
		return o
	}
	for _, m := range f.Auth.Servers {
		if m.Refused {
			return skip("not asked: the doctor does not connect to the address of %s", m.Asked)
		}
		if o, bad := judge(m); bad {
			return o.saw(f.probe("server metadata")...)
		}
	}
	return pass("%s", right)
}

func judgeServerMetadata(f *Facts) opinion {
	return judgeEach(f, "found", func(m Metadata) (opinion, bool) {
		return fail("%s has no metadata", m.Asked).fix("serve it at /.well-known/oauth-authorization-server, followed by the path of the issuer"), m.URL == ""
	})
}

func judgeIssuer(f *Facts) opinion {
	return judgeEach(f, "identical", func(m Metadata) (opinion, bool) {
		return fail("the metadata of %s is that of %q: clients must not use it", m.Asked, m.Issuer).fix("write the issuer alike in both documents, to the slash"), m.Issuer != m.Asked
	})
}

func judgePKCE(f *Facts) opinion {
	return judgeEach(f, "S256", func(m Metadata) (opinion, bool) {
		return fail("%s does not support PKCE with S256: clients must refuse it", m.Asked).fix("add S256 to code_challenge_methods_supported"), !contains(m.Challenges, "S256")
	})
}

func judgeRegistration(f *Facts) opinion {
	return judgeEach(f, "possible", func(m Metadata) (opinion, bool) {
		return warn("%s knows only clients that were registered before", m.Asked).fix("support client id metadata documents, or a registration_endpoint"), m.Registration == "" && !m.ByDocument
	})
}
