package doctor

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// examine gathers the facts of a server. A token is sent where it is not empty.
func examine(t *testing.T, target, token string) *facts.Facts {
	t.Helper()
	return examineWithin(t, target, token, deadlineOfTests)
}

func examineWithin(t *testing.T, target, token string, deadline time.Duration) *facts.Facts {
	t.Helper()
	o := withToken(token)
	o.Deadline = deadline
	return examineWith(t, target, o)
}

func withToken(token string) gather.Options {
	if token == "" {
		return gather.Options{}
	}
	return gather.Options{Credentials: true, Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// deadlineOfTests is longer than that of users: a busy machine may not end in ten seconds.
const deadlineOfTests = 3 * gather.DefaultDeadline

// holdOfTests is how long tests watch an event stream.
const holdOfTests = 200 * time.Millisecond

func examineWith(t *testing.T, target string, o gather.Options) *facts.Facts {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	if o.Deadline == 0 {
		o.Deadline = deadlineOfTests
	}
	cfg := client.Config{Timeout: 15 * time.Second, Origins: []*url.URL{u}, Header: o.Header}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	o.Target, o.Client, o.TLS, o.Hold = u, c, &tls.Config{MinVersion: tls.VersionTLS12}, max(o.Hold, holdOfTests)
	return gather.Server(t.Context(), o)
}

// shown returns the failures and warnings of r for a message.
func shown(r *Result) string {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Severity == finding.Fail || c.Severity == finding.Warn {
			b.WriteString(string(c.Severity) + " " + c.ID + ": " + c.Summary + "\n")
			for _, e := range c.Evidence {
				b.WriteString("    " + e.Source + " " + e.Text + "\n")
			}
		}
	}
	return b.String()
}

// applying counts the rules about the transport of a server.
func applying(f *facts.Facts) int {
	n := 0
	for _, r := range rules.Table() {
		if r.Applies(f) {
			n++
		}
	}
	return n
}

// TestFaults wants exactly one failure of each faulty server: its own.
func TestFaults(t *testing.T) {
	t.Parallel()
	for id, start := range faults() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			token := ""
			switch id {
			case "auth.token_works":
				token = "wrong"
			case "auth.header_mistakes":
				token = `"right"`
			}
			o := withToken(token)
			if id == "tools.call" {
				o.Call = &gather.Call{Name: "echo"}
			}
			o.ExpectAuth = id == "auth.open"
			if rules.Group(id) == "stream" { // a busy machine must open the stream in time
				o.Hold = 3 * holdOfTests
			}
			f := examineWith(t, start(t), o)
			wantNoFlags(t, f)
			r := Judge(f, Judgement{})
			if !slices.Equal(r.RootCauses, []string{id}) {
				t.Errorf("root causes %q, want only %s\n%s", r.RootCauses, id, shown(r))
			}
			want := Sick
			if rules.Group(id) == "network" || id == "http.answer" {
				want = Unreachable
			}
			if r.Verdict != want || r.Report().Outcome != finding.Found {
				t.Errorf("verdict %s, want %s", r.Verdict, want)
			}
		})
	}
}

// wantNoFlags wants no flag of the command line in texts for a caller of tools.
func wantNoFlags(t *testing.T, f *facts.Facts) {
	t.Helper()
	for _, c := range Judge(f, Judgement{FrontEnd: rules.Tools}).Checks {
		if text := c.Summary + "; " + c.Hint + "; " + c.Next; strings.Contains(text, " --") || strings.Contains(text, "(--") {
			t.Errorf("%s: %s", c.ID, text)
		}
	}
}

// TestEveryFailureHasAFault lists the checks that can fail without a faulty server.
func TestEveryFailureHasAFault(t *testing.T) {
	t.Parallel()
	known := faults()
	for _, r := range rules.Table() {
		_, ok := known[r.ID]
		for _, fault := range behaviourFaults {
			ok = ok || fault.want[r.ID] == finding.Fail
		}
		for _, server := range timedServers() {
			ok = ok || server.sick == r.ID
		}
		if r.Fails && !ok && !slices.Contains(stdioFaults(), r.ID) && r.ID != "also.reach" { // TestAlso
			t.Errorf("%s can fail, but no faulty server shows it", r.ID)
		}
	}
}

// TestNeedsComeFirst wants each rule after those that it needs, each id once.
func TestNeedsComeFirst(t *testing.T) {
	t.Parallel()
	var before []string
	for _, r := range rules.Table() {
		for _, need := range r.Needs {
			if !slices.ContainsFunc(before, func(id string) bool { return id == need || rules.Group(id) == need }) {
				t.Errorf("%s needs %s, which is not before it", r.ID, need)
			}
		}
		if slices.Contains(before, r.ID) {
			t.Errorf("%s is in the table twice", r.ID)
		}
		before = append(before, r.ID)
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	f := examine(t, served(t, nil), "")
	r := Judge(f, Judgement{})
	if r.Verdict != Healthy || len(r.RootCauses) > 0 {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
	if len(r.Checks) != applying(f) {
		t.Errorf("%d results of %d rules", len(r.Checks), applying(f))
	}
}

// TestHangingServer names a server that accepts connections and does not answer.
func TestHangingServer(t *testing.T) {
	t.Parallel()
	f := &facts.Facts{Target: "http://127.0.0.1:3000/mcp", Loopback: true, Exchanges: []*facts.Exchange{
		{Probe: "initialize", Method: http.MethodPost, Failed: "no answer within 10s (waiting for the answer)", Timing: facts.Millis{Total: 5000}},
	}}
	f.Network.Literal, f.Network.Addresses = true, []facts.Address{{Address: "127.0.0.1:3000", Outcome: facts.OutcomeOK}}
	r := Judge(f, Judgement{})
	if !slices.Equal(r.RootCauses, []string{"http.answer"}) || !strings.Contains(r.Headline, "no answer in 5 s") {
		t.Errorf("%s\n%s", r.Headline, shown(r))
	}
}

// TestOfferedLogin examines a server that works without a token and offers a login.
func TestOfferedLogin(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="optional"`)
		next.ServeHTTP(w, r)
	}), ""), Judgement{})
	if r.Verdict != Healthy {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
}

// TestProtectedIsNotSick examines a server that wants a token, gets none, and does
// not say how to get one.
func TestProtectedIsNotSick(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, served(t, httpFaults()["auth.token_works"]), ""), Judgement{})
	if r.Verdict != Degraded || r.worst().ID != "auth.challenge" || r.Report().Outcome != finding.Clean {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
	right := Judge(examine(t, served(t, httpFaults()["auth.token_works"]), "right"), Judgement{})
	if right.Verdict != Healthy {
		t.Errorf("with the right token: verdict %s\n%s", right.Verdict, shown(right))
	}
}

// counter counts the requests of a server by method.
type counter struct {
	mu       sync.Mutex
	requests int
	calls    int
	token    bool
}

func (c *counter) middleware(next middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		body := bodyOf(r)
		c.mu.Lock()
		c.requests++
		if strings.Contains(body, "tools/call") {
			c.calls++
		}
		c.token = c.token || r.Header.Get("Authorization") != ""
		c.mu.Unlock()
		if next == nil {
			h.ServeHTTP(w, r)
			return
		}
		next(w, r, h)
	}
}

// TestBudget counts the requests at the server.
func TestBudget(t *testing.T) {
	t.Parallel()
	c := &counter{}
	f := examine(t, served(t, c.middleware(nil)), "")
	if c.requests > gather.MaxRequests || c.requests != len(f.Exchanges) || c.calls > 0 {
		t.Errorf("%d requests at the server, %d recorded, %d tool calls", c.requests, len(f.Exchanges), c.calls)
	}
	if f.Sessions == 0 || f.Ended != f.Sessions {
		t.Errorf("%d of %d sessions ended", f.Ended, f.Sessions)
	}
	t.Logf("%d requests, %d sessions, %.1f s", c.requests, f.Sessions, f.Seconds)
}

// TestLimitedAtOnce sends one request to a server that limits the rate.
func TestLimitedAtOnce(t *testing.T) {
	t.Parallel()
	c := &counter{}
	examine(t, served(t, c.middleware(httpFaults()["limits.hit"])), "")
	if c.requests != 1 {
		t.Errorf("%d requests after a 429, want 1", c.requests)
	}
}

// TestReplay judges facts that went through a file like those in memory.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"http.path", "http.rebinding", "network.tcp"} {
		f := examine(t, faults()[id](t), "")
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var again facts.Facts
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if r := Judge(&again, Judgement{}); !slices.Equal(r.RootCauses, []string{id}) {
			t.Errorf("root causes of the replay of %s: %q", id, r.RootCauses)
		}
	}
}

// FuzzJudge wants a result of each rule for any facts.
func FuzzJudge(f *testing.F) {
	f.Add([]byte(`{"target":"https://a/mcp","exchanges":[null,{"probe":"initialize","method":"POST","status":200,"message":{"result":[]}}]}`))
	f.Add([]byte(`{"target":":","network":{"tls":[{}],"addresses":[{}]},"exchanges":[{"probe":"discover","method":"POST","status":404},{"probe":"latency","status":200},{"probe":"latency","status":200}]}`))
	f.Add([]byte(`{"exchanges":[{"probe":"initialize","method":"POST","status":200,"header":{"Content-Type":["application/json"]},"message":{"result":{"protocolVersion":1,"capabilities":[]}}}]}`))
	f.Add([]byte(`{"stdio":{"answered":true},"exchanges":[{"probe":"initialize","method":"stdio","status":200,"message":{"result":{"capabilities":{"tools":{}}}}}],"tools":{"tools":[{"inputSchema":{"type":"object","$ref":"#/a"}}]}}`))
	f.Add([]byte(`{"credentials":true,"auth":{"resource":{"authorization_servers":[":"]},"servers":[{}]},"exchanges":[{"probe":"anonymous","method":"POST","status":401},{"probe":"initialize","method":"POST","status":401,"header":{"Ratelimit":[";r=1"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var facts facts.Facts
		if json.Unmarshal(data, &facts) != nil {
			return
		}
		r := Judge(&facts, Judgement{Verbose: true, Curl: true})
		if len(r.Checks) != applying(&facts) {
			t.Errorf("%d results of %d rules", len(r.Checks), applying(&facts))
		}
		for _, c := range r.Checks {
			if c.Severity == "" || c.Summary == "" {
				t.Errorf("%s has the severity %q and the summary %q", c.ID, c.Severity, c.Summary)
			}
		}
	})
}

// The threshold of --fail-on holds for the exit code and for the JUnit report alike.
func TestFailOn(t *testing.T) {
	t.Parallel()
	for threshold, want := range map[finding.Severity]struct {
		outcome  finding.Outcome
		failures string
	}{finding.Fail: {finding.Found, `failures="1"`}, finding.Warn: {finding.Found, `failures="2"`}, finding.Never: {finding.Clean, `failures="0"`}} {
		r := &Result{how: Judgement{FailOn: threshold}}
		for _, s := range []finding.Severity{finding.Fail, finding.Warn, finding.Skip, finding.Pass} {
			r.Checks = append(r.Checks, rules.Check{Finding: finding.Finding{ID: "http." + string(s), Severity: s}})
		}
		var b strings.Builder
		if err := r.Report().JUnit(&b); err != nil {
			t.Fatal(err)
		}
		if got := r.Report().Outcome; got != want.outcome || !strings.Contains(b.String(), want.failures) {
			t.Errorf("%s: outcome %d, want %+v:\n%s", threshold, got, want, b.String())
		}
	}
}
