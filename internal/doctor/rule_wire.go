package doctor

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// isCompressed reports whether the body of x came compressed.
func (x *Exchange) isCompressed() bool {
	return contains([]string{"gzip", "x-gzip", "deflate", "br", "zstd"}, strings.ToLower(x.Header.Get("Content-Encoding")))
}

func judgeCompress(f *Facts) opinion {
	again, packed, plain := f.first("tools/list again"), f.first("listen gzip"), f.first("listen identity")
	advice := "exclude text/event-stream from compression"
	switch {
	case packed.isStream() && packed.isCompressed() && !packed.acknowledged() && plain.acknowledged():
		return fail("event streams are compressed, and events are held back by it").fix(advice).saw(packed, plain)
	case packed.isStream() && packed.isCompressed(), again.isStream() && again.isCompressed():
		return warn("event streams are compressed: hops on the way may hold events back").fix(advice).saw(again, packed)
	case !again.sent() && !packed.sent():
		return notAsked(f)
	case again.Gzip > 0 && again.Gzip < again.Size/2:
		return info("tools/list is not compressed: %s could be %s", report.MB(float64(again.Size)/(1<<20)), report.MB(float64(again.Gzip)/(1<<20))).saw(again)
	}
	return pass("event streams are not compressed")
}

// Idle times in seconds. Balancers use a connection again within a minute.
const balancerIdle = 60

func judgeKeepAlive(f *Facts) opinion {
	for _, x := range f.Exchanges {
		if x == nil || mustURL(x.URL).Host != mustURL(f.Target).Host {
			continue
		}
		seconds, ok := keepAlive(x.Header.Get("Keep-Alive"))
		switch {
		case !ok:
		case seconds < balancerIdle && len(f.path()) > 0:
			return warn("idle connections are closed after %d s, and there is a proxy (%s): now and then it sends a request on a closed one, which gives 502", seconds, strings.Join(f.path(), ", ")).
				fix("keep idle connections longer than the proxy does, for example 75 s: keepAliveTimeout in Node").saw(x)
		default:
			return info("idle connections are kept for %d s", seconds).saw(x)
		}
	}
	list := slices.DeleteFunc(f.probe("latency"), func(x *Exchange) bool { return x.Status == 0 })
	switch {
	case len(list) < 2:
		return notAsked(f)
	case !slices.ContainsFunc(list, func(x *Exchange) bool { return x.Reused }):
		return info("each answer closes its connection").saw(list[:2]...)
	}
	return pass("connections are used again")
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

func judgeColdStart(f *Facts) opinion {
	first, second := f.first("initialize"), f.first("future version")
	if !first.result() {
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

func judgeError200(f *Facts) opinion {
	var seen []*Exchange
	var codes []string
	for _, x := range f.Exchanges {
		if x == nil || !x.ok() || x.code() == 0 || !contains([]string{"initialize", "discover", "latency", "tools/list", "prompts/list", "resources/list"}, x.Probe) {
			continue
		}
		if code := strconv.FormatInt(x.code(), 10) + " " + codeName(x.code()); !contains(codes, code) {
			codes, seen = append(codes, strings.TrimSpace(code)), append(seen, x)
		}
	}
	switch {
	case !f.entry().sent():
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
		-32000: "(server error)", -32001: "(no such session)", codeRateLimited: "(too many requests)", -32020: "(header mismatch)", -32022: "(unsupported revision)",
	}[code]
}

func judgeBatch(f *Facts) opinion {
	x := f.first("batch")
	switch {
	case !x.sent() || x.Status == 0:
		return notAsked(f)
	case f.first("initialize").Message.handshake().Version == "2025-03-26":
		return info("batches are part of 2025-03-26: answered with %d", x.Status)
	case x.ok():
		return info("batches are accepted, which 2025-06-18 removed")
	}
	return pass("batches are refused (%d), as since 2025-06-18", x.Status)
}
