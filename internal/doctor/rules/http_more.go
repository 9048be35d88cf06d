package rules

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// notAsked is the opinion of rules whose probe was not sent.
func notAsked(f *facts.Facts) opinion {
	o := skip("not asked: the handshake did not succeed")
	switch {
	case f.Stopped != "":
		o = skip("not asked: %s", f.Stopped)
	case f.SpeaksOldSSE():
		o = skip("not asked over HTTP+SSE")
	case f.NeedsToken():
		o = skip("not asked: the server wants a token").flag("--token-file")
	case f.SpeaksModern() && !f.SpeaksLegacy():
		return skip("%s does without", facts.Modern)
	case f.Quick:
		o = skip("not asked: the run was quick")
	case silence(f) != "":
		return skip("skipped because %s failed", silence(f)).because(silence(f))
	case f.Entry().Result():
		o = skip("not asked: an answer that it needs did not come")
	}
	return o.missed()
}

func judgeSlash(f *facts.Facts) opinion {
	x := f.First("slash")
	switch {
	case x.Status == 0:
		return unknown(f, x)
	case x.Status/100 == 3 && strings.HasPrefix(x.Header.Get("Location"), "http://") && f.HTTPS():
		return warn("with the other form of the slash the server redirects to http").fix("let the framework trust X-Forwarded-Proto; document one address").saw(x)
	case x.Status/100 == 3:
		return info("with the other form of the slash the server redirects").saw(x)
	case x.OK():
		return pass("both forms work")
	}
	return pass("the other form is not served (%d)", x.Status)
}

func judgeRebinding(f *facts.Facts) opinion {
	origin, host := f.First("foreign origin"), f.First("foreign host")
	local := f.Loopback || slices.ContainsFunc(f.Network.Addresses, func(a facts.Address) bool { return a.Private })
	switch {
	case origin.Lacks() == facts.LackClosed && silence(f) == "":
		return pass("a foreign Origin is refused: the connection is closed")
	case origin.Status == 0, host.Status == 0 && host.Lacks() != facts.LackClosed:
		return unknown(f, origin)
	case local && (host.OK() || origin.OK()) && f.Challenge().WasSent():
		return info("a foreign Origin is accepted, but only with credentials, which web pages do not have").saw(origin)
	case local && host.OK() && f.HTTPS():
		return warn("the server accepts a foreign Host with a foreign Origin").fix("refuse unknown values of Origin and Host with 403; web pages are stopped by the certificate alone").saw(host)
	case local && host.OK():
		return fail("any web page that the user opens can use this server: it accepts a foreign Host with a foreign Origin (DNS rebinding)").
			fix("refuse unknown values of Origin and Host with 403; the SDKs have a setting for it").saw(host)
	case local && origin.OK() && origin.Header.Get("Access-Control-Allow-Origin") != "":
		return fail("any web page that the user opens can use this server: CORS allows a foreign Origin").
			fix("allow known origins only, and refuse others with 403").saw(origin)
	case origin.OK() && (local || !f.Credentials):
		return warn("the server accepts a foreign Origin").fix("refuse unknown values of Origin with 403").saw(origin)
	case origin.OK():
		return info("the server accepts a foreign Origin, with credentials").saw(origin)
	}
	return pass("a foreign Origin is refused (%d)", origin.Status)
}

func judgeCORS(f *facts.Facts) opinion {
	preflight, browser := f.First("preflight"), f.First("browser")
	for _, x := range []*facts.Exchange{browser, preflight} {
		if x.Status == 0 {
			return unknown(f, x)
		}
	}
	origin := browser.Header.Get("Access-Control-Allow-Origin")
	if origin == "" {
		return info("no CORS: clients in a browser cannot connect directly")
	}
	sent := []string{"content-type", "mcp-protocol-version"}
	if f.Session != nil {
		sent = append(sent, "mcp-session-id")
	}
	missing := missingFields(preflight.Header, "Access-Control-Allow-Headers", sent...)
	switch {
	case len(browser.Header.Values("Access-Control-Allow-Origin")) > 1 || strings.Contains(origin, ","):
		return warn("browsers refuse the answer: it has more than one Access-Control-Allow-Origin").fix("let either the server or the proxy add it, not both").saw(browser)
	case !preflight.OK():
		return warn("CORS is allowed, but the preflight is answered with %d", preflight.Status).fix("answer OPTIONS without authorization").saw(preflight)
	case len(missing) > 0:
		return warn("CORS is incomplete: browsers may not send %s", strings.Join(missing, ", ")).
			fix("add to Access-Control-Allow-Headers: " + strings.Join(missing, ", ")).saw(preflight)
	case f.Session != nil && len(missingFields(browser.Header, "Access-Control-Expose-Headers", "mcp-session-id")) > 0:
		return warn("CORS is incomplete: browsers cannot read the session id").fix("add Access-Control-Expose-Headers: Mcp-Session-Id").saw(browser)
	case origin == "*" && browser.Header.Get("Access-Control-Allow-Credentials") == "true":
		return warn("browsers refuse the origin * together with credentials").fix("name the origin, or leave Access-Control-Allow-Credentials out").saw(browser)
	}
	return pass("allowed for %s", origin)
}

// missingFields returns the names that a list in a header lacks.
func missingFields(h http.Header, field string, names ...string) []string {
	list := strings.Join(h.Values(field), ",")
	if strings.TrimSpace(list) == "*" {
		return nil
	}
	var have []string
	for field := range strings.SplitSeq(strings.ToLower(list), ",") {
		have = append(have, strings.TrimSpace(field))
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(have, name) })
}

// slowMs is the time above which a cheap request is slow.
const slowMs = 1000

func judgeLatency(f *facts.Facts) opinion {
	if x := f.First("latency"); x.Lacks() != "" {
		return unanswered(f, "http.latency", "ping", x)
	}
	list := slices.Concat(f.Probe("latency"), f.Probe("string id"), f.Probe("zero id"))
	list = slices.DeleteFunc(list, func(x *facts.Exchange) bool { return x.Status == 0 })
	if len(list) < 2 {
		return notAsked(f)
	}
	var reused []float64
	for _, x := range list[1:] {
		reused = append(reused, x.Timing.FirstByte)
	}
	slices.Sort(reused)
	first, middle := list[0].Timing, reused[len(reused)/2]
	switch {
	case middle > slowMs:
		return warn("a cheap request takes %.0f ms", middle).fix("see where the time goes").leads(toProxy).saw(list...)
	case first.FirstByte-middle > slowMs:
		return warn("a new connection costs %.0f ms: lookup %.0f, connect %.0f, TLS %.0f", first.FirstByte-middle, first.DNS, first.Connect, first.TLS).
			fix("keep connections open, or bring the server closer").saw(list...)
	}
	return pass("latency median %.0f ms, the first %.0f ms (%d requests)", middle, first.FirstByte, len(list))
}
