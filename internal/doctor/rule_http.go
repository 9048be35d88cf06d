package doctor

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// entryNeeds lists the rules that must pass before answers of the server can be judged.
func entryNeeds() []string {
	return []string{"network", "limits.hit", "http.answer", "http.status", "http.redirect", "http.path", "http.accept", "http.content_type", "http.waf", "http.gateway", "http.host", "stdio"}
}

func httpRules() []rule {
	below, entry := []string{"network"}, entryNeeds()
	return []rule{
		{id: "limits.hit", title: "a plain handshake is not limited", shows: true, needs: below, fails: true, judge: judgeLimit},
		{id: "http.answer", title: "the server answers requests", needs: below, fails: true, judge: judgeAnswer},
		{id: "http.redirect", title: "the address is not redirected", needs: entry[:3], fails: true, judge: judgeRedirect, reference: "RFC 9110, section 15.4"},
		{id: "http.waf", title: "no firewall stands in the way", needs: entry[:3], fails: true, judge: judgeWAF},
		{id: "http.gateway", title: "the proxy reaches the server behind it", needs: entry[:3], fails: true, judge: judgeGateway},
		{id: "http.host", title: "the server accepts its own host name", needs: entry[:3], fails: true, judge: judgeHost},
		{id: "http.accept", title: "the Accept field arrives", needs: entry[:3], fails: true, judge: judgeAccept},
		{id: "http.path", title: "MCP is at this path", needs: entry[:3], fails: true, judge: judgePath},
		{id: "http.content_type", title: "answers are JSON or events", needs: entry[:3], fails: true, judge: judgeContentType},
		{id: "http.status", title: "the handshake succeeds", shows: true, needs: entry[:3], fails: true, judge: judgeStatus},
		{id: "http.slash", title: "the address with and without a slash are the same", needs: entry, judge: judgeSlash},
		{id: "http.rebinding", title: "foreign web pages cannot use the server", needs: entry, fails: true, judge: judgeRebinding, reference: "MCP transports: security warning (Origin)"},
		{id: "http.cors", title: "browser clients can connect", needs: entry, judge: judgeCORS},
		{id: "http.compress", title: "event streams are not compressed", needs: entry, fails: true, judge: judgeCompress},
		{id: "http.keepalive", title: "connections are kept open long enough", needs: entry, judge: judgeKeepAlive},
		{id: "http.coldstart", title: "the first initialize is fast enough for clients", needs: entry, fails: true, judge: judgeColdStart},
		{id: "http.latency", title: "cheap requests are fast", shows: true, needs: entry, judge: judgeLatency},
	}
}

func judgeAnswer(f *Facts) opinion {
	x := f.entry()
	switch {
	case !x.sent():
		return skip("no request was sent")
	case x.kind() != kindNone:
		return pass("%s", x.outcomeShort())
	case x.wantsTLS():
		return fail("the server speaks TLS on this port").fix("use https:// in the address").saw(x)
	case protocolOf(f.Network.Spoke) != "":
		return fail("%s listens on this port, not a web server", protocolOf(f.Network.Spoke)).fix("check the port: that of the MCP server is another one").saw(x).noted(append(f.listening(), "it says "+f.Network.Spoke)...)
	case f.Network.Spoke != "" || (strings.Contains(x.Failed, "closed the connection") || strings.Contains(x.Failed, "reset the connection")) && !f.answersHTTP():
		return fail("what listens on this port does not answer over HTTP").
			fix("check the port: it may be that of another program; if not, the log of the server says why it ends connections").saw(x).noted(f.listening()...)
	case x.Failed != "" && !strings.HasPrefix(x.Failed, "no answer"):
		return fail("the exchange fails %s", x.Stage).fix("the log of the server may say why").saw(x)
	}
	return fail("no answer in %.0f s", x.Timing.Total/1000).fix("the server accepts connections but does not answer: it may hang, or wait for something").leads("mcpdiag poll").saw(x)
}

// answersHTTP reports whether any request has an answer of HTTP.
func (f *Facts) answersHTTP() bool {
	return slices.ContainsFunc(f.Exchanges, func(x *Exchange) bool { return x != nil && x.Status != 0 })
}

// outcomeShort returns the status and type of an answer.
func (x *Exchange) outcomeShort() string {
	return strings.TrimSpace(http.StatusText(x.Status) + " " + contentType(x.Header))
}

// only returns a passing opinion unless the entry exchange is of a kind.
func (f *Facts) only(k answerKind, other string, judge func(x *Exchange) opinion) opinion {
	x := f.entry()
	if !x.sent() || x.kind() != k {
		return pass("%s", other)
	}
	return judge(x)
}

func judgeRedirect(f *Facts) opinion {
	return f.only(kindRedirect, "none", func(x *Exchange) opinion {
		to, from := x.Header.Get("Location"), mustURL(x.URL)
		target, err := from.Parse(to)
		if err != nil || to == "" {
			return fail("the server redirects to nowhere").fix("answer requests at this address").saw(x)
		}
		fixed := "use the exact address " + target.String() + "; behind a proxy, let the framework trust X-Forwarded-Proto, and mount the path without redirects"
		switch {
		case from.Scheme == "https" && target.Scheme == "http":
			return fail("the server redirects from https to http").fix("let the framework trust X-Forwarded-Proto, or use the address with the right slash").saw(x)
		case target.Host != from.Host:
			return fail("the server redirects to another host, where clients send no credentials").fix(fixed).saw(x)
		}
		return fail("the server redirects to %s, and clients do not follow it with a POST", to).fix(fixed).saw(x)
	})
}

// mustURL parses the address of a recorded exchange; a broken one is empty.
func mustURL(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		return &url.URL{}
	}
	return u
}

func judgeWAF(f *Facts) opinion {
	return f.only(kindWAF, "none seen", func(x *Exchange) opinion {
		return fail("a firewall or bot protection in front of the server refuses the request").
			fix("allow the path of the server and /.well-known for clients that are no browsers").saw(x)
	})
}

func judgeGateway(f *Facts) opinion {
	return f.only(kindGateway, "reached", func(x *Exchange) opinion {
		return fail("the proxy answers %d: it runs, the server behind it does not", x.Status).
			fix("start the server behind the proxy, and compare its port with the one in the proxy's settings").leads("mcpdiag logs").saw(x)
	})
}

func judgeHost(f *Facts) opinion {
	return f.only(kindHost, "accepted", func(x *Exchange) opinion {
		local := f.first("local host")
		o := fail("the server refuses the host name %s", f.Network.Host).saw(x)
		if local.ok() {
			o = fail("the server refuses the host name %s, but accepts localhost", f.Network.Host).saw(x, local)
		}
		return o.fix("add the host name, with its port, to the allowed hosts of the SDK (allowed_hosts, allowedHosts), or let the proxy rewrite Host")
	})
}

func judgeAccept(f *Facts) opinion {
	return f.only(kindAccept, "accepted", func(x *Exchange) opinion {
		return fail("406 although the request accepts JSON and events").fix("a proxy changes the Accept field: pass it on unchanged").saw(x)
	})
}

func judgePath(f *Facts) opinion {
	return f.only(kindPath, "found", func(x *Exchange) opinion {
		if f.oldSSE() {
			return pass("HTTP+SSE is served here")
		}
		for _, other := range f.Exchanges {
			if other != nil && strings.HasPrefix(other.Probe, "path ") && other.ok() && other.kindOfBody() == kindAnswer {
				return fail("no MCP at this path, but at %s", mustURL(other.URL).Path).fix("use "+other.URL).saw(x, other)
			}
		}
		return fail("no MCP at this path").fix("MCP is usually at /mcp, or at /sse on older servers; check the path, and the rules of the proxy").saw(x)
	})
}

func judgeContentType(f *Facts) opinion {
	return f.only(kindContentType, "right", func(x *Exchange) opinion {
		if strings.Contains(contentType(x.Header), "html") {
			return judgeWebPage(x)
		}
		return fail("the answer is %q, neither JSON nor events", contentType(x.Header)).fix("send the Content-Type application/json or text/event-stream").saw(x)
	})
}

// pageTitle and loginWords tell what a web page is for.
var (
	pageTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.{1,200}?)</title>`)
	loginWords = regexp.MustCompile(`(?i)\b(sign[ -]?in|log[ -]?in|sso|single sign-on|type=["']?password)\b`)
)

// judgeWebPage judges a web page at the place of MCP.
func judgeWebPage(x *Exchange) opinion {
	title := ""
	if m := pageTitle.FindStringSubmatch(x.Body); m != nil {
		title = " (" + strconv.Quote(report.Cell(strings.TrimSpace(m[1]), 60)) + ")"
	}
	path := mustURL(x.URL).EscapedPath()
	if loginWords.MatchString(x.Body) {
		return fail("the answer is a login page%s, not MCP", title).
			fix("MCP clients fill in no form: let the login before the server (a gateway, oauth2-proxy, Cloudflare Access) leave out " + path + " and /.well-known, and let the server itself answer 401").saw(x)
	}
	return fail("the answer is a web page%s, not MCP", title).
		fix("a website answers at " + path + ": route this path to the MCP server, before the fallback route of the website, or use the path at which MCP is").saw(x)
}

func judgeStatus(f *Facts) opinion {
	x := f.entry()
	switch {
	case !x.sent():
		return skip("no request was sent")
	case f.oldSSE():
		return pass("HTTP+SSE")
	case x.kind() == kindStatus:
		return fail("the handshake is answered with status %d", x.Status).fix("the log of the server says why").leads("mcpdiag logs").saw(x)
	}
	return pass("status %d, %s", x.Status, contentType(x.Header))
}

func judgeLimit(f *Facts) opinion {
	for i, x := range f.Exchanges {
		if x == nil || x.Probe == burstProbe || !isLimited(x) || f.Credentials && x.Anonymous { // auth.order is about those
			continue
		}
		o := fail("the server refuses request %d, to limit the rate; a plain handshake takes 3 or 4", i+1).saw(x)
		if wait := x.Header.Get("Retry-After"); wait != "" {
			return o.fix("raise the limit, or wait: Retry-After is " + wait)
		}
		return o.fix("raise the limit, and say how long to wait: the answer has no Retry-After")
	}
	return pass("%s without a limit", report.Plural(int64(len(f.Exchanges)), "request"))
}
