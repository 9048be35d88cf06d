package doctor

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
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
	for _, want := range []string{" – SKIP  session    not asked over HTTP+SSE\n", " – SKIP  2 groups   tools, exposure: not asked over HTTP+SSE\n", "session 5, stream 4, tools 9 (not asked over"} {
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

// TestBuffering checks that an event on an open stream proves that events pass at once. Without an
// event the check is listed as not done. HTTP+SSE begins with an event.
func TestBuffering(t *testing.T) {
	t.Parallel()
	legacy := when("server/discover", always(400, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`))
	greets := onGet(1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("id: 1\ndata:\n\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	silent := onGet(1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for name, c := range map[string]struct {
		m    middleware
		want finding.Severity
	}{
		"silent":   {both(legacy, silent), finding.Skip},
		"greets":   {both(legacy, greets), finding.Pass},
		"HTTP+SSE": {streamFaults()["stream.oldsse"], finding.Pass},
	} {
		r := Judge(examine(t, served(t, c.m), ""), Judgement{})
		i := slices.IndexFunc(r.Checks, func(c rules.Check) bool { return c.ID == "stream.buffered" })
		unseen := strings.Contains(strings.Join(r.NotChecked, "; "), "stream 1 (not visible: no event came on an open stream)")
		if got := r.Checks[i].Severity; got != c.want || unseen != (c.want == finding.Skip) {
			t.Errorf("%s: %s, %q", name, got, r.NotChecked)
		}
	}
}

// TestNotChecked counts by group what was not looked at; where that takes more than two
// lines, the checks alone.
func TestNotChecked(t *testing.T) {
	t.Parallel()
	r := &Result{Checks: []rules.Check{
		{Finding: finding.Finding{ID: "http.a", Group: "http"}},
		{Finding: finding.Finding{ID: "http.b", Group: "http", Severity: finding.Skip, Summary: "not asked: x"}, Unasked: true},
		{Finding: finding.Finding{ID: "tools.a", Group: "tools", Severity: finding.Skip}, Unasked: true, CausedBy: "session.affinity"},
		{Finding: finding.Finding{ID: "auth.a", Group: "auth", Severity: finding.Skip, Summary: "the server wants no token"}},
	}}
	r.notChecked(&facts.Facts{})
	if want := []string{"tools 1 (because of session.affinity)", "http 1 (not asked: x)"}; !slices.Equal(r.NotChecked[:2], want) || len(r.NotChecked) != 5 {
		t.Errorf("%q", r.NotChecked)
	}
	for id, want := range map[string]string{
		"http.gateway": `\nNot checked: [0-9]+ checks \(because of http.gateway\); tool calls \(--call,\n--slow-tool\); idle streams \(--deep\); load \(mcpdiag loadtest\).\n`,
		"stream.get":   `\nNot checked: stream [0-9]+ \(because of stream.get\); tool calls \(--call, --slow-tool\);\nidle streams \(--deep\); load \(mcpdiag loadtest\).\n`,
	} {
		f := examine(t, faults()[id](t), "")
		if text := textOf(t, Judge(f, Judgement{Width: 80})); !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s: no %q in\n%s", id, want, text)
		}
		if text := textOf(t, Judge(f, Judgement{FrontEnd: rules.Tools})); strings.Contains(text, "--") || strings.Contains(text, "mcpdiag loadtest") {
			t.Errorf("flags in the text for a caller of tools:\n%s", text)
		}
	}
}

// TestWidth wants lines that fit, whole addresses, and one line for all groups that were
// skipped for one reason.
func TestWidth(t *testing.T) {
	t.Parallel()
	f := examine(t, faults()["http.gateway"](t), "")
	f.Target = "http://" + strings.Repeat("long", 30) + ".example/mcp"
	for _, width := range []int{1, 60, 80, 100, 120, 400} {
		how := Judgement{Width: width}
		text := textOf(t, Judge(f, how))
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); report.Width(line) > how.width() && strings.Contains(line, " ") {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		if !strings.Contains(text, f.Target) || strings.Count(text, "SKIP") != 1 {
			t.Errorf("%d columns:\n%s", width, text)
		}
	}
	if all := textOf(t, Judge(f, Judgement{Verbose: true})); !regexp.MustCompile(`Not checked: auth [0-9]+, exposure 3, http`).MatchString(all) {
		t.Error(all)
	}
}

// TestVerdictStaysInSight repeats the verdict below a page that is higher than the terminal.
func TestVerdictStaysInSight(t *testing.T) {
	t.Parallel()
	f := examine(t, faults()["session.affinity"](t), "")
	page := textOf(t, Judge(f, Judgement{Width: 80}))
	lines := strings.Count(page, "\n")
	_, rest, _ := strings.Cut(page, "\n\n")
	headline, _, _ := strings.Cut(rest, "\n\n")
	verdict := "\n" + headline + "\n"
	for height, want := range map[int]string{lines - 5: page + verdict, lines: page + verdict, lines + 1: page, 0: page} {
		if text := textOf(t, Judge(f, Judgement{Width: 80, Height: height})); text != want {
			t.Errorf("%d lines in a terminal of %d:\n%s", lines, height, text)
		}
	}
}

// TestPassed says of which groups checks passed.
func TestPassed(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, faults()["http.gateway"](t), ""), Judgement{})
	if want := `\n[0-9]+ checks passed: network [0-9]+, limits 1, http [0-9]+\n`; !regexp.MustCompile(want).MatchString(textOf(t, r)) {
		t.Errorf("no %q in\n%s", want, textOf(t, r))
	}
}

// TestWebPages says what a web page is for.
func TestWebPages(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"<title>Sign in - Acme</title><form>":    `the answer is a login page ("Sign in - Acme"), not MCP`,
		"<html><input type=\"password\"></html>": "the answer is a login page, not MCP",
		"<title>Welcome to nginx!</title>":       `the answer is a web page ("Welcome to nginx!"), not MCP`,
		"<html>blogin</html>":                    "the answer is a web page, not MCP",
	} {
		o := rules.JudgeWebPage(&facts.Exchange{URL: "https://a.example/mcp", Body: body})
		if o.Summary != want || !strings.Contains(o.Hint, " /mcp ") && !strings.Contains(o.Hint, " /mcp:") {
			t.Errorf("%s: %q, %q", body, o.Summary, o.Hint)
		}
	}
}

// TestLongAnswers judges a call that takes long.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		x    facts.Exchange
		want string
	}{
		{facts.Exchange{}, "skip no call"},
		{facts.Exchange{Status: 504, Timing: facts.Millis{Total: 60_100}}, "warn a call is cut off after 60 s, a usual limit of nginx"},
		{facts.Exchange{Failed: "connection reset", Timing: facts.Millis{Total: 42_000}}, "warn a call is cut off after 42 s"},
		{facts.Exchange{Failed: "no answer within 5m", Timing: facts.Millis{Total: 300_000}}, "skip the call did not"},
		{facts.Exchange{Status: 200, Message: &facts.Message{Result: []byte("{}")}, Timing: facts.Millis{Total: 9_000}}, "pass an answer after 9 s"},
	} {
		f := &facts.Facts{}
		if tc.x.Timing.Total > 0 {
			tc.x.Probe, tc.x.Method = "slow call", http.MethodPost
			f.Exchanges = []*facts.Exchange{&tc.x}
		}
		o := rules.JudgeLong(f)
		if got := string(o.Severity) + " " + o.Summary; !strings.HasPrefix(got, tc.want) {
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
		if got := report.CutWords(in, 18); got != want {
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
		problems := slices.DeleteFunc(slices.Clone(r.Checks), func(c rules.Check) bool { return c.Severity.Compare(finding.Warn) < 0 })
		if len(problems) != 1 || problems[0].ID != want {
			t.Errorf("want %s only:\n%s", want, shown(r))
		}
		if missed := "(because of " + want + ")"; !strings.Contains(strings.Join(r.NotChecked, "; "), missed) {
			t.Errorf("no %q in %q", missed, r.NotChecked)
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
	case strings.Contains(body, `"id":1,"method":"ping"`) && r.Header.Get("Origin") == "" && r.Header.Get(facts.VersionHeader) == facts.Legacy:
		always(200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`)(w, r, next)
	default:
		next.ServeHTTP(w, r)
	}
}

// TestHeadlineStops names the fault that stops clients before a risk, whatever their order in
// the table is.
func TestHeadlineStops(t *testing.T) {
	t.Parallel()
	r := Judge(examine(t, served(t, both(httpFaults()["http.rebinding"], toolFaults()["tools.list"])), ""), Judgement{})
	if !slices.Equal(r.RootCauses, []string{"tools.list", "http.rebinding"}) || !strings.Contains(r.Headline, r.worst().Summary) || r.worst().ID != "tools.list" {
		t.Errorf("root causes %q, %s", r.RootCauses, r.Headline)
	}
}

// TestNothingPassed calls no selection healthy in which no check passed.
func TestNothingPassed(t *testing.T) {
	t.Parallel()
	quick := examineWith(t, served(t, nil), gather.Options{Quick: true})
	for _, x := range quick.Exchanges {
		x.Reused = false // each answer closed its connection
	}
	r := Judge(quick, Judgement{Only: []string{"http.keepalive"}})
	text := textOf(t, r)
	if r.Verdict != NotChecked || !strings.Contains(text, "· INFO  http       each answer closes its connection\n") || strings.Contains(text, "passed:") || r.Report().Outcome != finding.Clean {
		t.Errorf("%s: %s\n%s", r.Verdict, r.Headline, text)
	}
	if r := Judge(quick, Judgement{Only: []string{"session.affinity"}}); r.Verdict != NotChecked || r.Summary[string(finding.Skip)] != 1 {
		t.Errorf("without a new connection: %s, %v", r.Verdict, r.Checks)
	}
}
