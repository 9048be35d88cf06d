package doctor

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// textOf returns the page of r.
func textOf(t *testing.T, r *Result) string {
	t.Helper()
	var text bytes.Buffer
	if err := r.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestOldSSE examines a server that speaks only HTTP+SSE.
func TestOldSSE(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, served(t, streamFaults()["stream.oldsse"]), ""), Judgement{})
	text := textOf(t, r)
	for _, want := range []string{" – SKIP  session    not asked over HTTP+SSE\n", " – SKIP  tools      not asked over HTTP+SSE\n", "session, part of stream, tools (not asked over HTTP+SSE)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); strings.Contains(line, "✓ OK") && len(fields) < 4 {
			t.Errorf("an empty line: %q", line)
		}
	}
}

// TestNotCheckedInPart names the groups of which a part was not looked at.
func TestNotCheckedInPart(t *testing.T) {
	t.Parallel()
	r := &Result{}
	r.NotChecked = notChecked(&Facts{}, []Check{
		{Finding: finding.Finding{ID: "http.a", Group: "http"}},
		{Finding: finding.Finding{ID: "http.b", Group: "http", Severity: finding.Skip, Summary: "not asked: x"}, unasked: true},
		{Finding: finding.Finding{ID: "tools.a", Group: "tools", Severity: finding.Skip}, unasked: true, CausedBy: "session.affinity"},
		{Finding: finding.Finding{ID: "auth.a", Group: "auth", Severity: finding.Skip, Summary: "the server wants no token"}},
	})
	if want := []string{"tools (because of session.affinity)", "part of http (not asked: x)"}; !slices.Equal(r.NotChecked[:2], want) || len(r.NotChecked) != 5 {
		t.Errorf("%q", r.NotChecked)
	}
}

// TestLongAnswers judges a call that takes long.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		x    Exchange
		want string
	}{
		{Exchange{}, "skip no call"},
		{Exchange{Status: 504, Timing: Millis{Total: 60_100}}, "warn a call is cut off after 60 s, a usual limit of nginx"},
		{Exchange{Failed: "connection reset", Timing: Millis{Total: 42_000}}, "warn a call is cut off after 42 s"},
		{Exchange{Failed: "no answer within 5m", Timing: Millis{Total: 300_000}}, "skip the call did not"},
		{Exchange{Status: 200, Message: &Message{Result: []byte("{}")}, Timing: Millis{Total: 9_000}}, "pass an answer after 9 s"},
	} {
		f := &Facts{}
		if tc.x.Timing.Total > 0 {
			tc.x.Probe, tc.x.Method = "slow call", http.MethodPost
			f.Exchanges = []*Exchange{&tc.x}
		}
		o := judgeLong(f)
		if got := string(o.severity) + " " + o.summary; !strings.HasPrefix(got, tc.want) {
			t.Errorf("%+v: %s, want %s", tc.x, got, tc.want)
		}
	}
}

func TestCutWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"short":                     "short",
		"a sentence that is longer": "a sentence that…",
		"one, two, three, four":     "one, two, three…",
		strings.Repeat("x", 30):     strings.Repeat("x", 17) + "…",
	} {
		if got := cutWords(in, 18); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestOneCauseOfLostSessions has servers that answer unknown and ended sessions alike.
func TestOneCauseOfLostSessions(t *testing.T) {
	t.Parallel()
	lost := rpcError(400, -32000)
	for want, m := range map[string]middleware{"session.delete": both(strangers(lost), ended(lost)), "session.unknown": stateless} {
		r := Judge(examine(t, served(t, m), ""), Judgement{})
		problems := slices.DeleteFunc(slices.Clone(r.Checks), func(c Check) bool { return c.Severity.Compare(finding.Warn) < 0 })
		if len(problems) != 1 || problems[0].ID != want {
			t.Errorf("want %s only:\n%s", want, shown(r))
		}
	}
}

// both lets a and then b have a look at each request.
func both(a, b middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b(w, r, next) }))
	}
}

// stateless gives session ids and accepts all.
func stateless(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body := bodyOf(r)
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case strings.Contains(body, `"id":1,"method":"ping"`) && r.Header.Get("Origin") == "" && r.Header.Get(versionHeader) == legacy:
		always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`)(w, r, next)
	default:
		next.ServeHTTP(w, r)
	}
}
