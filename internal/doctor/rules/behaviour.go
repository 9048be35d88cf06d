package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func behaviourRules() []Rule {
	needs := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []Rule{
		{ID: "behaviour.revisions", Title: "each revision with sessions is answered", Needs: needs, shows: true, judge: judgeRevisions},
		{ID: "behaviour.cancel_modern", Title: "a call ends when its client closes the answer (2026-07-28)", Needs: needs, shows: true, Fails: true, judge: judgeCancelModern, Reference: "MCP 2026-07-28, cancellation"},
		{ID: "behaviour.cancel_legacy", Title: "a cancelled call ends, and others go on", Needs: needs, shows: true, Fails: true, judge: judgeCancelLegacy, Reference: "MCP cancellation"},
		{ID: "behaviour.disconnect_legacy", Title: "calls whose client is gone are known", Needs: needs, judge: judgeDisconnect, Reference: "MCP transports: sending messages"},
		{ID: "behaviour.serial", Title: "a slow call does not hold up others", Needs: needs, shows: true, judge: judgeSerial},
		{ID: "behaviour.leak", Title: "sessions that ended are gone", Needs: needs, shows: true, judge: judgeLeak},
		{ID: "limits.burst", Title: "a burst of requests is served, or limited with 429", Needs: needs, shows: true, judge: judgeBurst},
	}
}

// noSlowTool returns why the calls of the slow tool say nothing, and whether that is so.
func noSlowTool(f *facts.Facts) (opinion, bool) {
	b := f.Behaviour
	switch {
	case b == nil || b.Tool == "":
		return skip("needs a tool that takes seconds and may be called").flag("--slow-tool"), true
	case b.Unknown:
		return skip("the server lists no tool %s", facts.ToolFact{Name: b.Tool}.Label()).missed(), true
	case b.FullMs == 0:
		return skip("the call of %s did not succeed", facts.ToolFact{Name: b.Tool}.Label()).saw(f.Probe("slow call")...), true
	case b.FullMs < shortestSlow:
		return skip("%s takes only %.0f ms; name a tool that takes half a second or more", facts.ToolFact{Name: b.Tool}.Label(), b.FullMs).missed(), true
	}
	return opinion{}, false
}

// shortestSlow is the duration in milliseconds of a call that can be cancelled in time.
const shortestSlow = 400

func judgeCancelModern(f *facts.Facts) opinion {
	o, none := noSlowTool(f)
	switch {
	case none:
		return o
	case !f.SpeaksModern():
		return skip("the server does not speak %s", facts.Modern)
	case f.Behaviour.Others:
		return skip("not visible: other clients call the tool, too").missed()
	case len(f.Behaviour.AfterClose) == 0:
		return skip("not visible from outside: the server has no /debug/snapshot").leads(toProxy)
	}
	last := f.Behaviour.AfterClose[len(f.Behaviour.AfterClose)-1]
	switch {
	case last.Calls == 0:
		return pass("a closed call ends at once")
	case len(f.Behaviour.AfterClose) == 1: // it may be just ending
		return skip("not known: /debug/snapshot was read only once before the call would have ended").missed()
	}
	return fail("the server still works on a call %.0f ms after its client cancelled it (closed the answer)", last.Ms-f.Behaviour.CancelMs).
		fix("pass the end of the request on to the tool (Go SDK: PropagateRequestCancellation), and let the tool stop").saw(f.First("call, closed")).
		noted(fmt.Sprintf("/debug/snapshot: %s in flight; a whole call takes %.0f ms", report.Plural(int64(last.Calls), "call"), f.Behaviour.FullMs))
}

func judgeCancelLegacy(f *facts.Facts) opinion {
	o, none := noSlowTool(f)
	x, after := f.First("cancelled call"), f.First("ping after the cancelled call")
	switch {
	case none:
		return o
	case !f.SpeaksLegacy():
		return skip("the server has no sessions")
	case !x.WasSent():
		return notAsked(f)
	case after.WasSent() && after.Status == 0:
		return fail("after a cancelled call the server answers no other").fix("a cancelled call must not hold the session").saw(x, after)
	case x.Result() && x.Timing.Total > 0.9*f.Behaviour.FullMs:
		return warn("the server finishes calls that were cancelled (%.0f of %.0f ms)", x.Timing.Total, f.Behaviour.FullMs).
			fix("let the tool stop when its context is cancelled: it works for nobody").saw(x)
	}
	return pass("a cancelled call ends")
}

func judgeDisconnect(f *facts.Facts) opinion {
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

func judgeSerial(f *facts.Facts) opinion {
	o, none := noSlowTool(f)
	if none {
		return o
	}
	during := slices.Sorted(slices.Values(f.Behaviour.During))
	var idle []float64
	for _, x := range f.Probe("latency") {
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
			fix("do not block the event loop or the only worker: run tools beside it").leads(toLoadtest).saw(f.Probe("ping during the slow call")...)
	}
	return pass("others are served during a slow call (%.0f ms)", longest)
}

func judgeRevisions(f *facts.Facts) opinion {
	var row []string
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		x := f.First("revision " + version)
		if !x.WasSent() {
			continue
		}
		got := x.Message.Handshake().Version
		if !x.Result() || got == "" {
			return warn("initialize with %s is refused", version).fix("answer a revision that the server speaks").saw(x)
		}
		row = append(row, version+" → "+got)
	}
	if len(row) == 0 {
		return skip("needs more time").flag("--deep")
	}
	return pass("%s", strings.Join(row, ", "))
}

func judgeLeak(f *facts.Facts) opinion {
	b := f.Behaviour
	switch {
	case b == nil || len(f.Probe("many sessions")) == 0:
		return skip("needs more time, sessions and /debug/snapshot").flag("--deep").leads(toLeaktest)
	case b.Sessions[1] < 0:
		return skip("the server no longer says how many sessions it has")
	case b.Sessions[1]-b.Sessions[0] > facts.LeakSessions/2:
		return warn("%d sessions were opened and ended, and the server has %d more than before", facts.LeakSessions, b.Sessions[1]-b.Sessions[0]).
			fix("release sessions on DELETE").leads(toLeaktest).saw(f.Probe("many sessions")[:1]...)
	}
	return pass("%d sessions came and went", facts.LeakSessions)
}

// judgeWatched judges an idle event stream that was held for minutes.
func judgeWatched(f *facts.Facts, x *facts.Exchange) opinion {
	switch {
	case x.Status == 0 || !x.IsStream():
		return skip("there is no standing event stream")
	case x.Open:
		return pass("an idle stream stays open for %.0f s, %s", f.Behaviour.IdleMs/1000, heartbeats(x))
	}
	lasted := x.Timing.Total / 1000
	hints := []string{"send an SSE comment every 15 to 25 s, and raise the idle limit of proxies"}
	limits := idleLimits()
	for _, hop := range slices.Sorted(maps.Keys(limits)) {
		if seconds := float64(limits[hop]); lasted > seconds-2 && lasted < seconds+3 && (!f.Loopback || hasHop(f, hop)) {
			hints = append(hints, fmt.Sprintf("%d s is a default of %s", limits[hop], hop))
		}
	}
	return warn("an idle event stream is closed after %.0f s", lasted).fix(strings.Join(hints, "; ")).saw(x)
}

// heartbeats counts the comment lines and pings of a stream. One alone is that with
// which servers open it.
func heartbeats(x *facts.Exchange) string {
	n := strings.Count("\n"+x.Body, "\n:") + strings.Count(x.Body, `"ping"`)
	if n < 2 {
		return "without heartbeats"
	}
	return fmt.Sprintf("with %d heartbeats", n)
}

func judgeBurst(f *facts.Facts) opinion {
	list := f.Probe(facts.BurstProbe)
	if len(list) == 0 {
		return skip("needs many requests at once").flag("--burst")
	}
	var limited, broken []*facts.Exchange
	for _, x := range list {
		switch {
		case facts.IsLimited(x):
			limited = append(limited, x)
		case x.Status == 0 || x.Status >= 400 && x.Status != f.First("latency").Status || facts.ContentType(x.Header) == "text/html":
			broken = append(broken, x)
		}
	}
	switch {
	case len(broken) > 0:
		return warn("%d of %d requests at once fail", len(broken), len(list)).fix("limit with 429 and Retry-After").leads(toLoadtest).saw(broken...)
	case len(limited) > 0 && limited[0].Header.Get("Retry-After") == "":
		return warn("%d of %d requests at once are limited, without Retry-After", len(limited), len(list)).fix("say how long to wait: Retry-After").saw(limited...)
	case len(limited) > 0:
		return info("%d of %d requests at once are limited", len(limited), len(list)).saw(limited...)
	}
	return pass("%d requests at once are served", len(list))
}
