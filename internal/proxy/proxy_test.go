package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a small MCP server. A call of the tool "hang" waits until a word
// comes over hang, and answers with it; other tools answer as they are named.
type fake struct {
	hang chan string

	mu       sync.Mutex
	sessions map[string]bool
	last     int
}

func newFake() *fake { return &fake{hang: make(chan string), sessions: map[string]bool{}} }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Mcp-Session-Id")
	f.mu.Lock()
	known := f.sessions[id]
	f.mu.Unlock()
	switch {
	case id != "" && !known && id != "ts":
		http.Error(w, "no such session", http.StatusNotFound)
	case id == "ts":
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}`)
	case r.Method == http.MethodDelete:
		f.forget(id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	default:
		f.post(w, r)
	}
}

func (f *fake) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, id)
}

func (f *fake) post(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case len(m.ID) == 0:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "initialize":
		f.mu.Lock()
		f.last++
		id := fmt.Sprintf("secret-%d", f.last)
		f.sessions[id] = true
		f.mu.Unlock()
		w.Header().Set("Mcp-Session-Id", id)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25"}}`, m.ID)
	default:
		f.tool(w, r, string(m.ID), m.Params.Name)
	}
}

func (f *fake) tool(w http.ResponseWriter, r *http.Request, id, name string) {
	switch name {
	case "hang":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, ": ok\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case word := <-f.hang:
			fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\ndata: {\"id\":%s,\"result\":{\"x\":%q}}\n\n", id, word)
		case <-r.Context().Done():
			f.hang <- "cancelled"
		}
	case "isError":
		fmt.Fprintf(w, `{"id":%s,"result":{"isError":true}}`, id)
	case "error":
		fmt.Fprintf(w, `{"id":%s,"error":{"code":-32602,"message":"no"}}`, id)
	case "500":
		http.Error(w, "no", http.StatusInternalServerError)
	case "silent":
		w.Header().Set("Content-Type", "text/event-stream")
	case "reset":
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"id":`)
		panic(http.ErrAbortHandler)
	default:
		fmt.Fprintf(w, `{"id":%s,"result":{"content":[]}}`, id)
	}
}

// ask sends a message and returns the answer, whole.
func ask(t *testing.T, url, session, body string) (status int, header http.Header, answer string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodPost, url, session, body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

func request(ctx context.Context, method, url, session, body string) *http.Request {
	req, _ := http.NewRequestWithContext(ctx, method, url+"/mcp", strings.NewReader(body))
	req.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	return req
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`

func initSession(t *testing.T, url string) string {
	t.Helper()
	_, header, _ := ask(t, url, "", initialize)
	return header.Get("Mcp-Session-Id")
}

func callOf(id int, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q}}`, id, tool)
}

// eventually waits until the proxy's document is as wanted.
func eventually(t *testing.T, p *Proxy, what string, ok func(*Document) bool) *Document {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		d := p.Snapshot()
		if ok(d) {
			return d
		}
		if time.Now().After(deadline) {
			doc, _ := json.Marshal(d)
			t.Fatalf("not %s: %s", what, doc)
		}
	}
}

// counts are the figures of a document on one line.
func counts(d *Document) string {
	count := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	return fmt.Sprintf("sessions %s created %s closed %s expired %d streams %s calls %s errors %s in flight %d", count(d.ActiveSessions),
		count(d.SessionsCreatedTotal), count(d.SessionsClosedTotal), d.Proxy.ExpiredTotal, count(d.OpenStreams), count(d.CallsTotal), count(d.ErrorsTotal), len(d.ToolCallStack))
}

func TestSessions(t *testing.T) {
	t.Parallel()
	p, url := before(t, newFake(), Config{})
	check := func(step, want string) {
		t.Helper()
		if got := counts(p.Snapshot()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", step, got, want)
		}
	}
	check("at first", "sessions 0 created 0 closed 0 expired 0 streams 0 calls 0 errors 0 in flight 0")
	one, two := initSession(t, url), initSession(t, url)
	check("opened", "sessions 2 created 2 closed 0 expired 0 streams 0 calls 0 errors 0 in flight 0")
	ask(t, url, one, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	for i, tool := range []string{"ok", "isError", "error", "500", "silent"} {
		ask(t, url, one, callOf(i+2, tool))
	}
	check("five calls, four failed", "sessions 2 created 2 closed 0 expired 0 streams 0 calls 5 errors 4 in flight 0")
	resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodDelete, url, one, ""))
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	check("deleted", "sessions 1 created 2 closed 1 expired 0 streams 0 calls 5 errors 4 in flight 0")
	if status, _, _ := ask(t, url, one, callOf(9, "ok")); status != http.StatusNotFound {
		t.Errorf("a deleted session answers %d", status)
	}
	check("used after it was deleted: a call that failed, no session", "sessions 1 created 2 closed 1 expired 0 streams 0 calls 6 errors 5 in flight 0")
	ask(t, url, "", callOf(1, "ok"))
	ask(t, url, two, callOf(2, "ok"))
	check("without a session, and with", "sessions 1 created 2 closed 1 expired 0 streams 0 calls 8 errors 5 in flight 0")
}

// TestExpired: a session that the server does not know any more is closed: 404,
// and for TypeScript servers 400 with -32000.
func TestExpired(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, url := before(t, f, Config{})
	id := initSession(t, url)
	f.forget(id)
	ask(t, url, id, callOf(2, "ok"))
	p.tracker.opened("ts", "/mcp", nil, time.Now())
	ask(t, url, "ts", callOf(2, "ok"))
	if got, want := counts(p.Snapshot()), "sessions 0 created 2 closed 2 expired 2 streams 0 calls 2 errors 2 in flight 0"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestAdopted: a session that was opened before the proxy ran is taken up when
// the server answers in it for the second time.
func TestAdopted(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.sessions["old"] = true
	p, url := before(t, f, Config{})
	for range 2 {
		ask(t, url, "old", callOf(2, "ok"))
		ask(t, url, "older", callOf(2, "ok"))
	}
	if got, want := counts(p.Snapshot()), "sessions 1 created 1 closed 0 expired 0 streams 0 calls 4 errors 2 in flight 0"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestNotAdopted: an id that the server answers with another one is none of a session.
func TestNotAdopted(t *testing.T) {
	t.Parallel()
	p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", rand.Text())
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":2,"result":{}}`)
	}), Config{})
	ask(t, url, "", `{"jsonrpc":"2.0","id":2,"method":"initialize"}`)
	for range 3 {
		ask(t, url, "made-up", callOf(2, "ok"))
	}
	if got, want := counts(p.Snapshot()), "sessions 1 created 1 closed 0 expired 0 streams 0 calls 3 errors 0 in flight 0"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestMediaTypes: the answers are read whatever the case of their type.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	const answer = `{"jsonrpc":"2.0","id":2,"result":{}}`
	for kind, body := range map[string]string{
		"APPLICATION/JSON; charset=UTF-8": answer, "Application/Json": answer, "Text/Event-Stream; Charset=UTF-8": "data: " + answer + "\n\n",
	} {
		p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}), Config{})
		ask(t, url, "", callOf(2, "ok"))
		if got, want := counts(p.Snapshot()), "sessions - created - closed - expired 0 streams 0 calls 1 errors 0 in flight 0"; got != want {
			t.Errorf("%s: got %s\nwant %s", kind, got, want)
		}
	}
}

// TestModern: where no request is of a session there are none, which is not 0.
func TestModern(t *testing.T) {
	t.Parallel()
	p, url := before(t, newFake(), Config{})
	ask(t, url, "", callOf(1, "ok"))
	if got, want := counts(p.Snapshot()), "sessions - created - closed - expired 0 streams 0 calls 1 errors 0 in flight 0"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestInFlight: a call shows while it hangs, its answer comes as it is sent,
// and nothing of the session's id does.
func TestInFlight(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, url := before(t, f, Config{})
	id := initSession(t, url)
	resp, err := http.DefaultClient.Do(request(t.Context(), http.MethodPost, url, id, callOf(42, "hang")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != ": ok\n" {
		t.Fatalf("the stream's beginning did not come while the call hangs: %q %v", line, err)
	}
	d := p.Snapshot()
	call := d.ToolCallStack[0]
	if got := counts(d); got != "sessions 1 created 1 closed 0 expired 0 streams 1 calls 0 errors 0 in flight 1" ||
		call.ID != "s1-42" || call.Name != "hang" || call.SessionID != "s1" || call.StartedAt == nil || call.DurationMs == nil {
		t.Errorf("%s, call %+v", got, call)
	}
	if _, _, doc := get(t, url+"/debug/snapshot"); strings.Contains(doc, "secret") {
		t.Errorf("the document shows the session's id: %s", doc)
	}
	f.hang <- "done"
	rest, _ := io.ReadAll(lines)
	if !strings.HasSuffix(string(rest), "{\"id\":42,\"result\":{\"x\":\"done\"}}\n\n") {
		t.Errorf("the rest is %q", rest)
	}
	eventually(t, p, "over", func(d *Document) bool {
		return counts(d) == "sessions 1 created 1 closed 0 expired 0 streams 0 calls 1 errors 0 in flight 0"
	})
}

func get(t *testing.T, url string) (status int, header http.Header, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

// TestCancelled: a client that goes away reaches the server, and is counted.
func TestCancelled(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, url := before(t, f, Config{})
	id := initSession(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := http.DefaultClient.Do(request(ctx, http.MethodPost, url, id, callOf(2, "hang")))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	resp.Body.Close()
	if word := <-f.hang; word != "cancelled" {
		t.Errorf("the server saw %q", word)
	}
	eventually(t, p, "cancelled", func(d *Document) bool {
		return counts(d) == "sessions 1 created 1 closed 0 expired 0 streams 0 calls 1 errors 1 in flight 0"
	})
}

// TestStandingStream: a stream counts while it is open, and keeps its session from being an orphan.
func TestStandingStream(t *testing.T) {
	t.Parallel()
	p, url := before(t, newFake(), Config{Idle: time.Nanosecond})
	id := initSession(t, url)
	eventually(t, p, "an orphan", func(d *Document) bool { return d.Orphans.Sessions == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := http.DefaultClient.Do(request(ctx, http.MethodGet, url, id, ""))
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Snapshot(); *d.OpenStreams != 1 || d.Orphans.Sessions != 0 || d.Orphans.Answered != 1 {
		t.Errorf("%s, orphans %+v", counts(d), d.Orphans)
	}
	cancel()
	resp.Body.Close()
	eventually(t, p, "closed", func(d *Document) bool { return *d.OpenStreams == 0 && d.Orphans.Sessions == 1 })
}

// TestOldTransport: HTTP+SSE, whose answers come on the stream and whose
// session is the stream.
func TestOldTransport(t *testing.T) {
	t.Parallel()
	release := make(chan bool)
	stream := make(chan string)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: endpoint\ndata: messages?sessionId=secret\n\n")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case event := <-stream:
				fmt.Fprintf(w, "event: message\ndata: %s\n\n", event)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		go func() { <-release; stream <- `{"id":3,"result":{}}` }()
	})
	p, url := before(t, mux, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/sse", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	for range 3 {
		_, _ = lines.ReadString('\n')
	}
	posted, err := http.Post(url+"/messages?sessionId=secret", "application/json", strings.NewReader(callOf(3, "t")))
	if err != nil || posted.StatusCode != http.StatusAccepted {
		t.Fatal(posted, err)
	}
	if got := counts(p.Snapshot()); got != "sessions 1 created 1 closed 0 expired 0 streams 1 calls 0 errors 0 in flight 1" {
		t.Errorf("while it waits: %s", got)
	}
	release <- true
	for range 3 {
		_, _ = lines.ReadString('\n')
	}
	if got := counts(p.Snapshot()); got != "sessions 1 created 1 closed 0 expired 0 streams 1 calls 1 errors 0 in flight 0" {
		t.Errorf("answered: %s", got)
	}
	cancel()
	eventually(t, p, "closed with its stream", func(d *Document) bool {
		return counts(d) == "sessions 0 created 1 closed 1 expired 0 streams 0 calls 1 errors 0 in flight 0"
	})
}

// TestMaxInFlight: the calls beyond the limit wait in the proxy, where they are seen.
func TestMaxInFlight(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, url := before(t, f, Config{MaxInFlight: 2})
	var done sync.WaitGroup
	for i := range 5 {
		done.Go(func() { ask(t, url, "", callOf(i, "hang")) })
	}
	eventually(t, p, "two with the server, three held", func(d *Document) bool {
		return len(d.ToolCallStack) == 2 && d.HandlerQueue["hang"] == 3
	})
	for range 5 {
		f.hang <- "go on"
	}
	done.Wait()
	d := eventually(t, p, "all answered", func(d *Document) bool { return *d.CallsTotal == 5 })
	if diff := cmp.Diff(map[string]int64{"hang": 0}, d.HandlerQueue); diff != "" || len(d.ToolCallStack) != 0 {
		t.Errorf("at the end: %s, queue %s", counts(d), diff)
	}
}

// TestParent: a call of another session in the same trace is a child of the
// waiting call.
func TestParent(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, url := before(t, f, Config{})
	one, two := initSession(t, url), initSession(t, url)
	const call = `{"id":%d,"method":"tools/call","params":{"name":"hang","_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b%d-01"}}}`
	var done sync.WaitGroup
	for i, session := range []string{one, one, two} {
		done.Go(func() { ask(t, url, session, fmt.Sprintf(call, i, i)) })
		eventually(t, p, "begun", func(d *Document) bool { return len(d.ToolCallStack) == i+1 })
	}
	parents := map[string]string{}
	for _, c := range p.Snapshot().ToolCallStack {
		parents[c.ID] = c.ParentID
	}
	if diff := cmp.Diff(map[string]string{"s1-0": "", "s1-1": "", "s2-2": "s1-1"}, parents); diff != "" {
		t.Errorf("parents (-want +got):\n%s", diff)
	}
	for range 3 {
		f.hang <- "go on"
	}
	done.Wait()
}
