package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client/clienttest"
	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// TestAllInFlight: every request that waits for its answer shows, and only tool
// calls are counted as calls.
func TestAllInFlight(t *testing.T) {
	t.Parallel()
	release := make(chan bool)
	p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"serverInfo":{"version":"1","name":"every\u001bthing"}}}`, r.Header.Get("X-Id"))
	}), Config{})
	methods := []string{"initialize", "tools/list", "prompts/get", "made/up", "tools/call"}
	var all sync.WaitGroup
	for i, method := range methods {
		req := request(t.Context(), http.MethodPost, url, "", fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{"name":"a tool"}}`, i, method))
		req.Header.Set("X-Id", fmt.Sprint(i))
		all.Go(func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
		})
		eventually(t, p, method+" in flight", func(d *Document) bool { return len(d.ToolCallStack) == i+1 })
	}
	var names []string
	for _, c := range p.Snapshot().ToolCallStack {
		names = append(names, c.Name)
	}
	if got, want := strings.Join(names, ", "), "initialize, tools/list, prompts/get, _OTHER, a tool"; got != want {
		t.Errorf("in flight are %s, want %s", got, want)
	}
	close(release)
	all.Wait()
	d := eventually(t, p, "answered", func(d *Document) bool { return len(d.ToolCallStack) == 0 })
	if *d.CallsTotal != 1 || len(d.Handlers) != 1 || d.Proxy.ServerName != `every\x1bthing` {
		t.Errorf("%s, handlers %v, server name %q", counts(d), d.Handlers, d.Proxy.ServerName)
	}
}

// TestServerName: the name is where each revision has it, and the first one counts.
func TestServerName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ asks, reply, want string }{
		{"initialize", `{"id":1,"result":{"serverInfo":{"title":"no","name":"old"},"name":"no"}}`, "old"},
		{"server/discover", `{"id":1,"result":{"name":"no","_meta":{"name":"no","io.modelcontextprotocol/serverInfo":{"name":"new"}}}}`, "new"},
		{"tools/list", `{"id":1,"result":{"serverInfo":{"name":"no"}}}`, ""},
		{"initialize", `{"id":1,"result":{"serverInfo":{"name":{"name":"no"}}}}`, ""},
	} {
		var named []string
		p := New(Config{OnServerName: func(name string) { named = append(named, name) }})
		c := newPipe(p.tracker)
		for range 2 {
			c.sent([]byte(`{"id":1,"method":"` + tt.asks + `"}` + "\n"))
			c.received([]byte(tt.reply + "\n"))
		}
		if got := p.Snapshot().Proxy.ServerName; got != tt.want || strings.Join(named, " ") != tt.want {
			t.Errorf("%s: %q, reported %q", tt.reply, got, named)
		}
	}
}

// TestEndpointPastProxy: an absolute endpoint that is not the proxy's own
// address is reported once, without its query.
func TestEndpointPastProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		endpoint string
		past     bool
	}{{"messages?sid=1", false}, {"/messages?sid=1", false}, {"http://PROXY/messages?sid=1", false}, {"http://127.0.0.1:9/messages?sid=secret", true}, {"//evil.example/m", true}} {
		var warned []string
		p, front := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "event: endpoint\ndata: %s\n\n", strings.Replace(tt.endpoint, "PROXY", r.Header.Get("X-Front"), 1))
		}), Config{OnWarning: func(text string) { warned = append(warned, text) }})
		for range 2 {
			req := request(t.Context(), http.MethodGet, front, "", "")
			req.Header.Set("X-Front", strings.TrimPrefix(front, "http://"))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if want := strings.Replace(tt.endpoint, "PROXY", req.Header.Get("X-Front"), 1); string(got) != "event: endpoint\ndata: "+want+"\n\n" {
				t.Errorf("the event changed: %q", got)
			}
		}
		d := p.Snapshot()
		if len(warned) != len(d.Proxy.Warnings) || (len(warned) == 1) != tt.past || strings.Contains(strings.Join(warned, ""), "secret") {
			t.Errorf("%s: warned %q, document %q", tt.endpoint, warned, d.Proxy.Warnings)
		}
	}
}

// standingStream opens an event stream through the proxy at url.
func standingStream(t *testing.T, url string) *http.Response {
	t.Helper()
	resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodGet, url, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// pieces returns a server whose streams send the strings that come over next.
func pieces(next chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Sum")
		flush := http.NewResponseController(w).Flush
		for _ = flush(); ; _ = flush() {
			select {
			case piece, more := <-next:
				switch {
				case piece == "abort":
					panic(http.ErrAbortHandler)
				case !more:
					w.Header().Set("X-Sum", "42")
					return
				}
				_, _ = io.WriteString(w, piece)
			case <-r.Context().Done():
				next <- "cancelled"
				return
			}
		}
	}
}

// TestStandingStreamPasses: a stream that a client holds open passes unchanged, to its trailer.
func TestStandingStreamPasses(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	p, url := before(t, pieces(next), Config{})
	resp := standingStream(t, url)
	for i, piece := range []string{"data: {\"id\":1,", ": x\n\n", strings.Repeat("data: \xff日本\r\n", 20_000), "\n"} {
		next <- piece
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece {
			t.Fatalf("piece %d came as %.20q, %v", i, got, err)
		}
	}
	if d := p.Snapshot(); *d.OpenStreams != 1 {
		t.Errorf("while the stream is open: %s", counts(d))
	}
	close(next)
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("the end is %q, %v, trailer %v", rest, err, resp.Trailer)
	}
	eventually(t, p, "closed", func(d *Document) bool { return *d.OpenStreams == 0 })
}

// TestStandingStreamEnds: each side of a standing stream sees how the other one ends it.
func TestStandingStreamEnds(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	p, url := before(t, pieces(next), Config{})
	standingStream(t, url).Body.Close()
	if word := <-next; word != "cancelled" {
		t.Errorf("the client went away, the server saw %q", word)
	}
	resp := standingStream(t, url)
	next <- "abort"
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the server broke off, the client saw a whole response %q", rest)
	}
	eventually(t, p, "over", func(d *Document) bool { return *d.OpenStreams == 0 })
}

// TestStandingStreamRefused: an invalid response to a GET is an error of the server.
func TestStandingStreamRefused(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"switches protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"status 099":         "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
		"endless header":     "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHeader/4),
		"endless hints":      strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("y", 1000)+"\r\n\r\n", maxHeader/1000),
		"nothing":            "",
	} {
		p, url := serve(t, Config{To: scripted(t, answer)})
		if resp := standingStream(t, url); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
		if d := p.Snapshot(); !d.Upstream.Failing {
			t.Errorf("%s: %+v", name, d.Upstream)
		}
	}
	_, url := serve(t, Config{To: scripted(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 405 No\r\nContent-Length: 2\r\n\r\nno")})
	if resp := standingStream(t, url); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("after an early hint: %d", resp.StatusCode)
	}
}

// takes is a server whose answers take this long.
type takes time.Duration

func (d takes) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(time.Duration(d))
	return &http.Response{StatusCode: http.StatusOK, ContentLength: 2, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}}, nil
}

// TestEndsAfterCalls: a call in flight when the proxy is to end is answered if that
// happens within the grace, and Serve returns after that.
func TestEndsAfterCalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		takes    time.Duration
		answered bool
	}{{grace / 2, true}, {time.Hour, false}} {
		synctest.Test(t, func(t *testing.T) {
			p := New(Config{To: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Guard: guard.Guard{Private: true}})
			p.forward.transport = takes(tt.takes)
			l := clienttest.NewMemory()
			ctx, end := context.WithCancel(t.Context())
			ended := make(chan time.Time)
			go func() {
				if err := p.Serve(ctx, l); err != nil {
					t.Error(err)
				}
				ended <- time.Now()
			}()
			conn, err := l.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n")
			synctest.Wait()
			begin := time.Now()
			end()
			answer := make(chan bool)
			go func() {
				_, err := http.ReadResponse(bufio.NewReader(conn), nil)
				answer <- err == nil
			}()
			if took := (<-ended).Sub(begin); took < min(tt.takes, grace) || took > 2*grace {
				t.Errorf("Serve returned after %s", took)
			}
			if got := <-answer; got != tt.answered {
				t.Errorf("answered %t, want %t", got, tt.answered)
			}
			time.Sleep(tt.takes + grace) // until the server's goroutine and the proxy's have ended
		})
	}
}

// TestEndsWithStreams: the proxy ends while streams are open, and ends them.
func TestEndsWithStreams(t *testing.T) {
	t.Parallel()
	next := make(chan string, 1)
	p := New(Config{To: serverOf(t, pieces(next)), Guard: guard.Guard{Private: true}})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	l, url := listener(t)
	go func() { ended <- p.Serve(ctx, l) }()
	resp := standingStream(t, url)
	end()
	_, readErr := io.ReadAll(resp.Body)
	if err := <-ended; err != nil || readErr == nil {
		t.Errorf("%v, or the stream outlives the proxy", err)
	}
	if word := <-next; word != "cancelled" {
		t.Errorf("the server saw %q", word)
	}
}
