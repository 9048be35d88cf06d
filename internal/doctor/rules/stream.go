package rules

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func streamRules() []Rule {
	needs := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []Rule{
		{ID: "stream.headers", Title: "the header of an event stream comes at once", Needs: needs, Fails: true, judge: judgeStreamHeaders},
		{ID: "stream.get", Title: "the event stream opens, or is refused with 405", shows: true, Needs: append(needs, "stream.headers"), Fails: true, judge: judgeStreamGet, Reference: "MCP transports: listening for messages"},
		{ID: "stream.beside", Title: "requests are answered while the event stream is open", shows: true, Needs: append(needs, "stream.get"), Fails: true, judge: judgeBeside, Reference: "MCP transports: listening for messages"},
		{ID: "stream.reconnect", Title: "a closed event stream can be opened again", shows: true, Needs: append(needs, "stream.get"), Fails: true, judge: judgeReconnect, Reference: "MCP transports: resumability"},
		{ID: "stream.buffered", Title: "events pass at once", shows: true, Needs: []string{"protocol.era", "stream.headers", "http.compress"}, Fails: true, judge: judgeBuffered, Reference: "MCP 2026-07-28: subscriptions/listen"},
		{ID: "stream.idle", Title: "event streams stay open while nothing happens", Needs: append(needs, "stream.get"), judge: judgeIdle},
		{ID: "stream.long", Title: "answers that take long arrive", Needs: []string{"protocol.era"}, judge: JudgeLong},
		{ID: "stream.oldsse", Title: "a session over HTTP+SSE opens", shows: true, Needs: entryNeeds(), Fails: true, judge: judgeOldSSE, Reference: "MCP 2024-11-05 transports: HTTP with SSE"},
	}
}

// nginxPasses are the settings of nginx for event streams.
const nginxPasses = "set in the location of nginx: proxy_buffering off; proxy_http_version 1.1; gzip off, or no text/event-stream in gzip_types"

// slowHeader is the time in milliseconds after which a header is late.
const slowHeader = 2000

func judgeStreamHeaders(f *facts.Facts) opinion {
	x, late := f.First("stream"), f.First("stream headers")
	switch {
	case !x.WasSent():
		return notAsked(f)
	case x.Status != 0:
		return pass("in %.0f ms", x.Timing.FirstByte)
	case !late.WasSent():
		return notAsked(f)
	case late.Lacks() == facts.LackClosed:
		return skip("the connection is closed").because("stream.get")
	case late.Status == 0 && hasHop(f, "Nginx"):
		return fail("no header comes for the event stream through nginx, which holds it back until the first event, unless the server itself does").
			fix(nginxPasses+"; directly at the server the header must come at once, too").saw(x, late)
	case late.Status == 0:
		return fail("the server sends no header for the event stream, perhaps not before the first event").
			fix("flush the header at once: proxies and clients give up otherwise").saw(x, late)
	case late.Timing.FirstByte > slowHeader:
		return warn("the header of the event stream takes %.0f ms", late.Timing.FirstByte).fix("flush the header at once").saw(late)
	}
	return pass("in %.0f ms", late.Timing.FirstByte)
}

// maxStream is how much of a stream is read.
const maxStream = 64 << 10

func judgeStreamGet(f *facts.Facts) opinion {
	x := f.First("stream")
	if late := f.First("stream headers"); x.Status == 0 && late.Status != 0 {
		x = late
	}
	const (
		loops    = ", and ask again and again"
		noEvents = "let GET reach the server as POST does; a server that sends no events by itself answers 405 with Allow: POST, and clients do without"
	)
	switch {
	case x.Lacks() == facts.LackClosed && silence(f) != "":
		return unknown(f, x)
	case x.Lacks() == facts.LackClosed:
		return fail("clients that listen for events (GET) have their connection closed" + loops).fix(noEvents).saw(x)
	case x.Status == 0:
		return notAsked(f)
	case x.Status == http.StatusMethodNotAllowed:
		return pass("no event stream (405)")
	case x.Status == http.StatusConflict:
		return info("another event stream of the session is open (409)").saw(x)
	case !x.OK():
		return fail("clients that listen for events (GET) get %d"+loops, x.Status).fix(noEvents).saw(x)
	case !x.IsStream():
		return fail("clients that listen for events (GET) get %q"+loops, facts.ContentType(x.Header)).fix(noEvents).saw(x)
	case !x.Open && x.Size < maxStream && !strings.Contains(x.Body, "retry:") && !strings.Contains(x.Body, "id:"):
		return fail("clients that listen for events (GET) see the stream end at once" + loops).fix("keep it open, or answer 405").saw(x)
	}
	return pass("the event stream opens")
}

func judgeBeside(f *facts.Facts) opinion {
	x, again := f.First(facts.Beside), f.First(facts.BesideAgain)
	switch {
	case again.WasSent() && again.Status == 0:
		return fail("no request is answered while the event stream is open, and official clients keep it open").
			fix("handle requests while the stream is open, or answer GET with 405").saw(x, again)
	case again.WasSent(), x.WasSent() && x.Status != 0:
		return pass("requests are answered meanwhile")
	case x.WasSent() || x.Cut || again.Cut || !f.First("stream").WasSent():
		return notAsked(f)
	case f.First("stream").Open:
		return skip("the limit of requests leaves none for it")
	}
	return skip("there is no standing event stream")
}

func judgeReconnect(f *facts.Facts) opinion {
	again, later := f.First("stream again"), f.First("stream later")
	switch {
	case !again.WasSent():
		if f.First("stream").WasSent() {
			return skip("there is no standing event stream")
		}
		return notAsked(f)
	case again.IsStream() && again.Open:
		return pass("it can be opened again")
	case later.IsStream() && later.Open:
		return warn("the event stream can be opened again only after some seconds").fix("free it when the client disconnects").saw(again, later)
	case !later.WasSent():
		return notAsked(f)
	}
	return fail("the event stream cannot be opened again after it closed").
		fix("free it when the client disconnects; a proxy that does not pass the end on needs heartbeats").saw(again, later)
}

func judgeEvents(f *facts.Facts) opinion {
	var odd []string
	var seen []*facts.Exchange
	streams := 0
	for _, x := range f.Exchanges {
		if x == nil || !x.IsStream() {
			continue
		}
		streams++
		switch {
		case len(x.Broken) > 0 && x.Method != http.MethodGet:
			return fail("events are malformed: %s", x.Broken[0]).fix("write each message as one line with data: before it, and a blank line after it").saw(x).noted(x.Broken...)
		case len(x.Broken)+len(x.Odd) > 0 && len(seen) == 0:
			odd, seen = append(slices.Clone(x.Broken), x.Odd...), append(seen, x)
		}
	}
	switch {
	case len(odd) > 0:
		return warn("an event stream is unusual: %s", odd[0]).fix("use one kind of line end, and the fields data, event, id and retry only").saw(seen...).noted(odd...)
	case streams == 0:
		return skip("no answer was an event stream")
	}
	return pass("%s", report.Plural(int64(streams), "stream"))
}

func judgeBuffered(f *facts.Facts) opinion {
	packed, plain := f.First("listen gzip"), f.First("listen identity")
	switch {
	case f.SilentSSE():
		return heldBack(f, "no event comes while the stream of HTTP+SSE is open", "send the endpoint event at once and flush it").saw(f.First("oldsse"), f.First(facts.LateSSE))
	case packed.Acknowledged(), plain.Acknowledged(), !plain.WasSent() && f.PassesEvents():
		return pass("events pass at once")
	case packed.Status != 0 && !packed.IsStream():
		return skip("the server does not offer %s (%d)", facts.ListenMethod, packed.Status)
	case plain.Lacks() == facts.LackClosed:
		return unanswered(f, "stream.buffered", facts.ListenMethod, plain)
	case plain.WasSent() && plain.Open || plain.WasSent() && plain.Status == 0:
		return heldBack(f, "no event comes while the stream is open", "flush after each event").saw(packed, plain)
	case plain.WasSent():
		return warn("%s ends without its acknowledgement", facts.ListenMethod).fix("send notifications/subscriptions/acknowledged first, and keep the stream open").saw(plain)
	}
	for _, x := range f.Exchanges {
		if x != nil && x.IsStream() && hasHop(f, "Nginx") && x.Header.Get("X-Accel-Buffering") == "" {
			return warn("nginx is on the way, and event streams do not ask it not to buffer").fix("send X-Accel-Buffering: no, or set proxy_buffering off").saw(x)
		}
	}
	if !f.SpeaksModern() && f.First("stream").WasSent() {
		return skip("not visible: no event came on an open stream").missed()
	}
	return notAsked(f)
}

// heldBack fails because events do not pass: nginx is named where it is on the way.
func heldBack(f *facts.Facts, what, server string) opinion {
	if hasHop(f, "Nginx") {
		return fail("%s: nginx is on the way and collects the answer, unless the server does", what).fix(nginxPasses + "; at the server: " + server)
	}
	return fail("%s: something collects the answer", what).fix(server + "; turn buffering off on the way: X-Accel-Buffering: no, proxy_buffering off for nginx; no compression")
}

// idleLimits are the times in seconds after which hops close a connection on which
// nothing comes, as their documents say.
func idleLimits() map[string]int {
	return map[string]int{"AWS load balancer": 60, "Awselb": 60, "CloudFront": 30, "Azure App Service": 240, "Nginx": 60}
}

func judgeIdle(f *facts.Facts) opinion {
	if x := f.First("idle stream"); x.WasSent() && f.Behaviour != nil {
		return judgeWatched(f, x)
	}
	if !f.First("stream").IsStream() {
		return skip("there is no standing event stream")
	}
	limits := idleLimits()
	for _, hop := range hopsOf(f) {
		if limits[hop] > 0 {
			return info("%s closes streams on which nothing comes for %d s, unless it is set otherwise", hop, limits[hop]).fix("send an SSE comment every 15 to 25 s")
		}
	}
	return skip("not watched for minutes").flag("--deep")
}

// cuts are usual limits in seconds on the time of an answer.
func cuts() map[int]string {
	return map[int]string{30: "CloudFront, Heroku", 60: "nginx, AWS load balancer", 100: "Cloudflare", 240: "Azure"}
}

// JudgeLong judges how long an idle event stream stays open.
func JudgeLong(f *facts.Facts) opinion {
	x := f.First("slow call")
	seconds := x.Timing.Total / 1000
	switch {
	case !x.WasSent():
		return skip("no call that takes long was made").flag("--slow-tool")
	case x.Result():
		return pass("an answer after %.0f s arrives", seconds)
	case !x.IsGateway() && (x.Failed == "" || strings.HasPrefix(x.Failed, "no answer")):
		return skip("the call did not succeed")
	}
	o := warn("a call is cut off after %.0f s", seconds)
	for limit, usual := range cuts() {
		if seconds > float64(limit)-0.5 && seconds < float64(limit)+2 {
			o = warn("a call is cut off after %.0f s, a usual limit of %s", seconds, usual)
		}
	}
	return o.fix("send progress notifications, or raise the limit of the proxy (nginx: proxy_read_timeout)").saw(x)
}

func judgeOldSSE(f *facts.Facts) opinion {
	switch {
	case !f.SpeaksOldSSE() || f.OldSSE == nil:
		return skip("the address does not speak HTTP+SSE")
	case f.OldSSE.Failed != "":
		return fail("no session opens over HTTP+SSE").fix("the endpoint event must name a path that clients reach: behind a proxy, set the base path (root_path)").
			saw(f.First("oldsse")).noted(f.OldSSE.Failed)
	}
	return pass("a session over HTTP+SSE with %s", cmp.Or(f.OldSSE.Server, "a server without a name"))
}
