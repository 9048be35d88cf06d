package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// Limits on the documents of authorization.
const (
	maxMetadata  = 256 << 10 // bytes of a document
	maxAuthFetch = 8
)

// Auth holds the documents that the server and its authorization server publish.
type Auth struct {
	Named    string     `json:"named,omitempty"` // resource_metadata of the challenge
	Resource *Resource  `json:"resource,omitempty"`
	Servers  []Metadata `json:"servers,omitempty"`
	Refresh  *Refreshed `json:"refresh,omitempty"`
}

// Resource is the metadata of a protected resource (RFC 9728).
type Resource struct {
	URL      string   `json:"url"` // where it was found
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported,omitempty"`
}

// Metadata is the metadata of an authorization server (RFC 8414).
type Metadata struct {
	Asked        string   `json:"asked"`         // the issuer as the resource names it
	URL          string   `json:"url,omitempty"` // where it was found, "" if nowhere
	Issuer       string   `json:"issuer"`
	Challenges   []string `json:"code_challenge_methods_supported"`
	Registration string   `json:"registration_endpoint"`
	ByDocument   bool     `json:"client_id_metadata_document_supported"`
	Refused      bool     `json:"refused,omitempty"` // doctor does not connect to its address
	Authorize    string   `json:"authorization_endpoint"`
	Token        string   `json:"token_endpoint"`
	Grants       []string `json:"grant_types_supported"`
	NamesItself  bool     `json:"authorization_response_iss_parameter_supported"`
	KeysURL      string   `json:"jwks_uri"`
	Keys         *KeySet  `json:"key_set,omitempty"` // that were found there
}

// authorization looks from outside at how clients log in. Nothing is registered and
// nobody logs in.
func (g *gatherer) authorization(ctx context.Context) {
	if g.Credentials {
		g.withoutCredentials(ctx)
	}
	challenge := g.f.challenge()
	if !challenge.sent() {
		return
	}
	invalid := initializePost("", legacy)
	if strings.HasSuffix(challenge.Probe, "tools/list") {
		invalid = g.list("tools", "")
	}
	invalid.probe, invalid.anonymous, invalid.header["Authorization"] = "invalid token", true, "Bearer mcpdiag-invalid"
	g.send(ctx, invalid)
	g.f.Auth = &Auth{Named: namedMetadata(challenge.Header)}
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
	r := initializePost("anonymous", legacy)
	r.anonymous = true
	if x, _ := g.send(ctx, r); !x.result() || !g.f.entry().result() {
		return
	}
	r = g.list("tools", "")
	r.probe, r.anonymous, r.limit = "anonymous tools/list", true, maxPage
	g.send(ctx, r)
}

// challenge returns the exchange in which the server asked for a token.
func (f *Facts) challenge() *Exchange {
	for _, x := range []*Exchange{f.first("anonymous"), f.entry(), f.first("anonymous tools/list"), f.first("tools/list")} {
		if x.sent() && x.kind() == kindAuth {
			return x
		}
	}
	return &Exchange{}
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
	if isWebAddress(a.f.Auth.Named) {
		places = append(places, a.f.Auth.Named)
	}
	origin := url.URL{Scheme: a.Target.Scheme, Host: a.Target.Host}
	if path := strings.TrimSuffix(a.Target.EscapedPath(), "/"); path != "" {
		places = append(places, origin.String()+wellKnown+path)
	}
	places = append(places, origin.String()+wellKnown)
	for _, place := range places {
		found := Resource{}
		if a.fetch(ctx, "resource metadata", place, &found) && found.Resource != "" {
			found.URL = place
			a.f.Auth.Resource = &found
			return
		}
	}
}

// server looks for the metadata of an authorization server at the places of RFC 8414
// and of OpenID Connect.
func (a *authGatherer) server(ctx context.Context, issuer string) {
	found := Metadata{Asked: issuer}
	a.refused = false
	u, err := url.Parse(issuer)
	if err == nil && isWebAddress(issuer) {
		origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
		places := []string{origin + "/.well-known/oauth-authorization-server" + path, origin + "/.well-known/openid-configuration" + path}
		if path != "" {
			places = append(places, origin+path+"/.well-known/openid-configuration")
		}
		for _, place := range places {
			if a.fetch(ctx, "server metadata", place, &found) {
				found.URL = place
				break
			}
		}
	}
	found.Asked, found.Keys, found.Refused = issuer, nil, a.refused && found.URL == ""
	a.f.Auth.Servers = append(a.f.Auth.Servers, found)
}

// isWebAddress reports whether address is an absolute http or https URL.
func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// fetch reads a JSON document into v.
func (a *authGatherer) fetch(ctx context.Context, probe, place string, v any) bool {
	x, body := a.read(ctx, probe, place)
	return x.ok() && json.Unmarshal(body, v) == nil
}

// read reads a document whose address the server chose.
func (a *authGatherer) read(ctx context.Context, probe, place string) (*Exchange, []byte) {
	if a.fetches++; a.fetches > maxAuthFetch || !a.secure(place) {
		return &Exchange{}, nil
	}
	r := request{probe: probe, verb: http.MethodGet, url: place, anonymous: true, client: a.client, header: map[string]string{"Accept": "application/json"}, limit: maxMetadata, timeout: connectTime}
	x, body := a.send(ctx, r)
	a.refused = x.refused
	return x, body
}

// secure reports whether an address is https, or is http as the target is: on this
// machine, or at the same place.
func (a *authGatherer) secure(place string) bool {
	u, err := url.Parse(place)
	return err == nil && isWebAddress(place) && (u.Scheme == "https" || a.f.Loopback || client.SameOrigin(u, a.Target))
}
