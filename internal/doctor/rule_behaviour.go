package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

func behaviourRules() []rule {
	needs := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []rule{
		{id: "behaviour.revisions", title: "each revision with sessions is answered", needs: needs, shows: true, judge: judgeRevisions},
		{id: "behaviour.cancel_modern", title: "a call ends when its client closes the answer (2026-07-28)", needs: needs, shows: true, fails: true, judge: judgeCancelModern, reference: "MCP 2026-07-28, cancellation"},
		{id: "behaviour.cancel_legacy", title: "a cancelled call ends, and others go on", needs: needs, shows: true, fails: true, judge: judgeCancelLegacy, reference: "MCP cancellation"},
		{id: "behaviour.disconnect_legacy", title: "calls whose client is gone are known", needs: needs, judge: judgeDisconnect, reference: "MCP transports: sending messages"},
		{id: "behaviour.serial", title: "a slow call does not hold up others", needs: needs, shows: true, judge: judgeSerial},
		{id: "behaviour.leak", title: "sessions that ended are gone", needs: needs, shows: true, judge: judgeLeak},
		{id: "limits.burst", title: "a burst of requests is served, or limited with 429", needs: needs, shows: true, judge: judgeBurst},
	}
}

// noSlowTool returns why the calls of the slow tool say nothing, and whether that is so.
func noSlowTool(f *Facts) (opinion, bool) {
	b := f.Behaviour
	switch {
	case b == nil || b.Tool == "":
		return skip("needs a tool that takes seconds and may be called (--slow-tool)"), true
	case b.Unknown:
		return skip("the server lists no tool %s", ToolFact{Name: b.Tool}.label()), true
	case b.FullMs == 0:
		return skip("the call of %s did not succeed", ToolFact{Name: b.Tool}.label()).saw(f.probe("slow call")...), true
	case b.FullMs < shortestSlow:
		return skip("%s takes only %.0f ms; name a tool that takes a second or more", ToolFact{Name: b.Tool}.label(), b.FullMs), true
	}
	return opinion{}, false
}

// shortestSlow is the duration in milliseconds of a call that can be cancelled in time.
const shortestSlow = 400

func judgeCancelModern(f *Facts) opinion {
	o, none := noSlowTool(f)
	switch {
	case none:
		return o
	case !f.modern():
		return skip("the server does not speak %s", modern)
	case len(f.Behaviour.AfterClose) == 0:
		return skip("not visible from outside: the server has no /debug/snapshot").leads("mcpdiag proxy --to URL")
	}
	last := f.Behaviour.AfterClose[len(f.Behaviour.AfterClose)-1]
	if last.Calls == 0 {
		return pass("a closed call ends at once")
	}
	return fail("the server goes on with a call %.0f ms after its client closed the answer", last.Ms-f.Behaviour.CancelMs).
		fix("pass the end of the request on to the tool (Go SDK: PropagateRequestCancellation), and let the tool stop").saw(f.first("call, closed")).
		noted(fmt.Sprintf("/debug/snapshot: %s in flight; a whole call takes %.0f ms", report.Plural(int64(last.Calls), "call"), f.Behaviour.FullMs))
}

func judgeCancelLegacy(f *Facts) opinion {
	o, none := noSlowTool(f)
	x, after := f.first("cancelled call"), f.first("ping after the cancelled call")
	switch {
	case none:
		return o
	case !f.legacy():
		return skip("the server has no sessions")
	case !x.sent():
		return notAsked(f)
	case after.sent() && after.Status == 0:
		return fail("after a cancelled call the server answers no other").fix("a cancelled call must not hold the session").saw(x, after)
	case x.result() && x.Timing.Total > 0.9*f.Behaviour.FullMs:
		return warn("the server finishes calls that were cancelled (%.0f of %.0f ms)", x.Timing.Total, f.Behaviour.FullMs).
			fix("let the tool stop when its context is cancelled: it works for nobody").saw(x)
	}
	return pass("a cancelled call ends")
}

func judgeDisconnect(f *Facts) opinion {
	o, none := noSlowTool(f)
	switch {
	case none:
		return o
	case len(f.Behaviour.AfterLeaving) == 0:
		return skip("not visible from outside")
	}
	if last := f.Behaviour.AfterLeaving[len(f.Behaviour.AfterLeaving)-1]; last.Calls > 0 {
		return info("a call goes on when its client is gone, as the revisions of 2025 want")
	}
	return info("a call ends when its client is gone")
}

// Bounds of requests that a slow call holds up.
const (
	heldUpTimes = 3
	heldUpMs    = 250
)

func judgeSerial(f *Facts) opinion {
	o, none := noSlowTool(f)
	if none {
		return o
	}
	during := slices.Sorted(slices.Values(f.Behaviour.During))
	var idle []float64
	for _, x := range f.probe("latency") {
		if x.Status != 0 {
			idle = append(idle, x.Timing.Total)
		}
	}
	if slices.Sort(idle); len(during) == 0 || len(idle) == 0 {
		return notAsked(f)
	}
	longest, usual := during[len(during)-1], idle[len(idle)/2]
	if longest > heldUpMs && longest > heldUpTimes*usual && longest > f.Behaviour.FullMs/3 {
		return warn("one slow call holds up all others: a ping took %.0f ms meanwhile, %.0f ms otherwise", longest, usual).
			fix("do not block the event loop or the only worker: run tools beside it").leads("mcpdiag loadtest --find-knee").saw(f.probe("ping during the slow call")...)
	}
	return pass("others are served during a slow call (%.0f ms)", longest)
}

func judgeRevisions(f *Facts) opinion {
	var row []string
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		x := f.first("revision " + version)
		if !x.sent() {
			continue
		}
		got := x.Message.handshake().Version
		if !x.result() || got == "" {
			return warn("initialize with %s is refused", version).fix("answer a revision that the server speaks").saw(x)
		}
		row = append(row, version+" → "+got)
	}
	if len(row) == 0 {
		return skip("needs --deep")
	}
	return pass("%s", strings.Join(row, ", "))
}

func judgeLeak(f *Facts) opinion {
	b := f.Behaviour
	switch {
	case b == nil || len(f.probe("many sessions")) == 0:
		return skip("needs --deep, sessions and /debug/snapshot").leads("mcpdiag leaktest")
	case b.Sessions[1] < 0:
		return skip("the server no longer says how many sessions it has")
	case b.Sessions[1]-b.Sessions[0] > leakSessions/2:
		return warn("%d sessions were opened and ended, and the server has %d more than before", leakSessions, b.Sessions[1]-b.Sessions[0]).
			fix("release sessions on DELETE").leads("mcpdiag leaktest").saw(f.probe("many sessions")[:1]...)
	}
	return pass("%d sessions came and went", leakSessions)
}

// judgeWatched judges an idle event stream that was held for minutes.
func judgeWatched(f *Facts, x *Exchange) opinion {
	switch {
	case x.Status == 0 || !x.isStream():
		return skip("there is no standing event stream")
	case x.Open:
		return pass("an idle stream stays open for %.0f s, %s", f.Behaviour.IdleMs/1000, heartbeats(x))
	}
	lasted := x.Timing.Total / 1000
	hints := []string{"send an SSE comment every 15 to 25 s, and raise the idle limit of proxies"}
	limits := idleLimits()
	for _, hop := range sortedKeys(limits) {
		if seconds := float64(limits[hop]); lasted > seconds-2 && lasted < seconds+3 && (!f.Loopback || f.through(hop)) {
			hints = append(hints, fmt.Sprintf("%d s is a default of %s", limits[hop], hop))
		}
	}
	return warn("an idle event stream is closed after %.0f s", lasted).fix(strings.Join(hints, "; ")).saw(x)
}

// heartbeats counts the comment lines and pings of a stream. One alone is that with
// which servers open it.
func heartbeats(x *Exchange) string {
	n := strings.Count("\n"+x.Body, "\n:") + strings.Count(x.Body, `"ping"`)
	if n < 2 {
		return "without heartbeats"
	}
	return fmt.Sprintf("with %d heartbeats", n)
}

func judgeBurst(f *Facts) opinion {
	list := f.probe(burstProbe)
	if len(list) == 0 {
		return skip("needs --burst")
	}
	var limited, broken []*Exchange
	for _, x := range list {
		switch {
		case isLimited(x):
			limited = append(limited, x)
		case x.Status == 0 || x.Status >= 500 || contentType(x.Header) == "text/html":
			broken = append(broken, x)
		}
	}
	switch {
	case len(broken) > 0:
		return warn("%d of %d requests at once fail", len(broken), len(list)).fix("limit with 429 and Retry-After").leads("mcpdiag loadtest --find-knee").saw(broken...)
	case len(limited) > 0 && limited[0].Header.Get("Retry-After") == "":
		return warn("%d of %d requests at once are limited, without Retry-After", len(limited), len(list)).fix("say how long to wait: Retry-After").saw(limited...)
	case len(limited) > 0:
		return info("%d of %d requests at once are limited", len(limited), len(list)).saw(limited...)
	}
	return pass("%d requests at once are served", len(list))
}
