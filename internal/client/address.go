package client

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// SameOrigin reports whether a and b have the same scheme, host and port.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && Port(a) == Port(b)
}

// Port returns the port of u, that of its scheme where u names none.
func Port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// HostPort returns the address to dial for u.
func HostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), Port(u)) }

// IsLoopback reports whether a host, a name or an address, is this machine.
func IsLoopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

var digits = regexp.MustCompile(`^:?[0-9]+(/|$)`)

// misspelled matches addresses in which a part of :// is missing, such as http//host and
// http:/host. In http:8080 the host is called http.
var misspelled = regexp.MustCompile(`^(?i:(https?)(?:/{2,}|:/|:)([a-z\[].*|\d+\.\d.*))$`)

// Misspelled returns the address that is meant where a part of :// is missing, else "".
func Misspelled(target string) (right string) {
	m := misspelled.FindStringSubmatch(target)
	if m == nil || strings.Contains(target, "://") {
		return ""
	}
	return strings.ToLower(m[1]) + "://" + m[2]
}

// MCPPath is the usual path of an MCP endpoint.
const MCPPath = "/mcp"

// ParseTarget parses the address of a server as users type it: host:port is
// enough. An address without a path gets the one given. A final slash is no path, but
// where MCPPath is given: some servers speak MCP at the root.
func ParseTarget(target, path string) (*url.URL, error) {
	full := target
	if digits.MatchString(target) {
		return nil, fmt.Errorf("%q is a port without a host; is it localhost:%s?", target, strings.TrimPrefix(target, ":"))
	}
	if right := Misspelled(target); right != "" {
		return nil, fmt.Errorf("invalid server address: did you mean %s?", Redact(right)) // not as typed: a password would not be found in it
	}
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("invalid server address %q; an address looks like http://localhost:3100", Redact(target))
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n > 65535) {
		return nil, fmt.Errorf("invalid port in %q (maximum 65535)", Redact(target))
	}
	if u.Path == "" || u.Path == "/" && path != MCPPath {
		u.Path = path
	}
	u.Fragment = ""
	return u, nil
}
