package rules

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// entryNeeds lists the rules that must pass before answers of the server can be judged.
func entryNeeds() []string {
	return []string{"network", "limits.hit", "http.answer", "http.status", "http.redirect", "http.path", "http.accept", "http.content_type", "http.waf", "http.gateway", "http.host", "stdio"}
}

func httpRules() []Rule {
	below, entry := []string{"network"}, entryNeeds()
	return []Rule{
		{ID: "limits.hit", Title: "a plain handshake is not limited", shows: true, Needs: below, Fails: true, judge: judgeLimit},
		{ID: "http.answer", Title: "the server answers requests", Needs: below, Fails: true, judge: judgeAnswer},
		{ID: "http.redirect", Title: "the address is not redirected", Needs: entry[:3], Fails: true, judge: judgeRedirect, Reference: "RFC 9110, section 15.4"},
		{ID: "http.waf", Title: "no firewall stands in the way", Needs: entry[:3], Fails: true, judge: judgeWAF},
		{ID: "http.gateway", Title: "the proxy reaches the server behind it", Needs: entry[:3], Fails: true, judge: judgeGateway},
		{ID: "http.host", Title: "the server accepts its own host name", Needs: entry[:3], Fails: true, judge: judgeHost},
		{ID: "http.accept", Title: "the Accept field arrives", Needs: entry[:3], Fails: true, judge: judgeAccept},
		{ID: "http.path", Title: "MCP is at this path", Needs: entry[:3], Fails: true, judge: judgePath},
		{ID: "http.content_type", Title: "answers are JSON or events", Needs: entry[:3], Fails: true, judge: judgeContentType},
		{ID: "http.status", Title: "the handshake succeeds", shows: true, Needs: entry[:3], Fails: true, judge: judgeStatus},
		{ID: "http.slash", Title: "the address with and without a slash are the same", Needs: entry, judge: judgeSlash},
		{ID: "http.rebinding", Title: "foreign web pages cannot use the server", Needs: entry, Fails: true, judge: judgeRebinding, Reference: "MCP transports: security warning (Origin)"},
		{ID: "http.cors", Title: "browser clients can connect", Needs: entry, judge: judgeCORS},
		{ID: "http.compress", Title: "event streams are not compressed", Needs: entry, Fails: true, judge: judgeCompress},
		{ID: "http.keepalive", Title: "connections are kept open long enough", Needs: entry, judge: judgeKeepAlive},
		{ID: "http.coldstart", Title: "the first initialize is fast enough for clients", Needs: entry, Fails: true, judge: judgeColdStart},
		{ID: "http.latency", Title: "cheap requests are fast", shows: true, Needs: entry, Fails: true, judge: judgeLatency},
	}
}

func judgeAnswer(f *facts.Facts) opinion {
	x := f.Entry()
	switch {
	case !x.WasSent():
		return skip("no request was sent")
	case x.Kind() == facts.KindLack:
		asked := x.Probe
		if asked == "discover" {
			asked = "server/discover"
		}
		return unanswered(f, "http.answer", asked, x)
	case x.Kind() != facts.KindNone:
		return pass("%s", outcomeShort(x))
	case strings.Contains(x.Failed, "requires a client certificate"):
		return fail("the server wants a certificate of the client").fix("give it one").fixFlag("--cert, --key").saw(x)
	case x.WantsTLS(), f.Network.OnlyTLS:
		return fail("the server speaks TLS on this port").fix("use https:// in the address").saw(x)
	case facts.ProtocolOf(f.Network.Spoke) != "":
		return fail("%s listens on this port, not a web server", facts.ProtocolOf(f.Network.Spoke)).fix("check the port: that of the MCP server is another one").saw(x).noted(append(f.Listening(), "it says "+f.Network.Spoke)...)
	case x.Lacks() == facts.LackClosed && answersHTTP(f):
		return unanswered(f, "http.answer", "initialize", x)
	case f.Network.Spoke != "" && !strings.HasPrefix(f.Network.Spoke, "HTTP/"), strings.Contains(x.Failed, "closed the connection"), strings.Contains(x.Failed, "reset the connection"):
		return fail("what listens on this port does not answer over HTTP").
			fix("check the port: it may be that of another program; if not, the log of the server says why it ends connections").saw(x).noted(f.Listening()...)
	case x.Failed != "" && !strings.HasPrefix(x.Failed, "no answer"):
		return fail("the exchange fails %s", x.Stage).fix("the log of the server may say why").saw(x)
	}
	return fail("no answer in %.0f s", x.Timing.Total/1000).fix("the server accepts connections but does not answer: it may hang, or wait for something").leads(toSnapshot).saw(x)
}

// answersHTTP reports whether any request has an answer of HTTP.
func answersHTTP(f *facts.Facts) bool {
	return slices.ContainsFunc(f.Exchanges, func(x *facts.Exchange) bool { return x != nil && x.Status != 0 })
}

// outcomeShort returns the status and type of an answer.
func outcomeShort(x *facts.Exchange) string {
	return strings.TrimSpace(http.StatusText(x.Status) + " " + facts.ContentType(x.Header))
}

// onlyKind returns a passing opinion unless the entry exchange is of a kind.
func onlyKind(f *facts.Facts, k facts.AnswerKind, other string, judge func(x *facts.Exchange) opinion) opinion {
	x := f.Entry()
	if !x.WasSent() || x.Kind() != k {
		return pass("%s", other)
	}
	return judge(x)
}

func judgeRedirect(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindRedirect, "none", func(x *facts.Exchange) opinion {
		to, from := x.Header.Get("Location"), facts.URLOf(x.URL)
		target, err := from.Parse(to)
		if err != nil || to == "" {
			return fail("the server redirects to nowhere").fix("answer requests at this address").saw(x)
		}
		if loginAddress.MatchString(target.Host + target.Path) {
			return fail("the server redirects to a login page (%s), not to MCP", target.Host).fix(beforeLogin(from)).saw(x)
		}
		fixed := "use the exact address " + target.String() + "; behind a proxy, let the framework trust X-Forwarded-Proto, and mount the path without redirects"
		switch {
		case from.Scheme == "https" && target.Scheme == "http":
			return fail("the server redirects from https to http").fix("let the framework trust X-Forwarded-Proto, or use the address with the right slash").saw(x)
		case target.Hostname() == from.Hostname() && target.Port() != from.Port():
			right := *target
			right.Host = from.Host
			return fail("the server redirects to another port, %s: it does not know at which one clients reach it", target.Host).
				fix("use the address " + right.String() + "; let redirects keep the port (nginx: absolute_redirect off, or pass on Host with $http_host)").saw(x)
		case target.Host != from.Host:
			return fail("the server redirects to another host, where clients send no credentials").fix(fixed).saw(x)
		}
		return fail("the server redirects to %s, and many clients do not follow it with a POST", to).fix(fixed).saw(x)
	})
}

func judgeWAF(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindWAF, "none seen", func(x *facts.Exchange) opinion {
		return fail("a firewall or bot protection in front of the server refuses the request").
			fix("allow the path of the server and /.well-known for clients that are no browsers").saw(x)
	})
}

// cloudflareTimeout is the status of Cloudflare for a server that connects and does not answer.
const cloudflareTimeout = 524

func judgeGateway(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindGateway, "reached", func(x *facts.Exchange) opinion {
		if x.Status == http.StatusGatewayTimeout || x.Status == cloudflareTimeout {
			return fail("the proxy answers %d: the server behind it gave no answer to initialize within %.0f s", x.Status, x.Timing.Total/1000).
				fix("see why the server takes so long or hangs, or raise the time limit of the proxy (nginx: proxy_read_timeout)").leads(toLogs).saw(x)
		}
		return fail("the proxy answers %d: it runs, the server behind it does not", x.Status).
			fix("start the server behind the proxy, and compare its port with the one in the proxy's settings").leads(toLogs).saw(x)
	})
}

func judgeHost(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindHost, "accepted", func(x *facts.Exchange) opinion {
		local := f.First("local host")
		o := fail("the server refuses the host name %s", f.Network.Host).saw(x)
		if local.OK() {
			o = fail("the server refuses the host name %s, but accepts localhost", f.Network.Host).saw(x, local)
		}
		return o.fix("add the host name, with its port, to the allowed hosts of the SDK (allowed_hosts, allowedHosts), or let the proxy rewrite Host")
	})
}

func judgeAccept(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindAccept, "accepted", func(x *facts.Exchange) opinion {
		return fail("406 although the request accepts JSON and events").fix("a proxy changes the Accept field: pass it on unchanged").saw(x)
	})
}

func judgePath(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindPath, "found", func(x *facts.Exchange) opinion {
		if f.SpeaksOldSSE() {
			return pass("HTTP+SSE is served here")
		}
		for _, other := range f.Exchanges {
			if other != nil && strings.HasPrefix(other.Probe, "path ") && other.OK() && other.KindOfBody() == facts.KindAnswer {
				return fail("no MCP at this path, but at %s", facts.URLOf(other.URL).Path).fix("use "+other.URL).saw(x, other)
			}
		}
		return fail("no MCP at this path").fix("MCP is usually at /mcp, or at /sse on older servers; check the path, and the rules of the proxy").saw(x)
	})
}

func judgeContentType(f *facts.Facts) opinion {
	return onlyKind(f, facts.KindContentType, "right", func(x *facts.Exchange) opinion {
		if strings.Contains(facts.ContentType(x.Header), "html") {
			return JudgeWebPage(x)
		}
		o := fail("the answer is %q, neither JSON nor events", facts.ContentType(x.Header))
		if facts.ContentType(x.Header) == "" {
			o = fail("the answer has no Content-Type, and clients refuse it")
		}
		return o.fix("send the Content-Type application/json or text/event-stream").saw(x)
	})
}

// pageTitle and loginWords show the purpose of a web page.
var (
	pageTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.{1,200}?)</title>`)
	loginWords = regexp.MustCompile(`(?i)\b(sign[ -]?in|log[ -]?in|sso|single sign-on|type=["']?password)\b`)
)

// loginAddress matches the host and path of a login page.
var loginAddress = regexp.MustCompile(`(?i)^(login|auth|sso|accounts|signin)\.|/(oauth2?|authorize|log[-_]?in|sign[-_]?in|sso|saml2?)(/|$)|\.cloudflareaccess\.com/`)

// beforeLogin is the advice where a login page stands before a server.
func beforeLogin(u *url.URL) string {
	return "MCP clients fill in no form: let the login before the server (a gateway, oauth2-proxy, Cloudflare Access) leave out " + u.EscapedPath() + " and /.well-known, and let the server itself answer 401"
}

// JudgeWebPage judges a web page at the place of MCP.
func JudgeWebPage(x *facts.Exchange) opinion {
	title := ""
	if m := pageTitle.FindStringSubmatch(x.Body); m != nil {
		title = " (" + strconv.Quote(report.Cell(strings.TrimSpace(m[1]), 60)) + ")"
	}
	if loginWords.MatchString(x.Body) {
		return fail("the answer is a login page%s, not MCP", title).
			fix(beforeLogin(facts.URLOf(x.URL))).saw(x)
	}
	path := facts.URLOf(x.URL).EscapedPath()
	return fail("the answer is a web page%s, not MCP", title).
		fix("a website answers at " + path + ": route this path to the MCP server, before the fallback route of the website, or use the path at which MCP is").saw(x)
}

// saidIn returns the text of an answer that is no page, behind a colon.
func saidIn(x *facts.Exchange) string {
	text := strings.Join(strings.Fields(x.Body), " ")
	if text == "" || strings.Contains(facts.ContentType(x.Header), "html") {
		return ""
	}
	return ": " + report.Cell(text, maxSaid)
}

func judgeStatus(f *facts.Facts) opinion {
	x := f.Entry()
	switch {
	case !x.WasSent():
		return skip("no request was sent")
	case f.SpeaksOldSSE():
		return pass("HTTP+SSE")
	case x.Status == http.StatusRequestEntityTooLarge:
		return fail("the handshake, a few hundred bytes, is refused as too large (413)").
			fix("raise the limit of request bodies to some megabytes (nginx: client_max_body_size), also that of each proxy on the way").saw(x)
	case x.Kind() == facts.KindStatus:
		return fail("the handshake is answered with status %d%s", x.Status, saidIn(x)).fix("the log of the server says why").leads(toLogs).saw(x)
	}
	return pass("status %d, %s", x.Status, facts.ContentType(x.Header))
}

func judgeLimit(f *facts.Facts) opinion {
	for i, x := range f.Exchanges {
		if !f.AtServer(x) || x.Probe == facts.BurstProbe || !facts.IsLimited(x) || f.Credentials && x.Anonymous { // auth.order is about those
			continue
		}
		wait, grade := x.Header.Get("Retry-After"), fail
		if f.Started() {
			grade = warn
		}
		switch {
		case x.Busy:
			return grade("a proxy answers request %d with 503, although the server answered before: it limits the rate, or the server is overloaded", i+1).
				fix("raise its limit (limit_req of nginx), or look whether the server is overloaded").leads(toLogs).saw(x)
		case x.Status == http.StatusServiceUnavailable:
			return grade("the server answers request %d with 503: it is overloaded, or out of service for now", i+1).
				fix("look again when Retry-After has passed: " + wait).saw(x)
		}
		o := grade("the server refuses request %d because of its rate limit; a client needs 3 or 4 to connect", i+1).saw(x)
		if wait != "" {
			return o.fix("raise the limit, or wait as long as Retry-After says: " + wait)
		}
		return o.fix("raise the limit, and say how long to wait: the answer has no Retry-After")
	}
	return pass("%s without a limit", report.Plural(int64(len(f.Exchanges)), "request"))
}
