package gather

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// listings asks for everything that the server offers.
func (g *gatherer) listings(ctx context.Context) {
	if !g.f.SpeaksLegacy() && !g.f.SpeaksModern() {
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
	if len(body) >= largeJSON && facts.ContentType(x.Header) == "application/json" && x.Header.Get("Content-Encoding") == "" {
		x.Gzip = gzipSize(body)
	}
	again := &facts.ToolListing{}
	if _, ok := addPage(again, facts.ParseMessage(facts.ContentType(x.Header), body)); ok {
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
		params = `"cursor":` + facts.QuoteJSON(cursor)
	}
	if !g.f.SpeaksLegacy() {
		return modernPost(what+"/list", what+"/list", params)
	}
	return g.inSession(what+"/list", "1", what+"/list", "{"+params+"}")
}

// protocol sends requests at the edges of the protocol.
func (g *gatherer) protocol(ctx context.Context) {
	if g.f.SpeaksModern() {
		g.send(ctx, modernPost("modern unknown method", "mcpdiag/unknown", ""))
		mismatch := modernPost("header mismatch", "server/discover", "")
		mismatch.header["Mcp-Method"] = "tools/list"
		g.send(ctx, mismatch)
	}
	if !g.f.SpeaksLegacy() {
		return
	}
	g.send(ctx, g.inSession("unknown method", "1", "mcpdiag/unknown", ""))
	g.send(ctx, g.withSession(post("bad JSON", `{"jsonrpc":`)))
	version := g.inSession("bad version header", "1", "ping", "")
	version.header[facts.VersionHeader] = "1900-01-01"
	g.send(ctx, version)
	without := g.inSession("no version header", "1", "ping", "")
	delete(without.header, facts.VersionHeader)
	g.send(ctx, without)
	future := initializePost("future version", "2099-01-01")
	future.timeout = facts.RequestTime + time.Duration(g.f.First("initialize").Timing.Total)*time.Millisecond // it may take as long again
	g.send(ctx, future)
	g.send(ctx, g.withSession(post("batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`)))
}

// freshConnections is how many new connections look for the session.
const freshConnections = 5

// sessions uses the session on new connections, and a session that does not exist.
func (g *gatherer) sessions(ctx context.Context) {
	if !g.f.SpeaksLegacy() || g.session == "" {
		return
	}
	for range freshConnections {
		r := g.cheap("new connection")
		r.client = g.fresh()
		x, _ := g.send(ctx, r)
		r.client.HTTP().CloseIdleConnections()
		if x.Lacks() == facts.LackTime {
			break
		}
	}
	unknown := g.cheap("unknown session")
	unknown.header[facts.SessionHeader] = rand.Text()
	g.send(ctx, unknown)
}

// DefaultHold is how long an event stream is watched.
const DefaultHold = time.Second

// stream opens the event stream of the session, and opens it again after it closed.
func (g *gatherer) stream(ctx context.Context) {
	if !g.f.SpeaksLegacy() {
		return
	}
	first := g.getBeside(ctx, "stream", g.Hold)
	if x := g.f.First(facts.Beside); x.WasSent() && x.Status == 0 {
		g.getBeside(ctx, "stream, longer", g.patience(3*g.Hold)) // it may only be slow
	}
	if first.Status == 0 && g.f.Stopped == "" {
		first = g.get(ctx, "stream headers", g.patience(3*g.Hold))
	}
	if !first.IsStream() || !first.Open {
		return
	}
	g.sleep(ctx, g.Hold/2)
	again := g.get(ctx, "stream again", g.patience(g.Hold/2))
	if again.IsStream() && again.Open {
		return
	}
	hold := g.Hold / 2
	if again.Status == 0 {
		hold = g.patience(3 * g.Hold)
	}
	g.sleep(ctx, 3*g.Hold)
	g.get(ctx, "stream later", hold)
}

// patience returns how long a probe waits for an answer whose absence is a failure: at
// least usual, and longer where cheap requests take long, as on a busy machine.
func (g *gatherer) patience(usual time.Duration) time.Duration {
	slowest := 0.0
	for _, probe := range []string{"latency", "string id", "zero id", "new connection"} {
		for _, x := range g.f.Probe(probe) {
			slowest = max(slowest, x.Timing.Total)
		}
	}
	return max(usual, min(time.Duration(4*slowest)*time.Millisecond, 2*facts.RequestTime))
}

// The requests that may come after the event stream: those that the plan names, and with
// a token those of the authorization.
const laterRequests, laterWithToken = 13, 24

// getBeside opens the event stream and, where it stays open, sends a request meanwhile.
// Official clients keep the stream open for as long as the session.
func (g *gatherer) getBeside(ctx context.Context, probe string, hold time.Duration) *facts.Exchange {
	later := laterRequests
	if g.Credentials {
		later = laterWithToken
	}
	if g.budgetUsed(later) {
		return g.get(ctx, probe, hold)
	}
	began, over, begin := make(chan struct{}), make(chan struct{}), time.Now()
	join := g.aside(func(child *gatherer) {
		select {
		case <-began: // before that the request may overtake that of the stream
		case <-time.After(hold / 2):
		case <-over:
		}
		select {
		case <-over: // the stream did not stay open
			return
		case <-time.After(hold / 8):
		}
		r := child.cheap("ping beside " + probe)
		if r.timeout = (hold - time.Since(begin)) * 3 / 4; r.timeout > hold/8 {
			child.send(ctx, r)
		}
	})
	trace := &httptrace.ClientTrace{GotFirstResponseByte: sync.OnceFunc(func() { close(began) })}
	x := g.get(httptrace.WithClientTrace(ctx, trace), probe, hold)
	close(over)
	join()
	return x
}

func (g *gatherer) get(ctx context.Context, probe string, hold time.Duration) *facts.Exchange {
	r := g.withSession(request{probe: probe, verb: http.MethodGet, header: map[string]string{"Accept": "text/event-stream"}, timeout: hold})
	x, _ := g.send(ctx, r)
	return x
}

// listen opens the event stream of the revision without sessions, whose first message
// must come at once. Like most clients it accepts compression; where nothing comes,
// it asks again without.
func (g *gatherer) listen(ctx context.Context) {
	if !g.f.SpeaksModern() {
		return
	}
	for _, encoding := range []string{"gzip", "identity"} {
		r := modernPost("listen "+encoding, facts.ListenMethod, `"notifications":{"toolsListChanged":true}`)
		r.header["Accept-Encoding"] = encoding
		r.timeout, r.limit = g.patience(2*g.Hold), facts.ListenEnough
		x, _ := g.send(ctx, r)
		if x.Acknowledged() || x.Status != 0 && !x.IsStream() {
			return
		}
	}
}

// sleep waits, unless ctx or the time of doctor ends.
func (g *gatherer) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(min(d, time.Until(g.until))):
	}
}

// oldSSERequests is how many requests a session over HTTP+SSE takes.
const oldSSERequests = 3

// openOldSSE opens a session over HTTP+SSE, whose answers come on its event stream.
func (g *gatherer) openOldSSE(ctx context.Context) {
	if g.f.SilentSSE() {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, g.until)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, facts.RequestTime)
	defer cancel()
	g.f.OldSSE = &facts.OldSSE{}
	g.f.Beside += oldSSERequests
	s, err := mcp.Open(ctx, mcp.EndpointOver(g.Client, g.Target), mcp.Era{Version: "2024-11-05", SSE: true})
	if err != nil {
		g.f.OldSSE.Failed = g.hide(err.Error())
		return
	}
	g.f.OldSSE.Server = s.Era().Server
	if err := s.Close(ctx); err != nil {
		g.f.OldSSE.Failed = g.hide(err.Error())
	}
}
