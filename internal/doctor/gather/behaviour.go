package gather

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Limits of the probes that a user asks for.
const (
	MaxDeepRequests = 150
	DeepDeadline    = 180 * time.Second
	DefaultIdle     = 130 * time.Second // longer than the idle limits that proxies have
	MaxBurst        = 30
	slowTime        = 60 * time.Second       // for a whole call of the slow tool
	cancelAfter     = 250 * time.Millisecond // at most
	pingTime        = 3 * time.Second        // at least, for a cheap request after a cancelled call
)

// aside runs probes that take place beside others, and records them when they end.
func (g *gatherer) aside(probes func(*gatherer)) (join func()) {
	child, facts := *g, *g.f
	facts.Exchanges = slices.Clone(g.f.Exchanges)
	child.ids = slices.Clip(g.ids) // both append to it
	known := len(g.ids)
	before := len(facts.Exchanges)
	child.f = &facts
	done := make(chan struct{})
	go func() {
		defer close(done)
		probes(&child)
	}()
	return func() {
		<-done
		g.f.Exchanges = append(g.f.Exchanges, facts.Exchanges[before:]...)
		g.ids = append(g.ids, child.ids[known:]...)
		if facts.Kept != nil {
			g.f.Kept = facts.Kept
		}
	}
}

// most is how many requests are sent.
func (g *gatherer) most() int {
	if g.Deep || g.SlowTool != "" || g.Burst > 0 {
		return MaxDeepRequests
	}
	return MaxRequests
}

// behaviour calls the slow tool, and with Deep watches the server for minutes.
func (g *gatherer) behaviour(ctx context.Context) {
	if !g.f.Entry().Result() || !g.Deep && g.SlowTool == "" && g.Burst == 0 {
		return
	}
	g.f.Behaviour = &facts.Behaviour{Tool: g.SlowTool, Sessions: [2]int64{-1, -1}}
	join := func() {}
	if g.Deep {
		g.f.Behaviour.IdleMs = ms(g.Idle)
		stream := g.aside(func(child *gatherer) { child.idleStream(ctx) })
		connection := g.aside(func(child *gatherer) { child.watchIdle(ctx) })
		join = func() { connection(); stream() }
		g.revisions(ctx)
		g.leak(ctx)
	}
	if g.SlowTool != "" {
		g.slowTool(ctx)
	}
	if g.Burst > 0 {
		g.burst(ctx)
	}
	join()
}

// idleStream holds an event stream on which nothing happens.
func (g *gatherer) idleStream(ctx context.Context) {
	if g.f.SpeaksLegacy() {
		g.get(ctx, "idle stream", g.Idle)
		return
	}
	r := modernPost("idle stream", facts.ListenMethod, `"notifications":{"toolsListChanged":true}`)
	r.timeout = g.Idle
	g.send(ctx, r)
}

// revisions does the handshake of each revision with sessions.
func (g *gatherer) revisions(ctx context.Context) {
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		g.send(ctx, initializePost("revision "+version, version))
	}
}

// leak opens and ends sessions, and asks the server how many it has.
func (g *gatherer) leak(ctx context.Context) {
	before, ok := g.witness(ctx)
	if !g.f.SpeaksLegacy() || g.session == "" || !ok || before.ActiveSessions == nil {
		return
	}
	for range facts.LeakSessions {
		g.send(ctx, initializePost("many sessions", facts.Legacy)) // it is ended at once
	}
	if after, ok := g.witness(ctx); ok && after.ActiveSessions != nil {
		g.f.Behaviour.Sessions = [2]int64{*before.ActiveSessions, *after.ActiveSessions}
	}
}

// witness reads the sessions and the calls in flight from /debug/snapshot.
func (g *gatherer) witness(ctx context.Context) (*snapshot.Snapshot, bool) {
	u := url.URL{Scheme: g.Target.Scheme, Host: g.Target.Host, Path: "/debug/snapshot"}
	x, body := g.send(ctx, request{probe: "witness", verb: http.MethodGet, url: u.String(), anonymous: true})
	if !x.OK() || facts.ContentType(x.Header) != "application/json" {
		return nil, false
	}
	s, err := snapshot.Decode(body)
	return s, err == nil
}

// inFlight counts the calls of the slow tool.
func (g *gatherer) inFlight(ctx context.Context) (int, bool) {
	s, ok := g.witness(ctx)
	if !ok {
		return 0, false
	}
	return len(slices.DeleteFunc(slices.Clone(s.ToolCallStack), func(c snapshot.Call) bool { return c.Name != g.SlowTool })), true
}

// slowTool calls the tool: whole, then cancelled in each way that the revisions have.
func (g *gatherer) slowTool(ctx context.Context) {
	b := g.f.Behaviour
	tool, ok := g.listed(g.SlowTool)
	if b.Unknown = !ok; b.Unknown {
		return
	}
	g.slow = newToolCall(tool, g.SlowArgs, 2)
	calls, ok := g.inFlight(ctx)
	b.Witness, b.Others = ok, calls > 0
	full := g.whileOthers(ctx)
	if b.FullMs = full.Timing.Total; !full.Result() {
		b.FullMs = 0
		return
	}
	cancel := min(cancelAfter, time.Duration(0.3*b.FullMs)*time.Millisecond)
	b.CancelMs = ms(cancel)
	if g.f.SpeaksLegacy() {
		g.cancelled(ctx, cancel)
		b.AfterLeaving = g.abandoned(ctx, g.call("call, left", "77"), cancel)
	}
	if g.f.SpeaksModern() {
		b.AfterClose = g.abandoned(ctx, g.modernCall("call, closed"), cancel)
		if len(b.AfterClose) == 1 && b.AfterClose[0].Calls > 0 { // the next look came too late: once more
			b.AfterClose = g.abandoned(ctx, g.modernCall("call, closed"), cancel)
		}
	}
}

// listed returns a tool of the listing.
func (g *gatherer) listed(name string) (facts.ToolFact, bool) {
	if g.f.Tools != nil {
		for _, t := range g.f.Tools.Tools {
			if t.Name == name {
				return t, true
			}
		}
	}
	return facts.ToolFact{}, false
}

// call returns a call of the slow tool in the session.
func (g *gatherer) call(probe, id string) request {
	r := g.inSession(probe, id, "tools/call", "{"+g.slow.params()+"}")
	r.timeout, r.call = slowTime, g.slow
	return r
}

func (g *gatherer) modernCall(probe string) request {
	r := modernPost(probe, "tools/call", g.slow.params())
	r.header["Mcp-Name"], r.timeout, r.call = g.SlowTool, slowTime, g.slow
	return r
}

// anyCall returns a call in whichever revision the server speaks.
func (g *gatherer) anyCall(probe, id string) request {
	if g.f.SpeaksLegacy() {
		return g.call(probe, id)
	}
	return g.modernCall(probe)
}

// pingsDuring is how many cheap requests are sent while the slow tool runs.
const pingsDuring = 5

// whileOthers calls the slow tool, and meanwhile sends cheap requests on a connection
// of their own.
func (g *gatherer) whileOthers(ctx context.Context) *facts.Exchange {
	full := &facts.Exchange{}
	join := g.aside(func(child *gatherer) { full, _ = child.send(ctx, child.anyCall("slow call", "70")) })
	g.sleep(ctx, cancelAfter/5) // the call is on its way
	c := g.fresh()
	defer c.HTTP().CloseIdleConnections()
	for range pingsDuring {
		r := g.cheap("ping during the slow call")
		r.client, r.timeout = c, slowTime
		if x, _ := g.send(ctx, r); x.Status != 0 {
			g.f.Behaviour.During = append(g.f.Behaviour.During, x.Timing.Total)
		}
	}
	join()
	return full
}

// cancelled cancels a call with a notification, and sees whether others are served.
func (g *gatherer) cancelled(ctx context.Context, after time.Duration) {
	join := g.aside(func(child *gatherer) {
		r := child.call("cancelled call", "71")
		r.timeout = time.Duration(g.f.Behaviour.FullMs)*time.Millisecond + 2*time.Second
		child.send(ctx, r)
	})
	g.sleep(ctx, after)
	g.send(ctx, g.withSession(post("cancel", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":71,"reason":"mcpdiag doctor"}}`)))
	join()
	ping := g.cheap("ping after the cancelled call")
	ping.timeout = g.patience(pingTime)
	g.send(ctx, ping)
}

// abandoned closes the answer to a call, and watches whether the server goes on.
func (g *gatherer) abandoned(ctx context.Context, r request, after time.Duration) []facts.Flight {
	if b := g.f.Behaviour; !b.Witness || b.Others {
		return nil
	}
	r.timeout = after
	begin := time.Now()
	if x, _ := g.send(ctx, r); x.WasSent() {
		x.Failed = fmt.Sprintf("closed by the client after %.0f ms", x.Timing.Total)
	}
	full := time.Duration(g.f.Behaviour.FullMs) * time.Millisecond
	var seen []facts.Flight
	for range 4 {
		g.sleep(ctx, min(full/10, cancelAfter))
		calls, ok := g.inFlight(ctx)
		if at := time.Since(begin); ok && at < full*9/10 {
			seen = append(seen, facts.Flight{Ms: ms(at), Calls: calls})
		}
		if !ok || calls == 0 {
			break
		}
	}
	return seen
}

// firstOfBurst is the id of the first request of a burst.
const firstOfBurst = 100

// burst sends cheap requests at the same time.
func (g *gatherer) burst(ctx context.Context) {
	var joins []func()
	for i := range g.Burst {
		id := strconv.Itoa(firstOfBurst + i)
		joins = append(joins, g.aside(func(child *gatherer) { child.send(ctx, child.cheapAs(facts.BurstProbe, id)) }))
	}
	for _, join := range joins {
		join()
	}
}

// ValidArgs reports whether text is a JSON object, or empty.
func ValidArgs(text string) bool {
	var object map[string]json.RawMessage
	return text == "" || json.Unmarshal([]byte(text), &object) == nil && strings.TrimSpace(text) != "null"
}
