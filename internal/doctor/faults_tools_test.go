package doctor

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
		f := examineWith(t, served(t, m), Options{Call: &Call{}})
		c := Judge(f, Judgement{Only: []string{"tools.call"}}).Checks[0]
		if got := string(c.Severity) + " " + c.Summary; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", answer, got, want)
		}
		if saved, err := json.Marshal(f); err != nil || strings.Contains(string(saved), "424242") {
			t.Errorf("%v: the facts hold the result", err)
		}
	}
	f := examineWith(t, served(t, nil), Options{Call: &Call{Name: "missing"}})
	if c := Judge(f, Judgement{Only: []string{"tools.call"}}).Checks[0]; c.Severity != finding.Skip || !strings.Contains(c.Summary, `no tool "missing"`) {
		t.Errorf("%s %s", c.Severity, c.Summary)
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

func TestCheckEvents(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{
		"event: message\ndata: {}\n\n":         {},
		": c\r\n\r\ndata: {}\r\n\r\n":          {},
		"data: a\ndata: b":                     {},
		"data: {}\n":                           {"no blank line", ""},
		"data: {\n\"a\":1}\n\n":                {"a line of a message", ""},
		"\xef\xbb\xbfdata: {}\n\n":             {"", "byte order mark"},
		"data: {}\r\n\n":                       {"", "lines end"},
		"datum: {}\ndata: {}\n\n":              {"", "field \"datum\""},
		"id: 1\nretry: 5\nevent: x\n\n: x\n\n": {},
	} {
		broken, odd := checkEvents([]byte(body), !strings.HasSuffix(body, "b"))
		got := [2]string{strings.Join(broken, "; "), strings.Join(odd, "; ")}
		for i := range got {
			if (got[i] == "") != (want[i] == "") || !strings.Contains(got[i], want[i]) {
				t.Errorf("%q: %q, want %q", body, got, want)
			}
		}
	}
}

// FuzzCheckEvents checks any stream.
func FuzzCheckEvents(f *testing.F) {
	f.Add([]byte("data: {}\r\n\n\xef"), true)
	f.Fuzz(func(t *testing.T, body []byte, ended bool) {
		broken, odd := checkEvents(body, ended)
		if len(broken) > 3 || len(odd) > 3 || strings.ContainsAny(strings.Join(append(broken, odd...), ""), "\x1b\n") {
			t.Errorf("%q %q", broken, odd)
		}
	})
}

// TestPath names the hops on the way.
func TestPath(t *testing.T) {
	t.Parallel()
	for want, header := range map[string]http.Header{
		"":                  {"Server": {"uvicorn"}},
		"Nginx":             {"Server": {"nginx/1.24.0 (Ubuntu)"}},
		"Cloudflare":        {"Cf-Ray": {"1"}, "Server": {"cloudflare"}},
		"AWS load balancer": {"Set-Cookie": {"AWSALB"}},
		"Caddy, Envoy":      {"Via": {"1.1 Caddy"}, "Server": {"envoy"}},
	} {
		f := &Facts{Target: "http://a/mcp", Exchanges: []*Exchange{{URL: "http://a/x", Header: header}, {URL: "http://b/", Header: http.Header{"Server": {"haproxy"}}}}}
		if got := strings.Join(f.path(), ", "); got != want {
			t.Errorf("%v: %q, want %q", header, got, want)
		}
	}
}

// TestSlowStart waits a little longer for initialize, and has time left for the rest.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	var once sync.Once
	target := served(t, when("initialize", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		once.Do(func() { time.Sleep(2100 * time.Millisecond) })
		next.ServeHTTP(w, r)
	}))
	f := examineWithin(t, target, "", 2*time.Second)
	if !f.legacy() || f.Seconds > 3.5 || !f.first("prompts/list").sent() || f.Ended != f.Sessions {
		t.Errorf("%.1f s, %s, %+v", f.Seconds, f.Stopped, f.first("initialize"))
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]rateLimit{
		`"n";q=100;w=60`: {limit: 100, remaining: -1, window: 60, text: `"n";q=100;w=60`},
	} {
		if got, ok := rateLimitOf(http.Header{"Ratelimit-Policy": {field}}); !ok || got != want {
			t.Errorf("%s: %+v", field, got)
		}
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"object"}`: "",
		`[]`:                "the schema is not an object",
		`{"type":"array"}`:  `the type of the root is "array", not "object"`,
		`{"type":"object","properties":{"a":{"type":"strng"}}}`:                                                        `unknown type "strng"`,
		`{"type":"object","properties":{"a":{"type":["string","null"]}}}`:                                              "",
		`{"type":"object","properties":[]}`:                                                                            "properties is not an object",
		`{"type":"object","required":"a"}`:                                                                             "required is not a list of names",
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/x","type":"string"}}}`: "",
		`{"type":"object","properties":{"a":{"items":"string"}}}`:                                                      `"string" is not a schema`,
	} {
		if got, _ := checkSchema([]byte(schema)); got != want {
			t.Errorf("%s: %q, want %q", schema, got, want)
		}
	}
}
