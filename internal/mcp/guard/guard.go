// Package guard keeps web pages from reaching a server on this machine, as MCP's
// transport demands of servers.
package guard

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Guard refuses requests that a web page could make a browser send: those for a
// host name that may belong to anyone (DNS rebinding), and those from an origin
// that is not local.
type Guard struct {
	Hosts   []string // further host names that are allowed
	Origins []string // further origins that are allowed, or "*"
	Private bool     // the listener is on loopback
}

// Refusal returns why r is refused, or "".
func (g *Guard) Refusal(r *http.Request) string {
	if !g.host(r.Host) {
		return "requests for that host name are refused; a proxy allows it with --allow-host"
	}
	for _, origin := range r.Header["Origin"] {
		if !g.origin(origin) {
			return "requests from other origins are refused; a proxy allows one with --allow-origin"
		}
	}
	return ""
}

// bodyTime is how long the body of a request may take.
const bodyTime = 60 * time.Second

// Protect returns next behind the guard. Bodies that take longer than bodyTime end.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			r = limitBody(w, r)
		}
		if why := g.Refusal(r); why != "" {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitBody returns r with a body that ends after bodyTime. The deadline also holds for the
// rest that the handler leaves: net/http reads it.
func limitBody(w http.ResponseWriter, r *http.Request) *http.Request {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // recorders in tests do not support it
	r = r.WithContext(r.Context())
	r.Body = timedBody{r.Body, control}
	return r
}

// timedBody is a body with a deadline, which ends with it: the response may take longer.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read implements io.Reader.
func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// host reports whether requests for this host are answered. A page can point its
// own name at this machine, but neither an address nor a name without a dot,
// such as a service of Docker Compose has.
func (g *Guard) host(hostport string) bool {
	name := hostname(hostport)
	if slices.Contains(g.Hosts, name) {
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return !g.Private || ip.IsLoopback()
	}
	return isLocalName(name) || !g.Private && name != "" && !strings.Contains(name, ".")
}

// origin reports whether pages of this origin are answered.
func (g *Guard) origin(origin string) bool {
	if slices.Contains(g.Origins, "*") || slices.Contains(g.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || isLocalName(u.Hostname())
}

func isLocalName(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// hostname returns the host of a Host header, without the port and in lower case.
// Brackets belong to IPv6 addresses only.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if inner, ok := strings.CutPrefix(hostport, "["); ok {
		host, _, _ = strings.Cut(inner, "]")
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return ""
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
