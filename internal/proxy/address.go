package proxy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// A server that makes addresses of the Host header that it is asked for names
// itself, not the proxy, and clients that follow leave the proxy, or refuse an
// address of another origin. Addresses of the server in the fields that clients
// follow (Location, Content-Location, Link, the endpoint event of HTTP+SSE) become
// references without a host, which clients resolve against the address that they
// asked for. A cookie's Domain that names the server is left out. All else passes
// unchanged; if it leads past the proxy, a warning says so.

// localize rewrites the addresses in the header of a response to r.
func (f *forwarder) localize(resp *http.Response, r *http.Request, x *exchange) {
	defer f.tracker.rescue()
	h := resp.Header
	for _, name := range []string{"Location", "Content-Location"} {
		if v := h.Get(name); v != "" {
			if local, ok := localReference(f.to, v); ok {
				h.Set(name, local)
			} else if name == "Location" && resp.StatusCode/100 == 3 && (x.method == http.MethodPost || isStandingStream(r)) {
				f.tracker.leadsPast(pastRedirect, v, r.Host)
			}
		}
	}
	for i, v := range h["Link"] {
		h["Link"][i] = localLinks(f.to, v)
	}
	for i, v := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = localCookie(f.to, v, r.Host)
		if f.to.Scheme == "https" && r.TLS == nil && r.Header.Get("X-Forwarded-Proto") != "https" && cookieAttribute(v, "secure") != "" {
			f.tracker.warnOnce(secureCookie, "the server marks its cookies Secure: clients that keep cookies do not send them back over plain HTTP, so a load balancer may lose their sessions")
		}
	}
	for _, v := range h["Www-Authenticate"] {
		if metadata := parameter(v, "resource_metadata"); metadata != "" {
			f.tracker.leadsPast(pastAuthorization, metadata, r.Host)
		}
	}
}

// isServer reports whether u has the address of the server at to, under any of the
// names that a server on this machine has. Between the default ports the scheme may
// differ: a server does not know that something before it ends TLS.
func isServer(to, u *url.URL) bool {
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	at := *u
	at.Scheme = cmp.Or(u.Scheme, to.Scheme)
	host, own := strings.TrimSuffix(at.Hostname(), "."), strings.TrimSuffix(to.Hostname(), ".")
	here := client.IsLoopback(host) && client.IsLoopback(own)
	if !strings.EqualFold(host, own) && !here && !isUnspecified(host) {
		return false
	}
	port, ownPort := client.Port(&at), client.Port(to)
	return port == ownPort || port == client.Port(&url.URL{Scheme: at.Scheme}) && ownPort == client.Port(&url.URL{Scheme: to.Scheme})
}

// isUnspecified reports whether host is the address that a server listens on for all
// its addresses, which some name as their own.
func isUnspecified(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}

// localReference returns an absolute address of the server at to as a reference
// without scheme and host. ok is false for everything else. A path that begins with
// two slashes would be read as a host; browsers and Node take a backslash for one.
func localReference(to *url.URL, address string) (local string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !isServer(to, u) {
		return "", false
	}
	_, rest, _ := strings.Cut(address, "//")
	path := strings.IndexAny(rest, "/?#")
	switch {
	case path < 0:
		return "/", true
	case rest[path] != '/':
		return "/" + rest[path:], true
	case strings.HasPrefix(rest[path+1:], "/"), strings.HasPrefix(rest[path+1:], `\`):
		return "", false
	}
	return rest[path:], true
}

// localLinks rewrites the targets of a Link header.
func localLinks(to *url.URL, header string) string {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(header, "<")
		target, after, closed := strings.Cut(rest, ">")
		if !open || !closed {
			b.WriteString(header)
			return b.String()
		}
		if local, ok := localReference(to, target); ok {
			target = local
		}
		b.WriteString(before + "<" + target + ">")
		header = after
	}
}

// localCookie leaves out the Domain of a cookie that names the server at to, if the
// host that the client asked for is not in it: the client would refuse the cookie.
func localCookie(to *url.URL, cookie, asked string) string {
	domain := strings.TrimPrefix(cookieAttribute(cookie, "domain"), ".")
	if domain == "" || !isWithin(to.Hostname(), domain) || isWithin((&url.URL{Host: asked}).Hostname(), domain) {
		return cookie
	}
	var kept []string
	for part := range strings.SplitSeq(cookie, ";") {
		if name, _, _ := strings.Cut(part, "="); len(kept) == 0 || !strings.EqualFold(strings.TrimSpace(name), "domain") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}

// isWithin reports whether host is domain or a part of it.
func isWithin(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(domain)
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// cookieAttribute returns the last value of an attribute of a cookie, its name if
// it has no value, or "".
func cookieAttribute(cookie, attribute string) (value string) {
	_, attributes, _ := strings.Cut(cookie, ";")
	for part := range strings.SplitSeq(attributes, ";") {
		name, v, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); strings.EqualFold(name, attribute) {
			value = cmp.Or(strings.TrimSpace(v), name)
		}
	}
	return value
}

// parameter returns the value of a parameter of a WWW-Authenticate header, or "".
func parameter(header, name string) string {
	i := strings.Index(strings.ToLower(header), name+"=")
	if i < 0 {
		return ""
	}
	v := header[i+len(name)+1:]
	if quoted, ok := strings.CutPrefix(v, `"`); ok {
		v, _, _ = strings.Cut(quoted, `"`)
		return v
	}
	v, _, _ = strings.Cut(v, ",")
	return strings.TrimSpace(v)
}

// maxMetadata bounds the metadata of a protected resource that are read, in bytes.
const maxMetadata = 64 << 10

// isMetadata reports whether path is that of the metadata of a protected resource
// (RFC 9728), which name the address of the server.
func isMetadata(path string) bool {
	return strings.HasPrefix(path, "/.well-known/oauth-protected-resource")
}

// judgeMetadata warns if the metadata of a protected resource name another address
// than the client used. They pass unchanged: the token would be for
// an address that the server does not know.
func (x *exchange) judgeMetadata() {
	var metadata struct {
		Resource string `json:"resource"`
	}
	if json.Unmarshal(x.metadata, &metadata) == nil {
		x.tracker.leadsPast(pastAuthorization, metadata.Resource, x.host)
	}
}

// Kinds of warnings about addresses.
const (
	pastEndpoint      = "endpoint"
	pastRedirect      = "redirect"
	pastAuthorization = "authorization"
	secureCookie      = "cookie"
)

// pastWarnings has a warning, and the remedy, for each kind.
var pastWarnings = map[string]string{
	pastEndpoint:      "the server's endpoint event names %s: clients send their messages there and not through this proxy, so calls are not seen; let the server send a relative endpoint (such as /messages)",
	pastRedirect:      "the server redirects clients to %s: those that follow go past this proxy, so calls are not seen; give that address as --to",
	pastAuthorization: "the server names %s as the resource to authorize for: official clients compare it with the address that they use and refuse this proxy; give them a token instead, as a header",
}

// leadsPast warns once of each kind of address that leads clients past the proxy:
// an absolute one, unless the client used it itself.
func (t *tracker) leadsPast(kind, address, asked string) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.EqualFold(u.Host, asked) {
		return
	}
	t.warnOnce(kind, fmt.Sprintf(pastWarnings[kind], report.Cell((&url.URL{Scheme: u.Scheme, Host: u.Host}).String(), nameWidth)))
}

// warnOnce warns of the first fault of a kind.
func (t *tracker) warnOnce(kind, text string) {
	t.mu.Lock()
	defer t.unlock()
	if !t.warned[kind] {
		t.warned[kind] = true
		t.warn(text)
	}
}
