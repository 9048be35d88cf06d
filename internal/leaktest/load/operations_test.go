package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// What is kept per call names the tool: a leak of one tool says nothing about the others.
func TestPerTool(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, tool, want string }{
		{judge.Everyday, "echo", "call of echo"},
		{"closed-after-call", "echo", "session with a call of echo"},
		{"modern-call", "echo", "stateless call of echo"},
		{"call", "", "tools/list"},
		{"call", "a\x1b[2J\n" + strings.Repeat("b", 99), `call of a\x1b[2J\n` + strings.Repeat("b", 49) + "…"},
		{"failed-call", "echo", "failed call"},
		{"closed", "echo", "session closed with DELETE"},
	} {
		found, err := Find([]string{test.id})
		if err != nil {
			t.Fatal(err)
		}
		if got := found[0].PerTool(test.tool); got != test.want {
			t.Errorf("%s of %q: got %q, want %q", test.id, test.tool, got, test.want)
		}
	}
}

// Operations name only operations, and by default abandoned sessions are tried too.
func TestOperations(t *testing.T) {
	t.Parallel()
	for _, op := range Operations() {
		for _, ids := range [][]string{op.Parts, op.ComposedOf} {
			if len(ids) == 0 {
				continue
			}
			if _, err := Find(ids); err != nil {
				t.Errorf("%s: %v", op.ID, err)
			}
		}
		if op.do == nil || op.Per == "" || op.Does == "" {
			t.Errorf("%s is not whole", op.ID)
		}
	}
	found, err := Find(nil)
	if err != nil || len(found) != 2 || found[0].ID != judge.Everyday || found[1].ID != "abandoned" || !found[1].Has(Unasked) {
		t.Errorf("%v, %+v", err, found)
	}
	if named, _ := Find([]string{"abandoned"}); named[0].Has(Unasked) {
		t.Error("a named load is not skipped in silence")
	}
	if parts := PartsOf(&Operation{Parts: []string{"closed", "call"}}, []Operation{{ID: "call"}}); len(parts) != 1 || parts[0].ID != "closed" {
		t.Errorf("%+v", parts)
	}
	if _, err := Find([]string{"nope"}); err == nil || !strings.Contains(err.Error(), `there is no factor "nope"`) {
		t.Error(err)
	}
}

// A round has the latencies of all its batches, not only those of the last one.
func TestLatencyOfAllBatches(t *testing.T) {
	t.Parallel()
	wave := func(d time.Duration, n int) *Batch {
		var b Batch
		for range n {
			b.record(d, nil, false)
		}
		return &b
	}
	var round Batch
	round.Add(wave(10*time.Millisecond, 60))
	round.Add(wave(200*time.Millisecond, 30))
	round.Add(wave(1*time.Millisecond, 10))
	got := round.Latency()
	for name, c := range map[string]struct{ got, want float64 }{"p50": {got.P50, 10}, "p90": {got.P90, 200}, "max": {got.Max, 200}} {
		if c.got < c.want*0.999 || c.got > c.want*1.001 {
			t.Errorf("%s is %v ms, want %v", name, c.got, c.want)
		}
	}
	if round.Done != 100 {
		t.Errorf("%d operations, want 100", round.Done)
	}
	if l := (&Batch{}).Latency(); l != nil {
		t.Errorf("no operations: %+v", l)
	}
}

// TestLargeEvent: the load takes messages as large as --max-body allows.
func TestLargeEvent(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		result := `{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"large","version":"1"}}`
		if m.Method == "tools/list" {
			result = `{"tools":[{"name":"echo","inputSchema":{"type":"object"},"description":"` + strings.Repeat("x", 17<<20) + `"}]}`
		}
		if m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", m.ID, result)
	}))
	defer srv.Close()
	c, err := client.New(client.Config{MaxBody: 64 << 20, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Config{Client: c, URL: address, Protocol: mcp.Legacy})
	if err != nil || len(l.Tools()) != 1 {
		t.Fatalf("%v, %v", l, err)
	}
}

// An example of an error stands beside its kind and does not repeat it.
func TestExamples(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err        error
		kind, want string
	}{
		"JSON-RPC":          {fmt.Errorf("calling echo: %w", &mcp.RPCError{Code: -32602, Message: "no such tool"}), protocol, "-32602: no such tool"},
		"isError":           {&toolError{"disk full"}, ToolError, "disk full"},
		"isError, no text":  {&toolError{}, ToolError, "a result without text"},
		"status":            {&client.StatusError{Code: 500, Status: "500 Internal Server Error"}, status, "the server answered 500 Internal Server Error"},
		"status and detail": {&client.StatusError{Code: 429, Status: "429 Too Many Requests", Detail: &mcp.RPCError{Code: 1, Message: "slow down"}}, Refused, "the server answered 429 Too Many Requests (JSON-RPC error 1: slow down); the server limits the rate"},
		"none":              {errors.New("connection reset"), noAnswer, "connection reset"},
	} {
		var b Batch
		b.record(0, c.err, false)
		if b.Errors[c.kind] != c.want {
			t.Errorf("%s: %q, want %s: %s", name, b.Errors, c.kind, c.want)
		}
	}
}

// TestStreamsLeftOpen: a server that does not end the streams of its answers is tested as others are.
func TestStreamsLeftOpen(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		if m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Mcp-Session-Id", "session-1")
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n"+
			`data: {"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"},"tools":[]}}`+"\n\n", m.ID)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	c, err := client.New(client.Config{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Open(t.Context(), Config{Client: c, URL: address, Protocol: "2025-11-25", Users: 1}); err != nil || !l.sessions {
		t.Errorf("%+v, %v", l, err)
	}
}

// A server need not let its clients end sessions. The everyday load abandons none there: what
// the server holds until they expire would look like a leak.
func TestSessionsThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	for status, ended := range map[int]bool{http.StatusMethodNotAllowed: false, http.StatusNotFound: false, http.StatusInternalServerError: false, http.StatusNoContent: true} {
		var sessions atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var m struct {
				ID     json.RawMessage
				Method string
			}
			_ = json.NewDecoder(r.Body).Decode(&m)
			result := `{"content":[]}`
			switch {
			case r.Method == http.MethodDelete:
				w.WriteHeader(status)
				return
			case m.Method == "initialize":
				w.Header().Set("Mcp-Session-Id", fmt.Sprint(sessions.Add(1)))
				result = `{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}`
			case m.Method == "tools/list":
				result = `{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
			case m.ID == nil:
				w.WriteHeader(http.StatusAccepted)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
		}))
		defer srv.Close()
		c, err := client.New(client.Config{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		address, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(t.Context(), Config{Client: c, URL: address, Protocol: "2025-11-25", Users: 4})
		if err != nil {
			t.Fatalf("DELETE is answered with %d: %v", status, err)
		}
		found, _ := Find([]string{judge.Everyday, "closed", "closed-after-call", "closed-after-failure", "abandoned"})
		before := sessions.Load()
		b := l.Run(t.Context(), &found[0], 40)
		if opened := sessions.Load() - before; b.Done != 40 || b.Failed > 0 || (opened > 8) != ended || (b.Sessions > 0) != ended || b.Discovers == 0 {
			t.Errorf("DELETE is answered with %d: %d sessions, %+v", status, opened, b)
		}
		for _, op := range found[1:4] {
			if why := l.Applies(&op); (why == "") != ended || !ended && !strings.Contains(why, fmt.Sprintf("answers DELETE with %d", status)) {
				t.Errorf("%s, and DELETE is answered with %d: %q", op.ID, status, why)
			}
		}
		if why := l.Applies(&found[4]); why != "" || (len(l.Warnings()) == 0) != ended {
			t.Errorf("%q, warnings %q", why, l.Warnings())
		}
	}
}
