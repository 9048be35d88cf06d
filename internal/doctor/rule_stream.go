package doctor

import (
	"cmp"
	"net/http"
	"strings"
)

func streamRules() []rule {
	needs := []string{"protocol.era", "session.header_lost", "session.affinity"}
	return []rule{
		{id: "stream.headers", title: "the header of an event stream comes at once", needs: needs, fails: true, judge: judgeStreamHeaders},
		{id: "stream.get", title: "the event stream opens, or is refused with 405", shows: true, needs: append(needs, "stream.headers"), fails: true, judge: judgeStreamGet, reference: "MCP transports: listening for messages"},
		{id: "stream.reconnect", title: "a closed event stream can be opened again", shows: true, needs: append(needs, "stream.get"), fails: true, judge: judgeReconnect, reference: "MCP transports: resumability"},
		{id: "stream.oldsse", title: "a session over HTTP+SSE opens", shows: true, needs: entryNeeds(), fails: true, judge: judgeOldSSE, reference: "MCP 2024-11-05 transports: HTTP with SSE"},
	}
}

// slowHeader is the time in milliseconds after which a header is late.
const slowHeader = 2000

func judgeStreamHeaders(f *Facts) opinion {
	x, late := f.first("stream"), f.first("stream headers")
	switch {
	case !x.sent():
		return notAsked(f)
	case x.Status != 0:
		return pass("in %.0f ms", x.Timing.FirstByte)
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

func judgeStreamGet(f *Facts) opinion {
	x := f.first("stream")
	if late := f.first("stream headers"); x.Status == 0 && late.Status != 0 {
		x = late
	}
	const loops = ": clients ask again and again"
	switch {
	case x.Status == 0:
		return notAsked(f)
	case x.Status == http.StatusMethodNotAllowed:
		return pass("no event stream (405)")
	case x.Status == http.StatusConflict:
		return info("another event stream of the session is open (409)").saw(x)
	case !x.ok():
		return fail("GET is answered with %d instead of events or 405"+loops, x.Status).fix("answer 405 with Allow: POST, or send events").saw(x)
	case !x.isStream():
		return fail("GET is answered with %q instead of events or 405"+loops, contentType(x.Header)).fix("answer 405 with Allow: POST, or send events").saw(x)
	case !x.Open && x.Size < maxStream && !strings.Contains(x.Body, "retry:") && !strings.Contains(x.Body, "id:"):
		return fail("the event stream ends at once" + loops).fix("keep it open, or answer 405").saw(x)
	}
	return pass("the event stream opens")
}

func judgeReconnect(f *Facts) opinion {
	again, later := f.first("stream again"), f.first("stream later")
	switch {
	case !again.sent():
		if f.first("stream").sent() {
			return skip("there is no standing event stream")
		}
		return notAsked(f)
	case again.isStream() && again.Open:
		return pass("it can be opened again")
	case later.isStream() && later.Open:
		return warn("the event stream can be opened again only after some seconds").fix("free it when the client disconnects").saw(again, later)
	case !later.sent():
		return notAsked(f)
	}
	return fail("the event stream cannot be opened again after it closed").
		fix("free it when the client disconnects; a proxy that does not pass the end on needs heartbeats").saw(again, later)
}

func judgeOldSSE(f *Facts) opinion {
	switch {
	case !f.oldSSE() || f.OldSSE == nil:
		return skip("the address does not speak HTTP+SSE")
	case f.OldSSE.Failed != "":
		return fail("no session opens over HTTP+SSE").fix("the endpoint event must name a path that clients reach: behind a proxy, set the base path (root_path)").
			saw(f.first("oldsse")).noted(f.OldSSE.Failed)
	}
	return pass("a session over HTTP+SSE with %s", cmp.Or(f.OldSSE.Server, "a server without a name"))
}
