package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func judgeCompress(f *facts.Facts) opinion {
	again, packed, plain := f.First("tools/list again"), f.First("listen gzip"), f.First("listen identity")
	advice := "exclude text/event-stream from compression"
	if hasHop(f, "Nginx") {
		advice += ": in nginx gzip off, or no text/event-stream in gzip_types"
	}
	switch {
	case packed.IsStream() && packed.IsCompressed() && !packed.Acknowledged() && plain.Acknowledged():
		return fail("event streams are compressed, and events are held back by it").fix(advice).saw(packed, plain)
	case packed.IsStream() && packed.IsCompressed(), again.IsStream() && again.IsCompressed():
		return warn("event streams are compressed: hops on the way may hold events back").fix(advice).saw(again, packed)
	case again.Status == 0 && packed.Status == 0:
		return unknown(f, again)
	case again.Gzip > 0 && again.Gzip < again.Size/2:
		return info("tools/list is not compressed: %s could be %s", report.MB(float64(again.Size)/(1<<20)), report.MB(float64(again.Gzip)/(1<<20))).saw(again)
	}
	return pass("event streams are not compressed")
}

// Idle times in seconds. Balancers use a connection again within a minute.
const balancerIdle = 60

// earlySeconds is how much earlier than announced a server may close a connection.
const earlySeconds = 2

func judgeKeepAlive(f *facts.Facts) opinion {
	announced, x := announcedIdle(f)
	kept, seconds := f.Kept, announced
	if kept == nil {
		kept = &facts.KeptAlive{}
	}
	measured := kept.IdleMs / 1000
	if kept.Closed && (x == nil || measured < float64(announced)) {
		seconds = int(measured)
	}
	const fix = "keep idle connections longer than the proxy does, for example 75 s: keepAliveTimeout in Node"
	switch {
	case x != nil && kept.Closed && measured < float64(announced-earlySeconds):
		return warn("the server closes an idle connection after %.1f s, though it announces %d s: a client that believes it sends a request on a closed one", measured, announced).
			fix("announce what holds: Keep-Alive: timeout must be less than the idle limit of the server and of each proxy").saw(x).noted(kept.Text())
	case (x != nil || kept.Closed) && seconds < balancerIdle && len(hopsOf(f)) > 0:
		return warn("idle connections are closed after %d s, and there is a proxy (%s): now and then it sends a request on a closed one, which gives 502", seconds, strings.Join(hopsOf(f), ", ")).
			fix(fix).saw(f.Probe("idle connection")...).noted(kept.Text())
	case kept.Closed || x == nil && kept.IdleMs > 0:
		return info("%s", kept.Text())
	case x != nil:
		return info("idle connections are kept for %d s, as the server says", seconds).saw(x)
	}
	list := slices.DeleteFunc(f.Probe("latency"), func(x *facts.Exchange) bool { return x.Status == 0 })
	switch {
	case len(list) < 2:
		return notAsked(f)
	case !slices.ContainsFunc(list, func(x *facts.Exchange) bool { return x.Reused }):
		return info("each answer closes its connection").saw(list[:2]...)
	}
	return pass("connections are used again")
}

// announcedIdle returns how many seconds the server says that it keeps connections,
// and the first answer that says so, nil for none.
func announcedIdle(f *facts.Facts) (int, *facts.Exchange) {
	for _, x := range f.Exchanges {
		if !isOfTarget(f, x) {
			continue
		}
		if seconds, ok := keepAlive(x.Header.Get("Keep-Alive")); ok {
			return seconds, x
		}
	}
	return 0, nil
}

// keepAlive returns the timeout of a Keep-Alive field.
func keepAlive(field string) (seconds int, ok bool) {
	for part := range strings.SplitSeq(field, ",") {
		if value, is := strings.CutPrefix(strings.TrimSpace(part), "timeout="); is {
			n, err := strconv.Atoi(value)
			return n, err == nil && n >= 0
		}
	}
	return 0, false
}

// Times of the first initialize in milliseconds.
const (
	coldStart    = 5_000
	tooColdStart = 10_000
)

func judgeColdStart(f *facts.Facts) opinion {
	first, second := f.First("initialize"), f.First("future version")
	switch {
	case first.WasSent() && first.Status == 0 && first.Timing.Total > tooColdStart && f.SpeaksModern():
		return fail("initialize has no answer after %.0f s: clients of revisions with sessions give up", first.Timing.Total/1000).fix("answer it, or refuse it at once").saw(first)
	case !first.Result():
		return notAsked(f)
	}
	took := first.Timing.Total / 1000
	o := pass("%.1f s", took)
	switch {
	case first.Timing.Total > tooColdStart:
		o = fail("the first initialize takes %.0f s: claude.ai gives up after 10 s", took)
	case first.Timing.Total > coldStart:
		o = warn("the first initialize takes %.0f s: some clients give up after 5 s", took)
	}
	if second.Status != 0 && second.Timing.Total < first.Timing.Total/2 {
		return o.fix("it is the start of the server: the next one took "+report.Millis(second.Timing.Total)+". Keep an instance running, or load less at the start").saw(first, second)
	}
	return o.fix("load less before the answer to initialize").saw(first)
}

func judgeError200(f *facts.Facts) opinion {
	var seen []*facts.Exchange
	var codes []string
	for _, x := range f.Exchanges {
		if x == nil || !x.OK() || x.Code() == 0 || !slices.Contains([]string{"initialize", "discover", "latency", "tools/list", "prompts/list", "resources/list"}, x.Probe) {
			continue
		}
		if code := strconv.FormatInt(x.Code(), 10) + " " + codeName(x.Code()); !slices.Contains(codes, code) {
			codes, seen = append(codes, strings.TrimSpace(code)), append(seen, x)
		}
	}
	switch {
	case !f.Entry().WasSent():
		return notAsked(f)
	case len(seen) > 0:
		return info("some answers have the status 200 and an error: %s", strings.Join(codes, ", ")).saw(seen...)
	}
	return pass("none")
}

// codeName returns the meaning of a code of JSON-RPC or MCP.
func codeName(code int64) string {
	return map[int64]string{
		-32700: "(parse error)", -32600: "(invalid request)", -32601: "(no such method)", -32602: "(invalid parameters)", -32603: "(internal error)",
		-32000: "(server error)", -32001: "(no such session)", facts.CodeRateLimited: "(too many requests)", -32020: "(header mismatch)", -32022: "(unsupported revision)",
	}[code]
}

func judgeBatch(f *facts.Facts) opinion {
	x := f.First("batch")
	switch {
	case x.Lacks() == facts.LackClosed && silence(f) == "":
		return pass("batches are refused: the connection is closed")
	case x.Status == 0:
		return unknown(f, x)
	case f.First("initialize").Message.Handshake().Version == "2025-03-26":
		return info("batches are part of 2025-03-26: answered with %d", x.Status)
	case x.OK():
		return info("batches are accepted, which 2025-06-18 removed")
	}
	return pass("batches are refused (%d), as since 2025-06-18", x.Status)
}
