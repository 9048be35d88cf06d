package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// sessionless answers each request with a result, or with the error code that
// its header asks for, whatever its session id is.
func sessionless(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	if code := r.Header.Get("X-Code"); code != "" {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"error":{"code":%s,"message":"x"}}`, code)
		return
	}
	fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
}

// post sends a request to p without a connection.
func post(p *Proxy, session, body string, header ...string) {
	r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
	r.Host = "localhost"
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	p.ServeHTTP(httptest.NewRecorder(), r)
}

// page returns one of the proxy's own pages.
func page(p *Proxy, path string) string {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Body.String()
}

// TestBoundedLabels: whatever codes and tools there are, /metrics stays small
// and reports that it does not show all.
func TestBoundedLabels(t *testing.T) {
	t.Parallel()
	var warned []string
	p := New(Config{To: serverOf(t, http.HandlerFunc(sessionless)), Guard: guard.Guard{Private: true}, OnWarning: func(text string) { warned = append(warned, text) }})
	for i := range 3000 {
		post(p, "", callOf(1, fmt.Sprint("tool", i%1200)), "X-Code", fmt.Sprint(-i))
	}
	metrics := page(p, "/metrics")
	if lines := strings.Count(metrics, "\n"); lines > 25_000 || !strings.Contains(metrics, `error_type="_OTHER"`) {
		t.Errorf("/metrics has %d lines", lines)
	}
	d := p.Snapshot()
	if len(d.Handlers) != maxTools+1 || *d.CallsTotal != 3000 || *d.Handlers[other].Calls != 400 {
		t.Errorf("%d tools, %s", len(d.Handlers), counts(d))
	}
	want := map[string]int64{overflowTools: 400, overflowErrorTypes: 3000 - maxErrorTypes}
	for kind, n := range want {
		if d.Proxy.Overflow[kind] != n || !strings.Contains(metrics, fmt.Sprintf("mcpdiag_proxy_overflow_total{kind=%q} %d\n", kind, n)) {
			t.Errorf("overflow of %s: %d, want %d", kind, d.Proxy.Overflow[kind], n)
		}
	}
	if diff := cmp.Diff(d.Proxy.Warnings, warned); diff != "" || len(warned) != len(d.Proxy.Overflow) {
		t.Errorf("warnings of %v (-document +reported):\n%s", d.Proxy.Overflow, diff)
	}
}

// TestLabelsWithControls: names with control characters are escaped in labels.
func TestLabelsWithControls(t *testing.T) {
	t.Parallel()
	p := New(Config{To: serverOf(t, http.HandlerFunc(sessionless)), Guard: guard.Guard{Private: true}})
	for _, name := range []string{`\u001b[31m`, `\u009b`, `\u202e`, `\u007f`, "\x1b]0;x\x07", "\xff"} {
		post(p, "", `{"id":1,"method":"tools/call","params":{"name":"`+name+`"}}`)
	}
	metrics, doc := page(p, "/metrics"), page(p, "/debug/snapshot")
	if strings.ContainsAny(metrics+doc, "\x1b\x07\x7f\u009b\u202e") || !strings.Contains(metrics, `\\x1b[31m`) {
		t.Errorf("controls pass:\n%s", metrics)
	}
}

// TestClientChosenSessions: ids that clients make up are no sessions of a
// server that answers whatever the id is.
func TestClientChosenSessions(t *testing.T) {
	t.Parallel()
	p := New(Config{To: serverOf(t, http.HandlerFunc(sessionless)), Guard: guard.Guard{Private: true}})
	for i := range 3000 {
		post(p, fmt.Sprint("made-up-", i), callOf(1, "t"))
	}
	for i := range 20 {
		post(p, strings.Repeat("A", 200_000)+fmt.Sprint(i), callOf(1, "t"))
	}
	d := p.Snapshot()
	if d.ActiveSessions != nil || *d.CallsTotal != 3020 || d.Proxy.Overflow[overflowSessionIDs] != 20 {
		t.Errorf("%s, overflow %v", counts(d), d.Proxy.Overflow)
	}
	post(p, "twice", callOf(1, "t"))
	post(p, "twice", callOf(1, "t"))
	if d := p.Snapshot(); d.ActiveSessions != nil {
		t.Errorf("used twice: %s", counts(d))
	}
	post(p, "", initialize) // answered without a session id
	post(p, "thrice", callOf(1, "t"))
	post(p, "thrice", callOf(1, "t"))
	if d := p.Snapshot(); d.ActiveSessions != nil {
		t.Errorf("the server has no sessions: %s", counts(d))
	}
}

// TestSessionsFromBefore: an id whose initialize the proxy did not see counts as a
// session once the server shows that it has sessions: it names the id, refuses
// another one, or gives one out. A server that is found to have none has none.
func TestSessionsFromBefore(t *testing.T) {
	t.Parallel()
	answer := func(status int, id string) func(p *Proxy) {
		return func(p *Proxy) {
			post(p, "another", `{"id":1,"method":"initialize"}`, "X-Status", fmt.Sprint(status), "X-Id", id)
		}
	}
	for name, c := range map[string]struct {
		shows func(p *Proxy)
		want  int64
	}{
		"says nothing":         {func(*Proxy) {}, -1},
		"refuses another":      {answer(404, ""), 1},
		"refuses another, 400": {answer(400, ""), 1},
		"is busy":              {answer(503, ""), -1},
		"gives one":            {answer(200, "given"), 2},
		"gives none":           {answer(200, ""), -1},
		"gives none, then one": {func(p *Proxy) { answer(200, "")(p); answer(200, "given")(p) }, 1},
		"names it, twice": {func(p *Proxy) {
			post(p, "old", callOf(1, "t"), "X-Id", "old")
			post(p, "old", callOf(1, "t"), "X-Id", "old")
		}, 1},
		"names another, invalid": {func(p *Proxy) { post(p, "old", callOf(1, "t"), "X-Id", "new") }, -1},
	} {
		p := New(Config{To: serverOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id := r.Header.Get("X-Id"); id != "" {
				w.Header().Set("Mcp-Session-Id", id)
			}
			w.Header().Set("Content-Type", "application/json")
			if status, _ := strconv.Atoi(r.Header.Get("X-Status")); status > 0 {
				w.WriteHeader(status)
				if status == http.StatusBadRequest {
					fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}`)
					return
				}
			}
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
		})), Guard: guard.Guard{Private: true}})
		post(p, "old", callOf(1, "t"))
		c.shows(p)
		post(p, "old", callOf(1, "t"))
		got := int64(-1)
		if d := p.Snapshot(); d.ActiveSessions != nil {
			got = *d.ActiveSessions
		}
		if got != c.want {
			t.Errorf("%s: %d sessions, want %d", name, got, c.want)
		}
	}
}

// TestSessionsAreForgotten: the table of sessions is bounded in number and in time.
func TestSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTracker(&Config{Idle: time.Minute})
		busy := tr.openEndpoint("/messages?sid=1", time.Now())
		for i := range maxSessions + 100 {
			tr.opened(fmt.Sprint("s", i), "/mcp", nil, time.Now())
			time.Sleep(time.Millisecond)
		}
		d := tr.snapshot(time.Now())
		if n := *d.ActiveSessions; n > maxSessions || n < maxSessions*9/10 || busy.closed || tr.sessions.open["s0"] != nil {
			t.Errorf("%s, busy closed %t", counts(d), busy.closed)
		}
		if d.Proxy.Overflow[overflowSessions] == 0 || *d.SessionsCreatedTotal-*d.SessionsClosedTotal != *d.ActiveSessions || d.Proxy.ForgottenTotal != *d.SessionsClosedTotal {
			t.Errorf("%s, forgotten %d, overflow %v", counts(d), d.Proxy.ForgottenTotal, d.Proxy.Overflow)
		}
		time.Sleep(sessionLifetime + time.Minute)
		if d := tr.snapshot(time.Now()); *d.ActiveSessions != 1 {
			t.Errorf("a day later: %s", counts(d))
		}
	})
}

// TestBoundedInFlight: requests that are never answered do not pile up.
func TestBoundedInFlight(t *testing.T) {
	t.Parallel()
	tr := newTracker(&Config{})
	c := newPipe(tr)
	for i := range maxInFlight + 10 {
		c.sent([]byte(callOf(i, "t") + "\n"))
	}
	d := tr.snapshot(time.Now())
	if len(tr.inFlight) != maxInFlight || d.Proxy.Overflow[overflowInFlight] != 10 {
		t.Errorf("%d in flight, overflow %v", len(tr.inFlight), d.Proxy.Overflow)
	}
}

// TestBoundedTemplates: the headers that sessions keep for probes take a bounded memory.
func TestBoundedTemplates(t *testing.T) {
	t.Parallel()
	tr := newTracker(&Config{Idle: time.Hour, Probe: true})
	sessions := make([]session, 2*maxTemplates/maxTemplate)
	for i := range sessions {
		tr.keepTemplate(&sessions[i], &requestTemplate{size: maxTemplate})
	}
	if tr.templates != maxTemplates || tr.overflow[overflowTemplates] != maxTemplates/maxTemplate {
		t.Errorf("%d bytes are kept, %v", tr.templates, tr.overflow)
	}
	for i := range sessions {
		tr.keepTemplate(&sessions[i], nil)
	}
	if tr.templates != 0 {
		t.Errorf("%d bytes are kept by nobody", tr.templates)
	}
}

// TestNoNegativeAges: a session and a call that began after the document read the
// clock, while it waited for the lock, have the age 0.
func TestNoNegativeAges(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tr := newTracker(&Config{})
	tr.opened("id", "/mcp", nil, now.Add(time.Millisecond))
	tr.begin(tr.sessions.open["id"], &message{id: []byte("1"), method: []byte(`"tools/call"`), name: []byte(`"t"`)}, now.Add(time.Millisecond))
	d := tr.snapshot(now)
	if d.Sessions[0].AgeMs != 0 || d.Sessions[0].IdleMs != 0 || *d.OldestSessionAgeMs != 0 || *d.ToolCallStack[0].DurationMs != 0 {
		t.Errorf("ages below zero: %+v, %+v", d.Sessions, d.ToolCallStack)
	}
}

// TestUploadTime: a body that stalls is given up, at any time, a slow and steady one is not.
func TestUploadTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		waited time.Duration
		read   int64
		want   time.Duration
	}{
		{0, 0, time.Minute},
		{40 * time.Second, 0, 20 * time.Second},
		{30 * time.Second, 1000, 40 * time.Second},
		{0, 6_000_000, time.Minute},
		{500 * time.Minute, 6_000_000, time.Minute},
		{1001 * time.Minute, 6_000_000, 0},
	} {
		if got := uploadTime(tt.waited, tt.read); got != tt.want {
			t.Errorf("after %s and %d bytes: %s, want %s", tt.waited, tt.read, got, tt.want)
		}
	}
}

// stalled is a body that reports a deadline after a few bytes.
type stalled struct{ io.Reader }

func (s stalled) Close() error { return nil }

// TestStalledUpload: the client of a body that stalls gets 408, and the server
// is not blamed.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{100, -1} {
		p := New(Config{To: serverOf(t, http.HandlerFunc(sessionless)), Guard: guard.Guard{Private: true}})
		r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		r.Host, r.ContentLength = "localhost", length
		r.Body = stalled{io.MultiReader(strings.NewReader(callOf(1, "t")[:20]), timedOut{})}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if d := p.Snapshot(); w.Code != http.StatusRequestTimeout || d.Upstream.Failing || d.Upstream.Failures != 0 {
			t.Errorf("length %d: %d, %+v", length, w.Code, d.Upstream)
		}
	}
}

// timedOut is a reader whose deadline has passed.
type timedOut struct{}

func (timedOut) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// TestBlockedWarning: while a warning cannot be written, other requests go on.
func TestBlockedWarning(t *testing.T) {
	t.Parallel()
	warned, release := make(chan bool), make(chan bool)
	p := New(Config{To: serverOf(t, http.HandlerFunc(sessionless)), Guard: guard.Guard{Private: true},
		OnWarning: func(string) { warned <- true; <-release }})
	var blocked sync.WaitGroup
	blocked.Go(func() { post(p, strings.Repeat("A", 2000), callOf(1, "t")) })
	<-warned
	post(p, "", callOf(2, "t"))
	if d := p.Snapshot(); *d.CallsTotal != 1 || len(d.Proxy.Warnings) != 1 {
		t.Errorf("%s, warnings %q", counts(d), d.Proxy.Warnings)
	}
	close(release)
	blocked.Wait()
}

// TestSessionsAreSmall: what a session keeps of long paths and headers is bounded.
func TestSessionsAreSmall(t *testing.T) {
	t.Parallel()
	p := New(Config{To: serverOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/held") {
			w.Header().Set("Mcp-Session-Id", r.Header.Get("X-Number"))
		}
		sessionless(w, r)
	})), Guard: guard.Guard{Private: true}, Idle: time.Minute, Probe: true})
	open := func(path string, i int) {
		r := httptest.NewRequest("POST", "http://localhost"+path, strings.NewReader(initialize))
		r.Header.Set("X-Number", fmt.Sprint("n", i))
		r.Header.Set("X-Long", strings.Repeat("h", 20_000))
		p.ServeHTTP(httptest.NewRecorder(), r)
	}
	for i := range 20 {
		open("/held"+strings.Repeat("x", 20_000), i)
		open(fmt.Sprint("/bare", i, strings.Repeat("x", 20_000)), i)
	}
	p.tracker.mu.Lock()
	defer p.tracker.mu.Unlock()
	if n := len(p.tracker.sessions.open); n != 20 {
		t.Errorf("%d sessions", n)
	}
	for _, s := range p.tracker.sessions.open {
		if len(s.place) > maxPath || s.template != nil {
			t.Errorf("a session keeps a path of %d bytes, template %v", len(s.place), s.template)
		}
	}
	for place := range p.tracker.sessions.stateless.known {
		if len(place) > maxPath {
			t.Errorf("a path of %d bytes is kept", len(place))
		}
	}
}
