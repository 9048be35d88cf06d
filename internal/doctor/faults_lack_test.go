package doctor

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// closed ends the connection without an answer.
func closed(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// hanging never answers.
func hanging(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// half ends the connection after 17 of 5000 bytes.
func half(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "5000")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0",`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// stalled sends 17 of 5000 bytes, and no more.
func stalled(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "5000")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0",`)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// accepted answers as if the request were a notification.
func accepted(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusAccepted)
}

// afterHandshake lets m answer each POST but those of the handshake.
func afterHandshake(m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body := bodyOf(r)
		if r.Method == http.MethodPost && r.Header.Get("Origin") != "https://evil.example" && !strings.Contains(body, `"initialize"`) && !strings.Contains(body, "notifications/") {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// onStream answers requests with 202, and sends the answers on the event stream of GET.
func onStream() middleware {
	answers := make(chan string, 100)
	post := afterHandshake(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if strings.Contains(bodyOf(r), `"ping"`) {
			answers <- `{"jsonrpc":"2.0","id":1,"result":{}}`
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet || r.URL.Path != "/mcp" {
			post(w, r, next)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case text := <-answers:
				_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
			case <-r.Context().Done():
				return
			}
		}
	}
}

// connections lets m answer on the connections with these numbers.
func connections(m middleware, numbers ...int) middleware {
	var mu sync.Mutex
	known := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		if known[r.RemoteAddr] == 0 {
			known[r.RemoteAddr] = len(known) + 1
		}
		number := known[r.RemoteAddr]
		mu.Unlock()
		if slices.Contains(numbers, number) {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// TestUnanswered wants one root cause of each server that gives no answer to a request, or
// half of one, and what it is in the headline.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	const ends = "has no answer: the server closed the connection"
	for name, tc := range map[string]struct {
		m        middleware
		id, want string // the root cause, and a part of the headline
	}{
		"tools/list is closed":               {when("tools/list", closed), "tools.list", "tools/list " + ends},
		"tools/list is cut":                  {when("tools/list", half), "tools.list", "tools/list has half an answer: the connection closed after 17 of 5,000 bytes"},
		"tools/list is accepted":             {when("tools/list", accepted), "tools.list", "tools/list has no answer: only the status 202"},
		"an event stream without the answer": {when("tools/list", always(200, "text/event-stream", ": nothing\n\n")), "tools.list", "its event stream ends without one"},
		"initialize is cut":                  {when("initialize", half), "protocol.era", "initialize, with which most clients begin, has half an answer: the connection closed after 17 of 5,000 bytes"},
		"initialize is accepted":             {when("initialize", accepted), "protocol.era", "has no answer: only the status 202"},
		"an older server, accepted":          {both(when("server/discover", rpcError(200, -32601)), when("initialize", accepted)), "http.answer", "initialize has no answer: only the status 202"},
		"all is cut":                         {half, "http.answer", "17 of 5,000 bytes"},
		"all but the handshake is closed":    {afterHandshake(closed), "tools.list", "tools/list " + ends},
		"all but the handshake is cut":       {afterHandshake(half), "tools.list", "17 of 5,000 bytes"},
		"answers on the stream of GET":       {onStream(), "tools.list", "answers come on the event stream of GET, after a 202"},
		"ping is closed":                     {when("ping", closed), "http.latency", "ping " + ends},
		"initialized is closed":              {when("notifications/initialized", closed), "protocol.initialized", "(notifications/initialized) " + ends},
		"one id is closed":                   {when("mcpdiag-1", closed), "protocol.ids", `ping with the id "mcpdiag-1" ` + ends},
		"an unknown method is closed":        {when("mcpdiag/unknown", closed), "protocol.errors", "an unknown method " + ends},
		"an unknown method is accepted":      {when("mcpdiag/unknown", accepted), "protocol.errors", "an unknown method has no answer: only the status 202"},
		"another revision is closed":         {when("2099-01-01", closed), "protocol.versions", ends},
		"another header is closed":           {withHeader(facts.VersionHeader, "1900-01-01", closed), "protocol.version_header", ends},
		"strangers are closed":               {strangers(closed), "session.unknown", ends},
		"an ended session is closed":         {ended(closed), "session.delete", ends},
		"two connections are closed":         {connections(closed, 4, 6), "session.affinity", "2 of 5 new connections get no answer"},
		"GET is closed":                      {onGet(1, closed), "stream.get", "have their connection closed"},
		"listen is closed":                   {listening(closed), "stream.buffered", ends},
		"a call is closed":                   {when("tools/call", closed), "tools.call", "the call of echo " + ends},
		"a call is cut":                      {when("tools/call", half), "tools.call", "the call of echo has half an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Judge(examineWith(t, served(t, tc.m), gather.Options{Call: &gather.Call{Name: "echo"}}), Judgement{})
			if !slices.Equal(r.RootCauses, []string{tc.id}) || !strings.Contains(r.Headline, tc.want) || r.Verdict != Sick {
				t.Errorf("%s, %s, root causes %q\n%s", r.Verdict, r.Headline, r.RootCauses, shown(r))
			}
			wantNoFalseReason(t, r)
		})
	}
}

// wantNoFalseReason wants no check to say that the handshake failed after it succeeded.
func wantNoFalseReason(t *testing.T, r *Result) {
	t.Helper()
	for _, c := range r.Checks {
		if strings.Contains(c.Summary, "the handshake did not succeed") && !slices.Contains(r.RootCauses, "http.answer") {
			t.Errorf("%s: %s", c.ID, c.Summary)
		}
	}
}

// TestReusedConnection asks again where the server closed a connection between two
// requests: the second request says nothing about the server.
func TestReusedConnection(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	requests := map[string]int{}
	r := Judge(examine(t, served(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		requests[r.RemoteAddr]++
		again := requests[r.RemoteAddr] > 1
		mu.Unlock()
		if again && strings.Contains(bodyOf(r), `"tools/list"`) {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}), ""), Judgement{})
	if r.Verdict != Healthy {
		t.Errorf("verdict %s\n%s", r.Verdict, shown(r))
	}
}

// TestStdioUnanswered wants one root cause of each command that ends or hangs at a request.
func TestStdioUnanswered(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const words = "fatal: DATABASE_URL is not set"
	for fault, want := range map[string][2]string{
		"tools/list hangs":                {"tools.list", "tools/list has no answer within "},
		"mcpdiag/unknown hangs":           {"protocol.errors", "an unknown method has no answer within "},
		"prompts/list hangs":              {"protocol.errors", "an unknown method (prompts/list) has no answer within "},
		"ping hangs":                      {"protocol.ids", `ping with the id "mcpdiag-1" has no answer within `},
		"tools/list kills":                {"stdio.start", "the server ended (exit status 1) at tools/list, the first request after the handshake; it said: " + words},
		"notifications/initialized kills": {"stdio.start", "the server ended (exit status 1) at tools/list, the first request after the handshake; it said: " + words},
		"mcpdiag-1 kills":                 {"stdio.start", "the server ended (exit status 1) at ping; it said: " + words},
		"tools/call kills":                {"tools.call", "the call of echo has no answer: the server ended (exit status 1); it said: " + words},
		"io.mcpdiag/padding kills":        {"stdio.big", "the server stops at a message of 128 KiB"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(fault, " hangs") && fault != "tools/list hangs" {
				processtest.NeedsThorough(t) // eight seconds of waiting each
			}
			f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", fault}, Call: &gather.Call{Name: "echo"}})
			r := Judge(f, Judgement{})
			if !slices.Equal(r.RootCauses, want[:1]) || !strings.Contains(r.Headline, want[1]) || r.Verdict != Sick || r.Report().Outcome != finding.Found {
				t.Errorf("%s, %s, root causes %q\n%s", r.Verdict, r.Headline, r.RootCauses, shown(r))
			}
			if c := r.worst(); strings.Contains(c.Hint, "--slow-tool") || strings.Contains(c.Next, "poll") {
				t.Errorf("advice for a server with an address: %s; %s", c.Hint, c.Next)
			}
			if r.Summary[string(finding.Warn)] > 0 {
				t.Errorf("warnings about consequences:\n%s", shown(r))
			}
			wantNoFalseReason(t, r)
		})
	}
}

// A call without an answer in five seconds may be that of a slow tool: it is a warning.
func TestStdioCallHangs(t *testing.T) {
	processtest.NeedsThorough(t) // eight seconds of waiting
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := gather.Command(t.Context(), gather.CommandOptions{Args: []string{self, "stdio-server", "tools/call hangs"}, Call: &gather.Call{Name: "echo"}})
	r := Judge(f, Judgement{})
	if r.Verdict != Degraded || len(r.RootCauses) > 0 || !strings.Contains(shown(r), "warn tools.call: the call of echo has no answer within ") {
		t.Errorf("%s, %s, root causes %q\n%s", r.Verdict, r.Headline, r.RootCauses, shown(r))
	}
}
