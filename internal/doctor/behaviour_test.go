package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// examineMore examines a server with further probes.
func examineMore(t *testing.T, h http.Handler, o gather.Options) *facts.Facts {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	u, err := url.Parse(s.URL + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Timeout: time.Minute, Origins: []*url.URL{u}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	o.Target, o.Client, o.TLS = u, c, &tls.Config{MinVersion: tls.VersionTLS12}
	o.Deadline, o.Hold, o.Idle = time.Minute, 200*time.Millisecond, 1500*time.Millisecond
	return gather.Server(t.Context(), o)
}

// slowDemo is a demo server whose tool search takes a second.
func slowDemo(faults ...string) http.Handler {
	return demo.New(demo.Config{ServiceTime: time.Second, Faults: faults}).Handler()
}

// oneAtATime answers one POST at a time.
func oneAtATime(next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			mu.Lock()
			defer mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// deafAfterCancel does not answer the first ping after a cancellation.
func deafAfterCancel(next http.Handler) http.Handler {
	var mu sync.Mutex
	deaf := false
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodyOf(r)
		mu.Lock()
		deaf = deaf || strings.Contains(body, "notifications/cancelled")
		silent := deaf && strings.Contains(body, `"ping"`)
		deaf = deaf && !silent
		mu.Unlock()
		if silent {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// cutStreams ends event streams after a while.
func cutStreams(after time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.URL.Path == "/mcp" {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				w, r = &cutStream{ResponseWriter: w, after: after, cut: cancel}, r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// cutStream ends its request a time after the response began: a busy machine may need
// that long for the first byte.
type cutStream struct {
	http.ResponseWriter
	after time.Duration
	cut   func()
}

func (c *cutStream) WriteHeader(status int) {
	c.ResponseWriter.WriteHeader(status)
	time.AfterFunc(c.after, c.cut)
}

func (c *cutStream) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// limitedBurst refuses pings that come while two others are served.
func limitedBurst(status int, retryAfter string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		place := make(chan struct{}, 2)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(bodyOf(r), `"ping"`) {
				next.ServeHTTP(w, r)
				return
			}
			select {
			case place <- struct{}{}:
				time.Sleep(20 * time.Millisecond) // requests of a burst meet
				next.ServeHTTP(w, r)
				<-place
			default:
				if retryAfter != "" {
					w.Header().Set("Retry-After", retryAfter)
				}
				w.WriteHeader(status)
			}
		})
	}
}

// uniqueIDs refuses a ping whose id another one in flight has, as the Go SDK does in a session.
func uniqueIDs(next http.Handler) http.Handler {
	var inFlight sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bodyOf(r)
		if !strings.Contains(body, `"ping"`) {
			next.ServeHTTP(w, r)
			return
		}
		if _, twice := inFlight.LoadOrStore(body, true); twice {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		time.Sleep(20 * time.Millisecond) // requests of a burst meet
		next.ServeHTTP(w, r)
		inFlight.Delete(body)
	})
}

// keepSessions accepts DELETE and ends nothing.
func keepSessions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// behaviourFaults are servers with the results of further probes.
var behaviourFaults = map[string]struct {
	server  func() http.Handler
	options gather.Options
	want    map[string]finding.Severity
}{
	"calls go on": {func() http.Handler { return slowDemo("cancel-ignored") }, gather.Options{SlowTool: "search"}, map[string]finding.Severity{
		"behaviour.cancel_modern": finding.Fail, "behaviour.cancel_legacy": finding.Warn,
	}},
	"calls end": {func() http.Handler { return slowDemo() }, gather.Options{SlowTool: "search", Burst: 10}, map[string]finding.Severity{
		"behaviour.cancel_modern": finding.Pass, "behaviour.cancel_legacy": finding.Pass, "behaviour.serial": finding.Pass,
		"behaviour.disconnect_legacy": finding.Info, "limits.burst": finding.Pass,
	}},
	"deaf after cancel": {func() http.Handler { return deafAfterCancel(slowDemo()) }, gather.Options{SlowTool: "search"}, map[string]finding.Severity{
		"behaviour.cancel_legacy": finding.Fail,
	}},
	"one at a time": {func() http.Handler { return oneAtATime(slowDemo()) }, gather.Options{SlowTool: "search"}, map[string]finding.Severity{"behaviour.serial": finding.Warn}},
	"no such tool":  {healthy, gather.Options{SlowTool: "nothing"}, map[string]finding.Severity{"behaviour.cancel_modern": finding.Skip}},
	"a quick tool":  {healthy, gather.Options{SlowTool: "echo"}, map[string]finding.Severity{"behaviour.cancel_modern": finding.Skip}},
	"healthy, deep": {healthy, gather.Options{Deep: true}, map[string]finding.Severity{"behaviour.revisions": finding.Pass, "behaviour.leak": finding.Pass, "stream.idle": finding.Pass}},
	"faulty, deep": {func() http.Handler {
		return cutStreams(500 * time.Millisecond)(keepSessions(onMethod("2024-11-05", always(400, "text/plain", "no"))))
	}, gather.Options{Deep: true}, map[string]finding.Severity{"behaviour.revisions": finding.Warn, "behaviour.leak": finding.Warn, "stream.idle": finding.Warn}},
	"burst limited":      {func() http.Handler { return limitedBurst(429, "1")(healthy()) }, gather.Options{Burst: 10}, map[string]finding.Severity{"limits.burst": finding.Info}},
	"burst without wait": {func() http.Handler { return limitedBurst(429, "")(healthy()) }, gather.Options{Burst: 10}, map[string]finding.Severity{"limits.burst": finding.Warn}},
	"burst refused":      {func() http.Handler { return limitedBurst(400, "")(healthy()) }, gather.Options{Burst: 10}, map[string]finding.Severity{"limits.burst": finding.Warn}},
	"burst, unique ids":  {func() http.Handler { return uniqueIDs(healthy()) }, gather.Options{Burst: 10}, map[string]finding.Severity{"limits.burst": finding.Pass}},
}

// onMethod is a healthy server, but for requests with a text.
func onMethod(text string, m middleware) http.Handler {
	next := healthy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { when(text, m)(w, r, next) })
}

// TestBehaviour wants of each server the results of its checks, and no other failure.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	for name, tc := range behaviourFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := examineMore(t, tc.server(), tc.options)
			r := Judge(f, Judgement{})
			var failures []string
			for id, severity := range tc.want {
				i := slices.IndexFunc(r.Checks, func(c rules.Check) bool { return c.ID == id })
				if i < 0 || r.Checks[i].Severity != severity {
					t.Errorf("%s is not %s: %+v", id, severity, r.Checks[max(i, 0)])
				}
				if severity == finding.Fail {
					failures = append(failures, id)
				}
			}
			if !slices.Equal(r.RootCauses, failures) || t.Failed() {
				t.Errorf("root causes %q, want %q\n%s", r.RootCauses, failures, shown(r))
			}
			if r.Requests > gather.MaxDeepRequests || f.Ended != f.Sessions {
				t.Errorf("%d requests, %d of %d sessions ended", r.Requests, f.Ended, f.Sessions)
			}
		})
	}
}

// TestSlowCallsAreWithheld keeps the arguments of the slow tool that the user gave, and
// its results, out of the facts, also where a call is cancelled during its answer.
func TestSlowCallsAreWithheld(t *testing.T) {
	t.Parallel()
	server := through(when("tools/call", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"sentinel-result"}}`+"\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
		id := regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(bodyOf(r))[1]
		_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","id":`+id+`,"result":{"content":[{"type":"text","text":"sentinel-result"}]}}`+"\n\n")
	}), healthy())
	f := examineMore(t, server, gather.Options{SlowTool: "search", SlowArgs: `{"query": "sentinel-argument"}`})
	saved, err := json.Marshal(f)
	shown, wrong := json.Marshal(Judge(f, Judgement{Curl: true, Verbose: true}))
	if text := string(saved) + string(shown); err != nil || wrong != nil || strings.Contains(text, "sentinel") {
		t.Errorf("%v %v, the facts or the result hold them: %q", err, wrong, regexp.MustCompile(".{80}sentinel-.{8}").FindAllString(text, -1))
	}
	for _, probe := range []string{"slow call", "cancelled call", "call, left", "call, closed"} {
		if !f.First(probe).WasSent() {
			t.Errorf("there was no %s", probe)
		}
	}
}

// sessionPerAnswer gives a session id of its own with each answer, and lists the last ones
// in answers to DELETE.
type sessionPerAnswer struct {
	next http.Handler
	mu   sync.Mutex
	ids  []string
}

func (s *sessionPerAnswer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		s.mu.Lock()
		last := strings.Join(s.ids[max(0, len(s.ids)-20):], ", ")
		s.mu.Unlock()
		always(404, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"none of `+last+`"}}`)(w, r, nil)
		return
	}
	id := rand.Text()
	w.Header().Set(facts.SessionHeader, id)
	if bodyOf(r) == "" || !strings.Contains(bodyOf(r), `"initialize"`) { // the server replaces that one
		s.mu.Lock()
		s.ids = append(s.ids, id)
		s.mu.Unlock()
	}
	s.next.ServeHTTP(w, r)
}

// TestSessionIDsBeside keeps the ids of sessions out of the facts, also those that come
// to probes that take place beside others.
func TestSessionIDsBeside(t *testing.T) {
	t.Parallel()
	s := &sessionPerAnswer{next: healthy()}
	saved, err := json.Marshal(examineMore(t, s, gather.Options{Deep: true, Burst: gather.MaxBurst}))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range s.ids {
		if strings.Contains(string(saved), id) {
			t.Fatalf("the facts hold a session id: %q", regexp.MustCompile(".{80}"+id).FindAllString(string(saved), -1))
		}
	}
	if len(s.ids) < 50 {
		t.Errorf("%d answers", len(s.ids))
	}
}

// TestAlso reaches for dependencies, one of which does not listen.
func TestAlso(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	down := httptest.NewServer(nil)
	down.Close()
	web := httptest.NewServer(always503())
	t.Cleanup(web.Close)
	secure := httptest.NewTLSServer(healthy())
	t.Cleanup(secure.Close)
	for name, tc := range map[string]struct {
		also []string
		want string // in the evidence; "" passes
	}{
		"up":          {[]string{"db=tcp://" + l.Addr().String()}, ""},
		"down":        {[]string{"db=tcp://" + l.Addr().String(), "cache=tcp://" + strings.TrimPrefix(down.URL, "http://")}, "cache (tcp://127.0.0.1:"},
		"unavailable": {[]string{"api=" + web.URL}, "it answers 503"},
		"certificate": {[]string{"api=tls://" + strings.TrimPrefix(secure.URL, "https://")}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o gather.Options
			for _, text := range tc.also {
				d, err := gather.ParseDependency(text)
				if err != nil {
					t.Fatal(err)
				}
				o.Also = append(o.Also, d)
			}
			r := Judge(examineMore(t, healthy(), o), Judgement{})
			if got := shown(r); (tc.want == "") != (len(r.RootCauses) == 0) || !strings.Contains(got, tc.want) {
				t.Errorf("root causes %q, want %q in\n%s", r.RootCauses, tc.want, got)
			}
		})
	}
	for _, text := range []string{"db", "=tcp://a:1", "db=tcp://a", "db=ftp://a:1", "db=tcp://", "a b=tcp://a:1", "db=:", "\x1b=tcp://a:1"} {
		if d, err := gather.ParseDependency(text); err == nil {
			t.Errorf("%q: %+v", text, d)
		} else if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q", err)
		}
	}
}

func always503() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}
