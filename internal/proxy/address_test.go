package proxy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

// TestAddresses: addresses that the server makes of its own lead to the proxy, and a
// warning names those that lead past it.
func TestAddresses(t *testing.T) {
	t.Parallel()
	const local, past = false, true
	for _, tt := range []struct {
		to, header, sent, want string
		past                   bool
	}{
		{"http://localhost:3000", "Location", "http://localhost:3000/mcp/", "/mcp/", local},
		{"http://localhost:3000", "Location", "http://LOCALHOST.:3000/mcp/?a=http://localhost:3000/b#c", "/mcp/?a=http://localhost:3000/b#c", local},
		{"http://localhost:3000", "Location", "http://127.0.0.1:3000/mcp/", "/mcp/", local},
		{"http://127.0.0.1:3000", "Location", "http://[::1]:3000/%2f%20", "/%2f%20", local},
		{"http://[::1]:3000", "Location", "http://localhost:3000", "/", local},
		{"http://[::1]:3000", "Location", "http://localhost:3000?a", "/?a", local},
		{"http://server:3000", "Location", "http://0.0.0.0:3000/mcp/", "/mcp/", local},
		{"http://server:3000", "Location", "http://[::]:3000/mcp/", "/mcp/", local},
		{"http://server", "Location", "http://server:80/mcp/", "/mcp/", local},
		{"https://server", "Location", "http://server/mcp/", "/mcp/", local},
		{"https://server", "Location", "//server/mcp/", "/mcp/", local},
		{"http://server:3000", "Location", "http://user:secret@server:3000/mcp/", "/mcp/", local},
		{"http://server:3000", "Location", "/mcp/", "/mcp/", local},
		{"http://server:3000", "Location", "http://localhost:3100/mcp/", "http://localhost:3100/mcp/", local},
		{"http://server:3000", "Location", "http://server:3001/mcp/", "http://server:3001/mcp/", past},
		{"http://server:3000", "Location", "https://server/mcp/", "https://server/mcp/", past},
		{"http://server:3000", "Location", "http://server.example:3000/secret", "http://server.example:3000/secret", past},
		{"http://server:3000", "Location", "http://server:3000//evil.example/", "http://server:3000//evil.example/", past},
		{"http://server:3000", "Location", `http://server:3000/\evil.example/`, `http://server:3000/\evil.example/`, past},
		{"http://server:3000", "Location", "//evil.example/", "//evil.example/", past},
		{"http://server:3000", "Location", "ftp://server:3000/x", "ftp://server:3000/x", past},
		{"http://server:3000", "Content-Location", "http://server:3000/a", "/a", local},
		{"http://server:3000", "Content-Location", "http://other/a", "http://other/a", local},
		{"http://server:3000", "Link", `<http://server:3000/a?b>; rel="next", <http://other/>; rel=x, <c>`, `</a?b>; rel="next", <http://other/>; rel=x, <c>`, local},
		{"http://server:3000", "Link", `<http://server:3000/a`, `<http://server:3000/a`, local},
		{"http://mcp.example:3000", "Set-Cookie", "a=b; Path=/mcp; Domain=mcp.example; HttpOnly", "a=b; Path=/mcp; HttpOnly", local},
		{"http://mcp.example:3000", "Set-Cookie", "a=domain=mcp.example;domain = .Example", "a=domain=mcp.example", local},
		{"http://mcp.example:3000", "Set-Cookie", "a=b; Domain=other.example", "a=b; Domain=other.example", local},
		{"http://localhost:3000", "Set-Cookie", "a=b; Domain=localhost", "a=b; Domain=localhost", local},
		{"http://server:3000", "Set-Cookie", "a=b; Secure", "a=b; Secure", local},
		{"https://server", "Set-Cookie", "a=b; secure; Path=/", "a=b; secure; Path=/", past},
		{"https://server", "Set-Cookie", "secure=secure", "secure=secure", local},
		{"http://server:3000", "Www-Authenticate", `Bearer error="x", resource_metadata="http://server:3000/.well-known/oauth-protected-resource"`, "same", past},
		{"http://server:3000", "Www-Authenticate", `Bearer Resource_Metadata=https://mcp.example/x, scope=a`, "same", past},
		{"http://server:3000", "Www-Authenticate", `Bearer resource_metadata="http://localhost:3100/x"`, "same", local},
		{"http://server:3000", "Www-Authenticate", `Bearer realm="http://server:3000"`, "same", local},
		{"http://server:3000", "Access-Control-Allow-Origin", "http://server:3000", "same", local},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			name := fmt.Sprintf("%s %d %s: %s", tt.to, status, tt.header, tt.sent)
			to, _ := url.Parse(tt.to)
			f := newForwarder(&Config{To: to}, newTracker(&Config{}))
			r := httptest.NewRequest("POST", "http://localhost:3100/mcp", nil)
			resp := &http.Response{StatusCode: status, Header: http.Header{tt.header: {tt.sent}}}
			f.localize(resp, r, f.tracker.exchange(r))
			if want := strings.Replace(tt.want, "same", tt.sent, 1); resp.Header.Get(tt.header) != want {
				t.Errorf("%s: %q, want %q", name, resp.Header.Get(tt.header), want)
			}
			warned := f.tracker.warnings
			if f.localize(resp, r, f.tracker.exchange(r)); len(f.tracker.warnings) != len(warned) || (len(warned) == 1) != tt.past || strings.Contains(fmt.Sprint(warned), "secret") {
				t.Errorf("%s: warned %q", name, warned)
			}
		}
	}
}

// TestMetadataPastProxy: the metadata of a protected resource pass unchanged, with a
// warning if they name another address than the client uses.
func TestMetadataPastProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, resource string
		past           bool
	}{
		{"/.well-known/oauth-protected-resource", "http://server:3000/mcp", true},
		{"/.well-known/oauth-protected-resource/mcp", "https://mcp.example/mcp", true},
		{"/.well-known/oauth-protected-resource", "http://FRONT/mcp", false},
		{"/other", "http://server:3000/mcp", false},
	} {
		p, front := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"resource":%q}`, r.URL.Query().Get("r"))
		}), Config{})
		resource := strings.Replace(tt.resource, "http://FRONT", front, 1)
		_, _, body := get(t, front+tt.path+"?r="+url.QueryEscape(resource))
		if want := fmt.Sprintf(`{"resource":%q}`, resource); body != want {
			t.Errorf("the body is %s, want %s", body, want)
		}
		eventually(t, p, fmt.Sprintf("warned of %s at %s: %t", resource, tt.path, tt.past), func(d *Document) bool { return len(d.Proxy.Warnings) == 1 == tt.past })
	}
}

// endpointStreams begin as streams of HTTP+SSE do, in the forms that the standard allows.
var endpointStreams = []struct{ sent, want string }{
	{"event: endpoint\ndata: http://server:3000/messages?sid=1\n\n", "event: endpoint\ndata: /messages?sid=1\n\n"},
	{"event:endpoint\r\ndata:https://server:3000/m\r\n\r\n", "event:endpoint\r\ndata:/m\r\n\r\n"},
	{"event: endpoint\rdata: //server:3000/m\r\rdata: x\r\r", "event: endpoint\rdata: /m\r\rdata: x\r\r"},
	{"id: http://server:3000/\nevent: endpoint\nretry: 1\ndata: http://server:3000/m\n\n", "id: http://server:3000/\nevent: endpoint\nretry: 1\ndata: /m\n\n"},
	{"xevent: endpoint\ndata: http://server:3000/m\n\n", "xevent: endpoint\ndata: http://server:3000/m\n\n"},
	{"event: endpoints\ndata: http://server:3000/m\n\n", "event: endpoints\ndata: http://server:3000/m\n\n"},
	{"event: endpoint\nid: " + strings.Repeat("x", maxEndpoint) + "\ndata: http://server:3000/m\n\n", "event: endpoint\nid: " + strings.Repeat("x", maxEndpoint) + "\ndata: http://server:3000/m\n\n"},
	{": hello\n\nretry: 5\n\nevent: ping\ndata: http://server:3000/no\n\nevent: endpoint\ndata: http://server:3000/m\n\nevent: endpoint\ndata: http://server:3000/2\n\n",
		": hello\n\nretry: 5\n\nevent: ping\ndata: http://server:3000/no\n\nevent: endpoint\ndata: /m\n\nevent: endpoint\ndata: http://server:3000/2\n\n"},
	{"event: endpoint\ndata: http://server:3000/m", "event: endpoint\ndata: http://server:3000/m"}, // is no event
	{"event: endpoint\ndata: http://other/m\n\n", "event: endpoint\ndata: http://other/m\n\n"},
	{"event: endpoint\ndata: http://server:3000\ndata: /m\n\n", "event: endpoint\ndata: http://server:3000\ndata: /m\n\n"},
	{"event: message\ndata: " + strings.Repeat("x", 10_000) + "\n\nevent: endpoint\ndata: http://server:3000/m\n\n", "event: message\ndata: " + strings.Repeat("x", 10_000) + "\n\nevent: endpoint\ndata: /m\n\n"},
}

// TestEndpointBody: in pieces of any size, the endpoint alone changes.
func TestEndpointBody(t *testing.T) {
	t.Parallel()
	to, _ := url.Parse("http://server:3000")
	for _, tt := range endpointStreams {
		for name, reader := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader} {
			b := &endpointBody{ReadCloser: io.NopCloser(reader(strings.NewReader(tt.sent))), tracker: newTracker(&Config{}), to: to}
			if got, err := io.ReadAll(b); string(got) != tt.want || err != nil {
				t.Errorf("%s, %q became %q, %v", name, tt.sent, got, err)
			}
		}
	}
}

// TestEndpointBodyPasses: all but an endpoint event of the server passes unchanged, and
// no later than a client can read it.
func TestEndpointBodyPasses(t *testing.T) {
	t.Parallel()
	to, _ := url.Parse("http://server:3000")
	random := rand.New(rand.NewPCG(1, 1))
	parts := []string{"event:", "endpoint", "data:", " ", "\n", "\r", "\r\n", "\n\n", ":", "http://", "other", "/m", "\xff", strings.Repeat("y", 3000)}
	for range 10_000 {
		var sent strings.Builder
		for range random.IntN(20) {
			sent.WriteString(parts[random.IntN(len(parts))])
		}
		b := &endpointBody{ReadCloser: io.NopCloser(iotest.HalfReader(strings.NewReader(sent.String()))), tracker: newTracker(&Config{}), to: to}
		if got, err := io.ReadAll(b); string(got) != sent.String() || err != nil {
			t.Fatalf("%q became %q, %v", sent.String(), got, err)
		}
	}
	b := &endpointBody{tracker: newTracker(&Config{}), to: to}
	for _, part := range []string{": comment", "\n", ":\r", "\n", "\n", "data: {", "x\n", "\n", "event: message", "\rdata: y\r\r"} {
		if b.take([]byte(part)); len(b.held) > 0 {
			t.Errorf("after %q are held %q", part, b.held)
		}
	}
}

// TestEndpointOfServer: a client of HTTP+SSE whose server names its own address stays
// with the proxy, which sees its calls.
func TestEndpointOfServer(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"http://%s", "http://user:secret@%s", "//%s"} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "event: endpoint\ndata: "+own+"/messages?sid=1\n\n", r.Host)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		mux.HandleFunc("POST /messages", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }) // 200 as Spring AI answers
		p, front := before(t, mux, Config{})
		resp, err := http.Get(front + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		const want = "event: endpoint\ndata: /messages?sid=1\n\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", own, got, err)
		}
		posted, err := http.Post(front+"/messages?sid=1", "application/json", strings.NewReader(callOf(3, "t")))
		if err != nil {
			t.Fatal(err)
		}
		posted.Body.Close()
		if got := counts(p.Snapshot()); got != "sessions 1 created 1 closed 0 expired 0 streams 1 calls 0 errors 0 in flight 1" || len(p.Snapshot().Proxy.Warnings) > 0 {
			t.Errorf("%s: %s, warnings %q", own, got, p.Snapshot().Proxy.Warnings)
		}
	}
}
