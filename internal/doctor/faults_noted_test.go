package doctor

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// hurried is a hop that waits so long for the answer to a call.
func hurried(wait time.Duration, m middleware) middleware {
	return when("tools/call", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		m(w, r, next)
	})
}

// batches answers arrays of messages with m.
func batches(m middleware) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(bodyOf(r), "[") {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// older is a server whose newest revision is that of March 2025.
func older(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body := bytes.ReplaceAll([]byte(bodyOf(r)), []byte(facts.Legacy), []byte("2025-03-26"))
	r.Body = http.NoBody
	again := r.Clone(r.Context())
	again.Body, again.ContentLength = readAgain{bytes.NewReader(body)}, int64(len(body))
	if again.Header.Get(facts.VersionHeader) == facts.Modern {
		rpcError(400, -32600)(w, r, next)
		return
	}
	next.ServeHTTP(w, again)
}

// readAgain is a body that was read before.
type readAgain struct{ *bytes.Reader }

func (readAgain) Close() error { return nil }

// TestNoted has checks that do not fail: a server that they have something to say
// about, and its twin. None of these servers fails another check.
func TestNoted(t *testing.T) {
	t.Parallel()
	quiet := newLab()
	delete(quiet.server, "authorization_response_iss_parameter_supported")
	slow := gather.Options{SlowTool: "search"}
	for name, tc := range map[string]struct {
		m       middleware
		server  http.Handler // instead of the healthy one
		options gather.Options
		id      string
		want    string // severity and the beginning of the summary
	}{
		"batches":                  {id: "protocol.batch", m: batches(always(200, "application/json", `[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]`)), want: "info batches are accepted, which 2025-06-18 removed"},
		"no batches":               {id: "protocol.batch", m: batches(rpcError(400, -32600)), want: "pass batches are refused (400)"},
		"batches, when they were":  {id: "protocol.batch", m: older, want: "info batches are part of 2025-03-26"},
		"errors with status 200":   {id: "protocol.error200", m: when("prompts/list", rpcError(200, -32603)), want: "info some answers have the status 200 and an error: -32603 (internal error)"},
		"a limit with status 200":  {id: "protocol.error200", m: when("resources/list", rpcError(200, -32001)), want: "info some answers have the status 200 and an error: -32001 (no such session)"},
		"errors with their status": {id: "protocol.error200", m: both(when("prompts/list", rpcError(400, -32601)), when("resources/list", rpcError(400, -32601))), want: "pass none"},
		"no issuer in the answer":  {id: "auth.iss_param", m: quiet.serve, want: "info http://127.0.0.1"},
		"an issuer in the answer":  {id: "auth.iss_param", m: newLab().serve, want: "pass it does"},
		"a gateway gives up":       {id: "stream.long", server: slowDemo(), options: slow, m: hurried(450*time.Millisecond, always(504, "text/html", "gateway time-out")), want: "warn a call is cut off after"},
		"a connection is cut":      {id: "stream.long", server: slowDemo(), options: slow, m: hurried(450*time.Millisecond, httpFaults()["http.answer"]), want: "warn a call is cut off after"},
		"the tool fails":           {id: "stream.long", server: slowDemo(), options: slow, m: when("tools/call", rpcError(200, -32603)), want: "skip the call did not succeed"},
		"a call arrives":           {id: "stream.long", server: slowDemo(), options: slow, want: "pass an answer after 1 s arrives"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := tc.server
			if next == nil {
				next = healthy()
			}
			r := Judge(examineMore(t, through(tc.m, next), tc.options), Judgement{})
			i := slices.IndexFunc(r.Checks, func(c rules.Check) bool { return c.ID == tc.id })
			if got := string(r.Checks[i].Severity) + " " + r.Checks[i].Summary; !strings.HasPrefix(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if r.Summary[string(finding.Fail)] > 0 {
				t.Errorf("root causes %q\n%s", r.RootCauses, shown(r))
			}
		})
	}
}
