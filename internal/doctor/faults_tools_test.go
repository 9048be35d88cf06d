package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
		"tools.names":      page(goodTool+","+goodTool, ""),
		"exposure.debug": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/debug/pprof/" {
				_, _ = fmt.Fprint(w, "<html><title>/debug/pprof/</title>heap</html>")
				return
			}
			next.ServeHTTP(w, r)
		},
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
		"limits.near":   header("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "3"),
		"tools.text":    page(`{"name":"echo","description":"harmless\u202e","inputSchema":{"type":"object"}}`, ""),
		"tools.tokens":  page(`{"name":"echo","description":"`+strings.Repeat("word ", 10_000)+`","inputSchema":{"type":"object"}}`, ""),
		"tools.schema":  page(`{"name":"echo","inputSchema":{"type":"object","oneOf":[{"required":["a"]}]}}`, ""),
		"tools.names":   page(`{"name":"écho!","inputSchema":{"type":"object"}}`, ""),
		"tools.list":    page("", ""),
		"network.clock": header("Date", "Mon, 02 Jan 2006 15:04:05 GMT"),
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
