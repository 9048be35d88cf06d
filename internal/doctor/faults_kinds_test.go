package doctor

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// answers answers a method with a result.
func answers(method, result string) middleware {
	return when(method, always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":`+result+`}`))
}

// handshakes answers initialize with a result.
func handshakes(members string) middleware {
	return answers("initialize", "{"+members+"}")
}

// after answers with m from request n on.
func after(n int64, m middleware) middleware {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodDelete && count.Add(1) > n {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// onlyFirst refuses initialize after the first one, as a server with one transport does.
func onlyFirst() middleware {
	var count atomic.Int64
	return when("initialize", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if count.Add(1) > 1 {
			always(400, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request: Server already initialized"}}`)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const (
	capable     = `"capabilities":{"tools":{}}`
	named       = `"serverInfo":{"name":"a","version":"1"}`
	revised     = `"protocolVersion":"2025-11-25"`
	apachePage  = "<html><head><title>403 Forbidden</title></head><body><h1>Forbidden</h1><p>You don't have permission to access this resource.</p><hr><address>Apache/2.4.52 (Ubuntu) Server at localhost Port 80</address></body></html>"
	nginxBusy   = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><hr><center>nginx</center></body></html>"
	nginxLate   = "<html><head><title>504 Gateway Time-out</title></head><body><hr><center>nginx</center></body></html>"
	loginOfHost = "https://login.example/oauth2/v2.0/authorize?client_id=1"
)

// TestKindsOfFaults has faults whose answer looks like that of another fault: the root cause, and
// a part of the headline or of the advice.
func TestKindsOfFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		m                middleware
		id, want, advice string
	}{
		"a page that names its own host": {always(403, "text/html", apachePage), "http.status", "status 403", "log of the server"},
		"a login at another host":        {always(302, "text/html", "", "Location", loginOfHost), "http.redirect", "redirects to a login page (login.example)", "fill in no form"},
		"a login at the same host":       {always(302, "text/html", "", "Location", "/oauth2/start?rd=%2Fmcp"), "http.redirect", "redirects to a login page", "leave out /mcp"},
		"a redirect without the port":    {always(301, "text/html", "", "Location", "http://127.0.0.1/mcp/"), "http.redirect", "to another port, 127.0.0.1", "/mcp/; let redirects keep the port"},
		"a proxy that waited":            {always(504, "text/html", nginxLate), "http.gateway", "gave no answer to initialize", "raise the time limit"},
		"a proxy that limits":            {after(2, always(503, "text/html", nginxBusy)), "limits.hit", "although the server answered before", "limit_req"},
		"another content type":           {always(415, "application/json", `{"error":"Content-Type must be application/json"}`), "http.status", "Content-Type must be application/json", ""},
		"an error of the server":         {both(when("server/discover", rpcError(200, -32601)), when("initialize", always(200, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"connect ECONNREFUSED 127.0.0.1:5432"}}`))), "protocol.era", "initialize is refused: connect ECONNREFUSED 127.0.0.1:5432", ""},
		"an origin that nobody sends":    {always(403, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Invalid Origin header: undefined"}}`), "protocol.era", "Invalid Origin header: undefined", ""},
		"one transport for all":          {onlyFirst(), "protocol.era", "only one client can connect", "for each session"},
		"a revision of its own":          {handshakes(`"protocolVersion":"1.0",` + capable + "," + named), "protocol.era", `the protocol version "1.0" in the answer to initialize is unknown`, ""},
		"a revision as a number":         {handshakes(`"protocolVersion":20251125,` + capable + "," + named), "protocol.era", `member "/protocolVersion" is a number`, ""},
		"no revision":                    {handshakes(capable + "," + named), "protocol.era", "names no protocol version", ""},
		"no name":                        {handshakes(revised + "," + capable), "protocol.era", `member "/serverInfo" is missing`, ""},
		"capabilities as an array":       {handshakes(revised + `,"capabilities":[],` + named), "protocol.era", `member "/capabilities" is an array`, ""},
		"an error beside the result":     {when("initialize", always(200, "application/json", `{"jsonrpc":"2.0","id":1,"error":null,"result":{`+revised+","+capable+","+named+`}}`)), "protocol.era", `both "result" and "error"`, ""},
		"no jsonrpc":                     {when("initialize", always(200, "application/json", `{"id":1,"result":{`+revised+","+capable+","+named+`}}`)), "protocol.era", `lack "jsonrpc": "2.0"`, ""},
		"a cursor without value":         {page(goodTool, `,"nextCursor":null`), "tools.list", `member "/nextCursor" is null`, "leave out members"},
		"no list of tools":               {answers("tools/list", `{"items":[]}`), "tools.list", `member "/tools" is missing`, ""},
		"tools by name":                  {answers("tools/list", `{"tools":{"echo":`+goodTool+`}}`), "tools.list", `member "/tools" is an object`, ""},
		"a description without value":    {page(`{"name":"echo","description":null,"inputSchema":{"type":"object"}}`, ""), "tools.schema", `tool echo: member "/description" is null`, "left out"},
		"a description as a number":      {page(`{"name":"echo","description":5,"inputSchema":{"type":"object"}}`, ""), "tools.schema", `tool echo: member "/description" is a number`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Judge(examine(t, served(t, tc.m), ""), Judgement{})
			if !slices.Equal(r.RootCauses, []string{tc.id}) || !strings.Contains(r.Headline, tc.want) || !strings.Contains(r.worst().Hint, tc.advice) {
				t.Errorf("%s, root causes %q, %s\n%s", r.Headline, r.RootCauses, r.worst().Hint, shown(r))
			}
		})
	}
}

// leftOpen sends the answer to a method as an event, and leaves the stream open.
func leftOpen(method string) middleware {
	return when(method, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[%s]}}\n\n", goodTool)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

// at answers requests of a path with m.
func at(path string, m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// TestUnusual has servers that are right, or nearly, in an unusual way: none is sick.
func TestUnusual(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		m    middleware
		want finding.Verdict
	}{
		"a stream left open after the answer": {leftOpen("tools/list"), Healthy},
		"a number in another form":            {numbered, Healthy},
		"a health page that asks to wait":     {at("/health", always(503, "application/json", `{"status":"starting"}`, "Retry-After", "5")), Degraded},
		"a health page that is limited":       {at("/health", always(429, "text/plain", "no")), Healthy},
		"a limit after the start":             {after(20, always(429, "text/plain", "slow down", "Retry-After", "7")), Degraded},
		"a proxy that limits after the start": {after(20, always(503, "text/html", nginxBusy)), Degraded},
		"lists in several lines":              {listedApart, Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := examine(t, served(t, tc.m), "")
			if r := Judge(f, Judgement{}); r.Verdict != tc.want {
				t.Errorf("%s: %s, %s\n%s", r.Verdict, r.Headline, f.Stopped, shown(r))
			}
			if x := f.First("tools/list"); x.Timing.Total > 3000 {
				t.Errorf("tools/list took %.0f ms", x.Timing.Total)
			}
		})
	}
}

// TestOldServers recognizes HTTP+SSE whatever the answer to POST is, and however the event is written.
func TestOldServers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		post  middleware
		event string
	}{
		"no colon and space": {always(404, "text/plain", "no"), "event:endpoint\ndata:/messages?id=1\n\n"},
		"status 400":         {always(400, "text/plain", "Missing sessionId"), "event: endpoint\ndata: /messages?id=1\n\n"},
		"an error":           {rpcError(400, -32000), "event: endpoint\ndata: /messages?id=1\n\n"},
	} {
		f := examine(t, served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method != http.MethodGet || r.URL.Path != "/mcp" {
				tc.post(w, r, next)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprint(w, tc.event)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), "")
		if r := Judge(f, Judgement{}); !f.SpeaksOldSSE() || !slices.Equal(r.RootCauses, []string{"stream.oldsse"}) { // it takes no messages
			t.Errorf("%s: root causes %q\n%s", name, r.RootCauses, shown(r))
		}
	}
}

// numbered answers unusual ids in another form: a text with an escape, a number as a fraction.
func numbered(w http.ResponseWriter, r *http.Request, next http.Handler) {
	for sent, id := range map[string]string{`"id":"mcpdiag-1"`: `"mcpdiag\u002d1"`, `"id":0`: "0.0"} {
		if strings.Contains(bodyOf(r), sent) {
			always(200, "application/json", `{"jsonrpc":"2.0","id":`+id+`,"result":{}}`)(w, r, next)
			return
		}
	}
	next.ServeHTTP(w, r)
}

// listedApart allows CORS, with a line for each name in its lists.
func listedApart(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Header.Get("Origin") != "http://localhost:6274" {
		next.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	for _, name := range []string{"Content-Type", "Mcp-Protocol-Version", facts.SessionHeader} {
		h.Add("Access-Control-Allow-Headers", name)
		h.Add("Access-Control-Expose-Headers", name)
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	next.ServeHTTP(w, r)
}

// TestKindsOfMetadata has documents of a login with a member of another type, which clients
// refuse whole, and a login without a browser.
func TestKindsOfMetadata(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change   func(*lab)
		id, want string
	}{
		"servers as a text": {func(l *lab) { l.resource["authorization_servers"] = "" }, "auth.prm_location", "authorization_servers holds a JSON string"},
		"scopes as a text":  {func(l *lab) { l.resource["scopes_supported"] = " mcp" }, "auth.prm_location", "scopes_supported holds a JSON string"},
		"methods as a text": {func(l *lab) { l.server["code_challenge_methods_supported"] = "S256" }, "auth.as_metadata", "code_challenge_methods_supported holds a JSON string"},
		"another document":  {func(l *lab) { l.server = map[string]any{"error": "no"} }, "auth.as_metadata", "has no metadata"},
		"a byte order mark": {func(l *lab) { l.well = marked }, "", ""},
		"no login of people": {func(l *lab) {
			l.server["grant_types_supported"] = []string{"client_credentials"}
			delete(l.server, "code_challenge_methods_supported")
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab()
			tc.change(l)
			r := Judge(examine(t, served(t, l.serve), ""), Judgement{})
			want := []string{}
			if tc.id != "" {
				want = []string{tc.id}
			}
			if !slices.Equal(r.RootCauses, want) || !strings.Contains(r.Headline, tc.want) {
				t.Errorf("%s, root causes %q\n%s", r.Headline, r.RootCauses, shown(r))
			}
		})
	}
}

// marked is the metadata of a resource behind a byte order mark.
func marked(w http.ResponseWriter, r *http.Request, next http.Handler) {
	base := "http://" + r.Host
	always(200, "application/json", "\ufeff"+fmt.Sprintf(`{"resource":%q,"authorization_servers":[%q]}`, base+"/mcp", base))(w, r, next)
}

// TestKindsOfCommands has commands that log in JSON on standard output, which fails, and that ask
// the client for something, which does not.
func TestKindsOfCommands(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, want := range map[string][]string{"logs": {"stdio.stdout"}, "asks": {}} {
		f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", fault}})
		if r := Judge(f, Judgement{}); !slices.Equal(r.RootCauses, want) {
			t.Errorf("%s: root causes %q\n%s", fault, r.RootCauses, shown(r))
		}
	}
}
