package doctor

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// page answers tools/list with these tools, and more.
func page(tools string, more string) middleware {
	return when("tools/list", always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{"tools":[`+tools+`]`+more+`}}`))
}

const goodTool = `{"name":"echo","inputSchema":{"type":"object"}}`

func toolFaults() map[string]middleware {
	return map[string]middleware{
		"tools.list":       when("tools/list", always(200, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"database is locked"}}`)),
		"tools.pagination": page(goodTool, `,"nextCursor":""`),
		"tools.schema":     page(`{"name":"echo","inputSchema":{"type":"object","properties":{"a":{"$ref":"#/$defs/missing"}}}}`, ""),
		"tools.call":       when("tools/call", rpcError(200, -32603)),
		"tools.names":      page(goodTool+","+goodTool, ""),
	}
}

// openDebug serves the profiles of the server to everyone.
func openDebug(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.URL.Path == "/debug/pprof/" {
		_, _ = fmt.Fprint(w, "<html><title>/debug/pprof/</title>heap</html>")
		return
	}
	next.ServeHTTP(w, r)
}

// ownHost lets the healthy server, which serves this machine, answer for another name
// of its own; foreign ones reach it as they are.
func ownHost(m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Host != "evil.example" {
			r.Host = "localhost"
		}
		m(w, r, next)
	}
}

// TestWarnings has servers with one warning each.
func TestWarnings(t *testing.T) {
	t.Parallel()
	header := func(fields ...string) middleware {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			for i := 0; i+1 < len(fields); i += 2 {
				w.Header().Set(fields[i], fields[i+1])
			}
			next.ServeHTTP(w, r)
		}
	}
	for id, m := range map[string]middleware{
		"limits.near":       header("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "3"),
		"tools.order":       shuffled(),
		"stream.sse_format": when("prompts/list", always(200, "text/event-stream", "event: message\nfoo: x\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"prompts\":[]}}\n\n")),
		"stream.buffered":   listening(always(200, "text/event-stream", ": nothing\n\n")),
		"http.keepalive":    header("Keep-Alive", "timeout=5", "Server", "nginx/1.24"),
		"http.compress":     gzipped,
		"tools.text":        page(`{"name":"echo","description":"harmless\u202e","inputSchema":{"type":"object"}}`, ""),
		"tools.tokens":      page(`{"name":"echo","description":"`+strings.Repeat("word ", 10_000)+`","inputSchema":{"type":"object"}}`, ""),
		"tools.schema":      page(`{"name":"echo","inputSchema":{"type":"object","oneOf":[{"required":["a"]}]}}`, ""),
		"tools.names":       page(`{"name":"écho!","inputSchema":{"type":"object"}}`, ""),
		"tools.list":        page("", ""),
		"network.clock":     header("Date", "Mon, 02 Jan 2006 15:04:05 GMT"),
		"exposure.health": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/health" {
				always(503, "application/json", `{"status":"down"}`)(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := Judge(examine(t, served(t, m), ""), Judgement{})
			if r.Verdict != Degraded || r.worst().ID != id || r.Summary[string(finding.Warn)] != 1 {
				t.Errorf("verdict %s, want the warning %s only\n%s", r.Verdict, id, shown(r))
			}
		})
	}
}

// TestCalls judges the answers of a tool that is called, and keeps its arguments and
// its result out of the facts.
func TestCalls(t *testing.T) {
	t.Parallel()
	const list = `{"name":"sum","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},
		"outputSchema":{"type":"object","properties":{"sum":{"type":"integer"}},"required":["sum"]}}`
	for answer, want := range map[string]string{
		`"result":{"content":[],"structuredContent":{"sum":424242}}`:               "pass sum answers in",
		`"result":{"content":[],"structuredContent":{"sum":"424242"}}`:             "fail the answer of sum is not what it promises",
		`"result":{"content":[]}`:                                                  "fail the answer of sum is not what it promises",
		`"result":{"isError":true,"content":[{"type":"text","text":"\u001b no"}]}`: "warn sum says that it failed",
		`"result":[]`:                           "fail the answer of sum is not what it promises",
		`"error":{"code":-32602,"message":"a"}`: "warn sum refuses arguments that were made from its own schema",
		`"error":{"code":-32603,"message":"a"}`: "fail calling sum ends with the JSON-RPC error -32603",
	} {
		m := both(page(list, ""), when("tools/call", always(200, "application/json", `{"jsonrpc":"2.0","id":1,`+answer+`}`)))
		f := examineWith(t, served(t, m), gather.Options{Call: &gather.Call{}})
		c := Judge(f, Judgement{Only: []string{"tools.call"}}).Checks[0]
		if got := string(c.Severity) + " " + c.Summary; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", answer, got, want)
		}
		if saved, err := json.Marshal(f); err != nil || strings.Contains(string(saved), "424242") {
			t.Errorf("%v: the facts hold the result", err)
		}
	}
	f := examineWith(t, served(t, nil), gather.Options{Call: &gather.Call{Name: "missing"}})
	if c := Judge(f, Judgement{Only: []string{"tools.call"}}).Checks[0]; c.Severity != finding.Skip || !strings.Contains(c.Summary, `no tool "missing"`) {
		t.Errorf("%s %s", c.Severity, c.Summary)
	}
}

// TestGivenArguments keeps the arguments that the user gave out of the facts, also where
// an error repeats them.
func TestGivenArguments(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]middleware{
		"error":          always(200, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no sentinel, and not 424242","data":"sentinel"}}`),
		"event":          always(200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"data\":\"sentinel\"}}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"sentinel\"}}\n\n"),
		"broken event":   always(200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\n\"result\":\"sentinel\"}\nsentinel\n\n"),
		"tool's error":   always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no sentinel"}]}}`),
		"page":           always(400, "text/html", "no sentinel, and not 424242"),
		"another answer": always(200, "text/html", "sentinel"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := examineWith(t, served(t, when("tools/call", answer)), gather.Options{Call: &gather.Call{Name: "echo", Arguments: `{"text": "sentinel", "more": [424242]}`}})
			saved, err := json.Marshal(f)
			shown, wrong := json.Marshal(Judge(f, Judgement{Curl: true, Verbose: true}))
			if text := string(saved) + string(shown); err != nil || wrong != nil || strings.Contains(text, "sentinel") || strings.Contains(text, "424242") || !f.First(facts.CallProbe).WasSent() {
				t.Errorf("%v %v %+v", err, wrong, f.First(facts.CallProbe))
			}
		})
	}
}

// TestToolErrorNamesNoSession keeps the id of the session out of the text of a tool.
func TestToolErrorNamesNoSession(t *testing.T) {
	t.Parallel()
	quoting := when("tools/call", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"%s is gone"}]}}`, r.Header.Get(facts.SessionHeader))
	})
	f := examineWith(t, served(t, quoting), gather.Options{Call: &gather.Call{Name: "echo"}})
	if strings.TrimSpace(f.Call.Text) != "REDACTED is gone" {
		t.Errorf("%+v", f.Call)
	}
}

// shuffled lists two tools in another order each time.
func shuffled() middleware {
	const other = `{"name":"other","inputSchema":{"type":"object"}}`
	var lists atomic.Int64
	return when("tools/list", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		list := goodTool + "," + other
		if lists.Add(1)%2 == 0 {
			list = other + "," + goodTool
		}
		page(list, "")(w, r, next)
	})
}

// gzipped compresses the events of a listing.
func gzipped(w http.ResponseWriter, r *http.Request, next http.Handler) {
	when("tools/list", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":["+goodTool+"]}}\n\n")
		_ = z.Close()
	})(w, r, next)
}
