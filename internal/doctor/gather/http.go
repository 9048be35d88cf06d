package gather

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// Parts of the requests.
const (
	bothTypes    = "application/json, text/event-stream"
	initializeAs = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"mcpdiag","version":"1"}}}`
	modernMeta   = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + facts.Modern + `","io.modelcontextprotocol/clientInfo":{"name":"mcpdiag","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
)

// post returns a POST of a JSON-RPC message outside a session.
func post(probe, body string) request {
	return request{probe: probe, body: body, header: map[string]string{"Content-Type": "application/json", "Accept": bothTypes}}
}

// initializePost returns an initialize that asks for a revision.
func initializePost(probe, version string) request {
	r := post(probe, fmt.Sprintf(initializeAs, version))
	r.opens = true
	return r
}

// modernPost returns a request of the revision without sessions.
func modernPost(probe, method, params string) request {
	meta := modernMeta
	if params != "" {
		meta += "," + params
	}
	r := post(probe, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s}}`, method, meta))
	r.header[facts.VersionHeader], r.header["Mcp-Method"] = facts.Modern, method
	return r
}

// inSession returns a request of the session that is in use. id is JSON.
func (g *gatherer) inSession(probe, id, method, params string) request {
	if params == "" {
		params = "{}"
	}
	return g.withSession(post(probe, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params)))
}

func (g *gatherer) withSession(r request) request {
	if g.session != "" {
		r.header[facts.SessionHeader] = g.session
	}
	if version := g.f.First("initialize").Message.Handshake().Version; version >= "2025-06-18" {
		r.header[facts.VersionHeader] = version
	}
	return r
}

// cheap returns a request without effect, of whichever revision the server speaks.
func (g *gatherer) cheap(probe string) request { return g.cheapAs(probe, "1") }

// cheapAs is cheap with the id of the request, for several at the same time in a session.
func (g *gatherer) cheapAs(probe, id string) request {
	if !g.f.SpeaksLegacy() && g.f.SpeaksModern() {
		return modernPost(probe, "server/discover", "")
	}
	return g.inSession(probe, id, "ping", "")
}

// enter does the handshakes of both revisions, and looks for the reason where both fail.
func (g *gatherer) enter(ctx context.Context) {
	g.send(ctx, modernPost("discover", "server/discover", ""))
	g.initialize(ctx)
	entry := g.f.Entry()
	if entry.Result() {
		g.measure(ctx)
		return
	}
	switch entry.Kind() {
	case facts.KindNone:
		g.otherProtocol(ctx)
	case facts.KindStatus, facts.KindAnswer:
		if entry.Status/100 == 4 { // as clients do, which look for HTTP+SSE then
			g.askOldSSE(ctx, "oldsse", endTime)
			if g.f.SpeaksOldSSE() {
				g.openOldSSE(ctx)
			}
		}
	case facts.KindPath:
		g.askOldSSE(ctx, "oldsse", endTime)
		if x := g.f.First("oldsse"); x.Open && x.Size == 0 || x.TimedOut() {
			g.askOldSSE(ctx, facts.LateSSE, connectTime)
		}
		if g.f.SpeaksOldSSE() {
			g.openOldSSE(ctx)
			return
		}
		g.otherPaths(ctx)
	case facts.KindHost:
		r := initializePost("local host", facts.Legacy)
		r.host = "localhost:" + client.Port(g.Target)
		g.send(ctx, r)
	}
}

// initialize opens the session that the other probes use.
func (g *gatherer) initialize(ctx context.Context) {
	r := initializePost("initialize", facts.Legacy)
	r.timeout, r.late = g.Deadline*12/10, true // so that clients that wait for ten seconds can be judged
	x, _ := g.send(ctx, r)
	if x.WasSent() && x.Timing.Total > ms(g.Deadline/2) {
		g.until = g.until.Add(g.Deadline / 2)
	}
	if !g.f.SpeaksLegacy() {
		return
	}
	g.send(ctx, g.withSession(post("initialized", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)))
}

// measure times five cheap requests: the first on a new connection. With sessions,
// two of them have unusual ids.
func (g *gatherer) measure(ctx context.Context) {
	list := []request{g.cheap("latency"), g.cheap("latency")}
	if !g.Quick {
		list = append(list, g.cheap("latency"), g.cheap("latency"), g.cheap("latency"))
	}
	if !g.Quick && g.f.SpeaksLegacy() {
		list[3], list[4] = g.inSession("string id", `"mcpdiag-1"`, "ping", ""), g.inSession("zero id", "0", "ping", "")
	}
	g.idle = g.fresh()
	for _, r := range list {
		r.client = g.idle
		if g.f.First("discover").Lacks() == facts.LackTime { // time for tools/list must be left
			r.timeout = shortTime
		}
		if x, _ := g.send(ctx, r); x.Lacks() == facts.LackTime {
			break // the others would wait as long
		}
	}
	g.idleSince = time.Now()
}

// fresh returns a client with the credentials whose first request opens a connection.
func (g *gatherer) fresh() *client.Client { return g.Client.Fresh(nil) }

// otherPaths asks the usual paths of the target for a server.
func (g *gatherer) otherPaths(ctx context.Context) {
	for _, path := range []string{"/mcp", "/mcp/", "/sse", "/"} {
		u := url.URL{Scheme: g.Target.Scheme, Host: g.Target.Host, Path: path}
		if u.Path == g.Target.Path {
			continue
		}
		r := initializePost("path "+path, facts.Legacy)
		r.url = u.String()
		if path == "/sse" {
			r.verb, r.body, r.header["Accept"], r.timeout = http.MethodGet, "", "text/event-stream", endTime
		}
		g.send(ctx, r)
	}
}

// negatives sends requests that a server should refuse, and those of a browser.
func (g *gatherer) negatives(ctx context.Context) {
	if !g.f.Entry().Result() {
		return
	}
	origin := g.cheap("foreign origin")
	origin.header["Origin"] = "https://evil.example"
	g.send(ctx, origin)
	host := g.cheap("foreign host")
	host.host, host.header["Origin"] = "evil.example", "https://evil.example"
	g.send(ctx, host)
	g.send(ctx, request{probe: "preflight", verb: http.MethodOptions, anonymous: true, header: map[string]string{
		"Origin": browserOrigin, "Access-Control-Request-Method": http.MethodPost,
		"Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version,mcp-session-id",
	}})
	browser := g.cheap("browser")
	browser.header["Origin"] = browserOrigin
	g.send(ctx, browser)
	slash := g.cheap("slash")
	slash.url = otherSlash(g.Target)
	g.send(ctx, slash)
}

// browserOrigin is the origin of the Inspector.
const browserOrigin = "http://localhost:6274"

// otherSlash returns the target with a slash at the end of its path, or without it.
func otherSlash(target *url.URL) string {
	u := *target
	if path, had := strings.CutSuffix(u.Path, "/"); had {
		u.Path = path
	} else {
		u.Path += "/"
	}
	u.RawPath = ""
	return u.String()
}

// askOldSSE asks for the event stream of HTTP+SSE at the target itself.
func (g *gatherer) askOldSSE(ctx context.Context, probe string, wait time.Duration) {
	g.send(ctx, request{probe: probe, verb: http.MethodGet, header: map[string]string{"Accept": "text/event-stream"}, timeout: wait})
}
