package proxy

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
)

// asked is a server that keeps the pings of each session and answers them as the
// session's id says.
type asked struct {
	mu  sync.Mutex
	got map[string][]*http.Request
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id := r.Header.Get("Mcp-Session-Id")
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if id == "" {
		id = r.URL.Query().Get("as")
		w.Header().Set("Mcp-Session-Id", id)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
		return
	}
	if !strings.Contains(string(body), `"ping"`) {
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":2,"result":{}}`)
		return
	}
	a.got[id] = append(a.got[id], r)
	switch id {
	case "held":
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, probeID)
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, ": hello\n\nid: 7\ndata:\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32601}}\n\n", probeID)
	case "gone":
		http.Error(w, "no such session", http.StatusNotFound)
	case "ts":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}`)
	case "login":
		w.WriteHeader(http.StatusUnauthorized)
	case "other":
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	case "empty":
		w.WriteHeader(http.StatusAccepted)
	}
}

// names maps the session ids that asked knows to the meaning of its answer.
var names = map[string]probeResult{"held": probeHeld, "events": probeHeld, "gone": probeGone, "ts": probeGone,
	"login": probeUndecided, "other": probeUndecided, "empty": probeUndecided}

func openAs(t *testing.T, url, name string) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/a%2Fmcp?as="+name+"&key=hush", strings.NewReader(initialize))
	req.Header.Set("Authorization", "Bearer hush-"+name)
	req.Header.Set("X-Api-Key", "hush")
	req.Header.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	req.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestProbe: each orphaned session is probed once, in the name of its client, and
// the results show.
func TestProbe(t *testing.T) {
	t.Parallel()
	server := &asked{got: map[string][]*http.Request{}}
	p, url := before(t, server, Config{Idle: 20 * time.Millisecond, Probe: true})
	for name := range names {
		openAs(t, url, name)
	}
	d := eventually(t, p, "probed", func(d *Document) bool { return d.Orphans.Probes.Sent == int64(len(names)) })
	if n := len(p.tracker.unprobed(time.Now())); n != 0 {
		t.Errorf("%d sessions would be probed again", n)
	}
	if got, want := *d.Orphans.Probes, (Probes{Sent: 7, Held: 2, Gone: 2, Undecided: 3}); got != want || *d.Orphans.Held != 2 || d.Orphans.Sessions != 5 {
		t.Errorf("probes %+v, held %d, orphans %d", got, *d.Orphans.Held, d.Orphans.Sessions)
	}
	if got, want := counts(d), "sessions 5 created 7 closed 2 expired 2 streams 0 calls 0 errors 0 in flight 0"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, s := range d.Sessions {
		if s.Probe == "" || s.InBytes+s.OutBytes != 0 {
			t.Errorf("session %+v", s)
		}
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for name := range names {
		if len(server.got[name]) != 1 {
			t.Fatalf("%s was asked for %d times", name, len(server.got[name]))
		}
		r := server.got[name][0]
		if r.Header.Get("Authorization") != "Bearer hush-"+name || r.Header.Get("X-Api-Key") != "hush" || r.RequestURI != "/a%2Fmcp?as="+name+"&key=hush" ||
			r.Header.Get("Mcp-Protocol-Version") != "2025-06-18" || r.Header.Get("Traceparent") != "" {
			t.Errorf("%s was asked for with %s %v", name, r.RequestURI, r.Header)
		}
	}
	shown, _ := json.Marshal(d)
	_, _, metrics := get(t, url+"/metrics")
	if strings.Contains(string(shown)+metrics, "hush") {
		t.Errorf("a credential shows")
	}
	for _, line := range []string{"mcpdiag_proxy_orphan_sessions 5", "mcpdiag_proxy_orphan_sessions_held 2", `mcpdiag_proxy_orphan_probes_total{outcome="gone"} 2`} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if p.kept() != 0 {
		t.Errorf("after the probes %d sessions keep credentials", p.kept())
	}
}

// kept counts the sessions that keep how their client asks.
func (p *Proxy) kept() (n int) {
	p.tracker.mu.Lock()
	defer p.tracker.mu.Unlock()
	for _, s := range p.tracker.sessions.open {
		if s.template != nil {
			n++
		}
	}
	return n
}

// inProcess passes requests to a handler without a connection.
type inProcess struct{ http.Handler }

func (s inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestProbeAgain: a session whose client comes back is not orphaned; when the
// client goes silent again, the session is probed again.
func TestProbeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{To: parse(t, "http://server"), Idle: time.Minute, Probe: true, Guard: guard.Guard{Private: true}})
		p.forward.transport = inProcess{&asked{got: map[string][]*http.Request{}}}
		go p.forward.probeOrphans(t.Context())
		p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "http://localhost/mcp?as=held", strings.NewReader(initialize)))
		time.Sleep(2 * time.Minute)
		if d := p.Snapshot(); *d.Orphans.Held != 1 || d.Orphans.Probes.Sent != 1 {
			t.Errorf("after two minutes: orphans %+v, probes %+v", d.Orphans, d.Orphans.Probes)
		}
		post(p, "held", callOf(2, "ok"))
		if d := p.Snapshot(); *d.Orphans.Held != 0 || d.Orphans.Answered != 1 || d.Sessions[0].Probe != "" {
			t.Errorf("orphans %+v, session %+v", d.Orphans, d.Sessions[0])
		}
		time.Sleep(2 * time.Minute)
		if d := p.Snapshot(); *d.Orphans.Held != 1 || d.Orphans.Probes.Sent != 2 {
			t.Errorf("silent again: orphans %+v, probes %+v", d.Orphans, d.Orphans.Probes)
		}
		p.tracker.unreached("it is down", 1)
		p.tracker.reached()
		if d := p.Snapshot(); *d.Orphans.Held != 0 || d.Sessions[0].Probe != "undecided" {
			t.Errorf("of a server that was lost since: orphans %+v, session %+v", d.Orphans, d.Sessions[0])
		}
	})
}

// TestNoProbe: without the option nothing is probed and no credential is kept.
func TestNoProbe(t *testing.T) {
	t.Parallel()
	server := &asked{got: map[string][]*http.Request{}}
	p, url := before(t, server, Config{Idle: time.Millisecond})
	openAs(t, url, "held")
	d := eventually(t, p, "orphaned", func(d *Document) bool { return d.Orphans.Sessions == 1 })
	if p.forward.probeOrphans(t.Context()); d.Orphans.Sessions != 1 || d.Orphans.Probes != nil || d.Orphans.Held != nil || len(server.got) != 0 || p.kept() != 0 {
		t.Errorf("orphans %+v, asked %d, %d keep credentials", d.Orphans, len(server.got), p.kept())
	}
}

// TestProbeLost: while the server cannot be reached nothing is decided, and the
// session is probed when it is back.
func TestProbeLost(t *testing.T) {
	t.Parallel()
	l, at := listener(t)
	l.Close()
	p := New(Config{To: parse(t, at), Idle: time.Nanosecond, Probe: true})
	p.tracker.opened("held", "/mcp", newRequestTemplate(request(t.Context(), http.MethodPost, at, "", "")), time.Now().Add(-time.Minute)) // the clock of Windows stands for up to 16 ms
	session := p.tracker.sessions.open["held"]
	if p.forward.probe(t.Context(), session) {
		t.Error("a server that is not there has answered")
	}
	if d := p.Snapshot(); d.Orphans.Sessions != 1 || d.Orphans.Probes.Sent != 0 || d.Upstream.Failures != 0 {
		t.Errorf("orphans %+v, probes %+v, %+v", d.Orphans, d.Orphans.Probes, d.Upstream)
	}
	again := &http.Server{Handler: &asked{got: map[string][]*http.Request{}}}
	defer again.Close()
	go again.Serve(relisten(t, at))
	if d := p.Snapshot(); !p.forward.probe(t.Context(), session) || *p.Snapshot().Orphans.Held != 1 {
		t.Errorf("with the server back: %+v", d.Orphans)
	}
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// relisten listens at an address that was given up.
func relisten(t *testing.T, at string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", parse(t, at).Host)
	if err != nil {
		t.Skipf("the port was taken: %v", err)
	}
	return l
}
