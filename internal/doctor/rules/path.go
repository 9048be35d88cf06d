package rules

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// JudgeListener names the process that listens on the port, on this machine.
func JudgeListener(f *facts.Facts) opinion {
	switch l := f.Network.Listener; {
	case !f.Loopback:
		return skip("the server is on another machine")
	case l == nil:
		return skip("the process that listens is not visible to this user")
	default:
		return info("process %d listens: %s", l.PID, l.Command)
	}
}

func judgeALPN(f *facts.Facts) opinion {
	if f.Network.PlainH2 {
		return fail("the server speaks only HTTP/2 on this port, without TLS: clients begin with HTTP/1.1 there").
			fix("let it speak HTTP/1.1, too, or put TLS in front of it").saw(f.Entry())
	}
	var agreed []string
	for _, h := range f.Network.TLS {
		switch {
		case facts.IsNoProtocol(h.Failed):
			return fail("TLS agrees on no version of HTTP: the server knows neither h2 nor http/1.1").fix("add http/1.1 to the protocols of ALPN at the server").noted(h.Address + ": " + h.Failed)
		case h.Failed != "":
			continue
		case h.OnlyH2:
			return fail("the server speaks only HTTP/2: clients that speak HTTP/1.1, as those of the Python SDK do, cannot connect").
				fix("add http/1.1 to the protocols of ALPN at the server").noted(h.Address + ": a handshake that offers http/1.1 alone is refused")
		}
		agreed = append(agreed, cmp.Or(h.ALPN, "http/1.1"))
	}
	if len(agreed) == 0 {
		return skip("no TLS handshake was done")
	}
	if one := slices.Compact(slices.Sorted(slices.Values(agreed))); len(one) > 1 {
		return warn("the addresses speak different versions of HTTP: %s", strings.Join(one, ", ")).fix("give all of them the same settings").noted(attempts(f.Network)...)
	}
	return info("%s", agreed[0])
}

// hops are header fields by which proxies and platforms on the way name themselves.
func hops() []struct{ field, name string } {
	return []struct{ field, name string }{
		{"Cf-Ray", "Cloudflare"}, {"X-Amz-Cf-Id", "CloudFront"}, {"X-Azure-Ref", "Azure Front Door"}, {"X-Envoy-Upstream-Service-Time", "Envoy"},
		{"X-Served-By", "Fastly or Varnish"}, {"X-Vercel-Id", "Vercel"}, {"Fly-Request-Id", "Fly.io"}, {"X-Kong-Proxy-Latency", "Kong"},
		{"X-Amzn-Requestid", "AWS API Gateway"}, {"X-Cloud-Trace-Context", "Google Cloud"}, {"X-Railway-Request-Id", "Railway"}, {"Rndr-Id", "Render"},
	}
}

// balancers are the cookies by which load balancers keep a client at one replica.
func balancers() []struct{ cookie, name string } {
	return []struct{ cookie, name string }{
		{"AWSALB", "AWS load balancer"}, {"AWSALBCORS", "AWS load balancer"}, {"ARRAffinity", "Azure App Service"}, {"GCLB", "Google load balancer"}, {"GAESA", "Google load balancer"},
	}
}

// proxies are words in Server and Via that name a hop, not a server of MCP.
func proxies() []string {
	return []string{"nginx", "envoy", "cloudflare", "cloudfront", "caddy", "traefik", "haproxy", "apache", "openresty", "varnish", "vercel", "awselb", "kong", "istio", "fly", "railway", "google frontend"}
}

// hopsOf returns the hops on the way to the target that name themselves, in a fixed order.
func hopsOf(f *facts.Facts) []string {
	found := map[string]bool{}
	for _, x := range f.Exchanges {
		if isOfTarget(f, x) {
			addHops(found, x.Header)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// isOfTarget reports whether x is an exchange with the target itself, and not with an
// authorization server.
func isOfTarget(f *facts.Facts, x *facts.Exchange) bool {
	return x != nil && facts.URLOf(x.URL).Host == facts.URLOf(f.Target).Host
}

func addHops(found map[string]bool, h http.Header) {
	for _, hop := range hops() {
		if h.Get(hop.field) != "" {
			found[hop.name] = true
		}
	}
	for _, cookie := range h.Values("Set-Cookie") {
		for _, b := range balancers() {
			if cookie == b.cookie {
				found[b.name] = true
			}
		}
	}
	for _, text := range append(h.Values("Server"), h.Values("Via")...) {
		for _, name := range proxies() {
			if word := strings.ToLower(text); hasWord(word, name) && len(found) < 20 {
				found[strings.ToUpper(name[:1])+name[1:]] = true
			}
		}
	}
}

// hasWord reports whether text has a word that no letter continues.
func hasWord(text, word string) bool {
	before, after, found := strings.Cut(text, word)
	return found && (before == "" || !unicode.IsLetter(rune(before[len(before)-1]))) && (after == "" || !unicode.IsLetter(rune(after[0])))
}

// hasHop reports whether a hop of this name is on the way.
func hasHop(f *facts.Facts, name string) bool { return slices.Contains(hopsOf(f), name) }

func judgePathTaken(f *facts.Facts) opinion {
	list := hopsOf(f)
	if !f.Entry().WasSent() {
		return notAsked(f)
	}
	if len(list) == 0 {
		return info("no proxy on the way names itself").quietly()
	}
	var noted []string
	for _, field := range []string{"Server", "Via", "Set-Cookie"} {
		if v := f.Entry().Header.Get(field); v != "" {
			noted = append(noted, field+": "+v)
		}
	}
	return info("through %s", report.Line(strings.Join(list, ", "))).noted(noted...)
}
