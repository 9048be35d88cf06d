package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Guard refuses requests that a web page could have made a browser send: those
// for a host name that could be anybody's (DNS rebinding), and those from an
// origin that is not local.
type Guard struct {
	Hosts   []string // host names that are allowed beside the local ones
	Origins []string // origins that are allowed beside the local ones, or "*"
	Private bool     // it listens on loopback only
}

// refusal says why r is refused, or "".
func (g *Guard) refusal(r *http.Request) string {
	if !g.host(r.Host) {
		return "not answered for that host name; a proxy has --allow-host"
	}
	for _, origin := range r.Header["Origin"] {
		if !g.origin(origin) {
			return "requests from other origins are refused; a proxy has --allow-origin"
		}
	}
	return ""
}

// Protect is next behind the guard.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := g.refusal(r); why != "" {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// host reports whether requests for this host are answered. A page can have its
// own name point at this machine, but not an address, and not a name without a
// dot, as the services of Docker Compose have.
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

func (g *Guard) origin(origin string) bool {
	if slices.Contains(g.Origins, "*") || slices.Contains(g.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || isLocalName(u.Hostname())
}

func isLocalName(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
