package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// listings asks for everything that the server offers.
func (g *gatherer) listings(ctx context.Context) {
	if !g.f.legacy() && !g.f.modern() {
		return
	}
	g.tools(ctx)
	for _, what := range []string{"prompts", "resources"} {
		g.send(ctx, g.list(what, ""))
	}
	if !g.Quick && g.f.Tools != nil && len(g.f.Tools.Tools) > 0 {
		g.listAgain(ctx)
	}
}

// listAgain asks for the first page of tools again, and accepts a compressed answer.
func (g *gatherer) listAgain(ctx context.Context) {
	r := g.list("tools", "")
	r.probe, r.limit = "tools/list again", maxPage
	r.header["Accept-Encoding"] = "gzip"
	x, body := g.send(ctx, r)
	if len(body) >= largeJSON && contentType(x.Header) == "application/json" && x.Header.Get("Content-Encoding") == "" {
		x.Gzip = gzipSize(body)
	}
	again := &ToolListing{}
	if _, ok := again.page(parseMessage(contentType(x.Header), body)); ok {
		for _, t := range again.Tools {
			g.f.Tools.Again = append(g.f.Tools.Again, t.Name)
		}
	}
}

// largeJSON is the size in bytes from which compression is worth its time.
const largeJSON = 16 << 10

// gzipSize returns the size of data when it is compressed.
func gzipSize(data []byte) int {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(data) // to memory
	_ = w.Close()
	return packed.Len()
}

// list returns a request for a page of a listing.
func (g *gatherer) list(what, cursor string) request {
	params := ""
	if cursor != "" {
		params = `"cursor":` + quoteJSON(cursor)
	}
	if !g.f.legacy() {
		return modernPost(what+"/list", what+"/list", params)
	}
	return g.inSession(what+"/list", "1", what+"/list", "{"+params+"}")
}

// protocol sends requests at the edges of the protocol.
func (g *gatherer) protocol(ctx context.Context) {
	if g.f.modern() {
		g.send(ctx, modernPost("modern unknown method", "mcpdiag/unknown", ""))
		mismatch := modernPost("header mismatch", "server/discover", "")
		mismatch.header["Mcp-Method"] = "tools/list"
		g.send(ctx, mismatch)
	}
	if !g.f.legacy() {
		return
	}
	g.send(ctx, g.inSession("unknown method", "1", "mcpdiag/unknown", ""))
	g.send(ctx, g.withSession(post("bad JSON", `{"jsonrpc":`)))
	version := g.inSession("bad version header", "1", "ping", "")
	version.header[versionHeader] = "1900-01-01"
	g.send(ctx, version)
	without := g.inSession("no version header", "1", "ping", "")
	delete(without.header, versionHeader)
	g.send(ctx, without)
	g.send(ctx, initializePost("future version", "2099-01-01"))
	g.send(ctx, g.withSession(post("batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`)))
}

// freshConnections is how many new connections look for the session.
const freshConnections = 5

// sessions uses the session on new connections, and a session that does not exist.
func (g *gatherer) sessions(ctx context.Context) {
	if !g.f.legacy() || g.session == "" {
		return
	}
	for range freshConnections {
		r := g.cheap("new connection")
		r.client = g.fresh()
		g.send(ctx, r)
		r.client.HTTP().CloseIdleConnections()
	}
	unknown := g.cheap("unknown session")
	unknown.header[sessionHeader] = rand.Text()
	g.send(ctx, unknown)
}

// DefaultHold is how long an event stream is watched.
const DefaultHold = time.Second

// stream opens the event stream of the session, and opens it again after it closed.
func (g *gatherer) stream(ctx context.Context) {
	if !g.f.legacy() {
		return
	}
	first := g.get(ctx, "stream", g.Hold)
	if first.Status == 0 && g.f.Stopped == "" {
		first = g.get(ctx, "stream headers", 3*g.Hold)
	}
	if !first.isStream() || !first.Open {
		return
	}
	g.sleep(ctx, g.Hold/2)
	if again := g.get(ctx, "stream again", g.Hold/2); again.isStream() && again.Open {
		return
	}
	g.sleep(ctx, 3*g.Hold)
	g.get(ctx, "stream later", g.Hold/2)
}

func (g *gatherer) get(ctx context.Context, probe string, hold time.Duration) *Exchange {
	r := g.withSession(request{probe: probe, verb: http.MethodGet, header: map[string]string{"Accept": "text/event-stream"}, timeout: hold})
	x, _ := g.send(ctx, r)
	return x
}

// Limits on the answer to subscriptions/listen: doctor leaves after the first message.
const (
	listenMethod = "subscriptions/listen"
	listenEnough = 160 // bytes
)

// listen opens the event stream of the revision without sessions, whose first message
// must come at once. Like most clients it accepts compression; where nothing comes,
// it asks again without.
func (g *gatherer) listen(ctx context.Context) {
	if !g.f.modern() {
		return
	}
	for _, encoding := range []string{"gzip", "identity"} {
		r := modernPost("listen "+encoding, listenMethod, `"notifications":{"toolsListChanged":true}`)
		r.header["Accept-Encoding"] = encoding
		r.timeout, r.limit = 2*g.Hold, listenEnough
		x, _ := g.send(ctx, r)
		if x.acknowledged() || x.Status != 0 && !x.isStream() {
			return
		}
	}
}

// acknowledged reports whether x is an event stream on which a message came.
func (x *Exchange) acknowledged() bool {
	return x.isStream() && (x.Size >= listenEnough || strings.Contains(x.Body, "subscriptions/acknowledged"))
}

// isStream reports whether x is an answer with events.
func (x *Exchange) isStream() bool {
	return x.ok() && contentType(x.Header) == "text/event-stream"
}

// sleep waits, unless ctx or the time of doctor ends.
func (g *gatherer) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(min(d, time.Until(g.until))):
	}
}

// OldSSE is the attempt to open a session over HTTP+SSE.
type OldSSE struct {
	Server string `json:"server,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// oldSSERequests is how many requests a session over HTTP+SSE takes.
const oldSSERequests = 3

// openOldSSE opens a session over HTTP+SSE, whose answers come on its event stream.
func (g *gatherer) openOldSSE(ctx context.Context) {
	if g.f.silentSSE() {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, g.until)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, requestTime)
	defer cancel()
	g.f.OldSSE = &OldSSE{}
	g.f.Beside += oldSSERequests
	s, err := mcp.Open(ctx, mcp.Endpoint{HTTP: g.Client.HTTP(), URL: g.Target.String()}, mcp.Era{Version: "2024-11-05", SSE: true})
	if err != nil {
		g.f.OldSSE.Failed = g.hide(err.Error())
		return
	}
	g.f.OldSSE.Server = s.Era().Server
	if err := s.Close(ctx); err != nil {
		g.f.OldSSE.Failed = g.hide(err.Error())
	}
}
