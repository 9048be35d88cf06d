package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits on the documents of authorization.
const (
	maxMetadata  = 256 << 10 // bytes of a document
	maxAuthFetch = 8
)

// authorization looks from outside at how clients log in. Nothing is registered and
// nobody logs in.
func (g *gatherer) authorization(ctx context.Context) {
	if g.Credentials {
		g.withoutCredentials(ctx)
	}
	challenge := g.f.Challenge()
	if !challenge.WasSent() {
		return
	}
	invalid := initializePost("", facts.Legacy)
	if strings.HasSuffix(challenge.Probe, "tools/list") {
		invalid = g.list("tools", "")
	}
	invalid.probe, invalid.anonymous, invalid.header["Authorization"] = "invalid token", true, "Bearer mcpdiag-invalid"
	g.send(ctx, invalid)
	g.f.Auth = &facts.Auth{Named: namedMetadata(challenge.Header)}
	defer func() { g.f.Auth.Unfinished = g.f.Auth.Unfinished || g.f.Stopped != "" }()
	a := &authGatherer{gatherer: g, client: g.anonymous.WithAllow(client.PublicOnly(ctx, g.Target))}
	defer a.client.HTTP().CloseIdleConnections()
	a.resource(ctx)
	if g.f.Auth.Resource == nil {
		return
	}
	for i, issuer := range g.f.Auth.Resource.Servers[:min(len(g.f.Auth.Resource.Servers), 2)] {
		a.server(ctx, issuer)
		a.keys(ctx, &g.f.Auth.Servers[i])
		if i == 0 {
			a.endpoints(ctx, g.f.Auth.Servers[i])
		}
	}
}

// withoutCredentials opens a session, and lists the tools of the session in use.
func (g *gatherer) withoutCredentials(ctx context.Context) {
	r := initializePost("anonymous", facts.Legacy)
	r.anonymous = true
	if x, _ := g.send(ctx, r); !x.Result() || !g.f.Entry().Result() {
		return
	}
	r = g.list("tools", "")
	r.probe, r.anonymous, r.limit = "anonymous tools/list", true, maxPage
	g.send(ctx, r)
}

// namedMetadata returns the resource_metadata of a challenge.
func namedMetadata(h http.Header) string {
	m := regexp.MustCompile(`(?i)resource_metadata\s*=\s*("([^"]*)"|[^\s,]*)`).FindStringSubmatch(strings.Join(h.Values("Www-Authenticate"), ", "))
	if m == nil {
		return ""
	}
	return strings.Trim(m[1], `"`)
}

// authGatherer fetches documents whose addresses the server chose, so it connects to
// public addresses only.
type authGatherer struct {
	*gatherer

	client  *client.Client
	fetches int
	refused bool // the last fetch was
}

// resource looks for the metadata of the resource at the places of RFC 9728.
func (a *authGatherer) resource(ctx context.Context) {
	const wellKnown = "/.well-known/oauth-protected-resource"
	places := []string{}
	if facts.IsWebAddress(a.f.Auth.Named) {
		places = append(places, a.f.Auth.Named)
	}
	origin := url.URL{Scheme: a.Target.Scheme, Host: a.Target.Host}
	if path := strings.TrimSuffix(a.Target.EscapedPath(), "/"); path != "" {
		places = append(places, origin.String()+wellKnown+path)
	}
	places = append(places, origin.String()+wellKnown)
	for _, place := range places {
		found := facts.Resource{}
		if wrong, ok := a.fetch(ctx, "resource metadata", place, &found); ok && (found.Resource != "" || wrong != "") {
			found.URL, found.Wrong = place, wrong
			a.f.Auth.Resource = &found
			return
		}
	}
}

// server looks for the metadata of an authorization server at the places of RFC 8414
// and of OpenID Connect.
func (a *authGatherer) server(ctx context.Context, issuer string) {
	found := facts.Metadata{Asked: issuer}
	a.refused = false
	u, err := url.Parse(issuer)
	if err == nil && facts.IsWebAddress(issuer) {
		origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
		places := []string{origin + "/.well-known/oauth-authorization-server" + path, origin + "/.well-known/openid-configuration" + path}
		if path != "" {
			places = append(places, origin+path+"/.well-known/openid-configuration")
		}
		for _, place := range places {
			found = facts.Metadata{}
			if wrong, ok := a.fetch(ctx, "server metadata", place, &found); ok && (found.Issuer+found.Authorize+found.Token != "" || wrong != "") {
				found.URL, found.Wrong = place, wrong
				break
			}
		}
	}
	found.Asked, found.Keys, found.Refused = issuer, nil, a.refused && found.URL == ""
	a.f.Auth.Servers = append(a.f.Auth.Servers, found)
}

// fetch reads a JSON document into v. wrong names a member of another type.
func (a *authGatherer) fetch(ctx context.Context, probe, place string, v any) (wrong string, ok bool) {
	x, body := a.read(ctx, probe, place)
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), v)
	if _, is := errors.AsType[*json.UnmarshalTypeError](err); is && x.OK() {
		return report.Cell(facts.WrongType(err), maxReason), true
	}
	return "", x.OK() && err == nil
}

// read reads a document whose address the server chose.
func (a *authGatherer) read(ctx context.Context, probe, place string) (*facts.Exchange, []byte) {
	if a.fetches++; a.fetches > maxAuthFetch || !a.secure(place) {
		return &facts.Exchange{}, nil
	}
	r := request{probe: probe, verb: http.MethodGet, url: place, anonymous: true, client: a.client, header: map[string]string{"Accept": "application/json"}, limit: maxMetadata, timeout: connectTime}
	x, body := a.send(ctx, r)
	a.refused = x.RefusedAddress
	if facts.IsLimited(x) { // no more of an authorization server that limits the rate
		a.fetches, a.f.Auth.Unfinished = maxAuthFetch, true
	}
	return x, body
}

// secure reports whether an address is https, or is http as the target is: on this
// machine, or at the same place.
func (a *authGatherer) secure(place string) bool {
	u, err := url.Parse(place)
	return err == nil && facts.IsWebAddress(place) && (u.Scheme == "https" || a.f.Loopback || client.SameOrigin(u, a.Target))
}
