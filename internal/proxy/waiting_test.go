package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// stack returns the names of the requests in flight.
func stack(d *Document) string {
	names := make([]string, len(d.ToolCallStack))
	for i, c := range d.ToolCallStack {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}

// TestInFlightOnPipe: on one connection, as on standard streams, a request shows
// until it is answered or cancelled, whatever else the two sides send.
func TestInFlightOnPipe(t *testing.T) {
	t.Parallel()
	const list, prompt, call = `{"id":1,"method":"tools/list"}`, `{"id":2,"method":"prompts/get"}`, `{"id":"a","method":"tools/call","params":{"name":"t"}}`
	for name, c := range map[string]struct{ sent, received, want string }{
		"never answered":             {list + "\n" + prompt + "\n" + call, "", "tools/list prompts/get t"},
		"batch":                      {"[" + list + "," + prompt + "," + call + "]", "", "tools/list prompts/get t"},
		"batch, one answered":        {"[" + list + "," + prompt + "," + call + "]", `{"id":2,"result":{}}`, "tools/list t"},
		"batch of answers":           {"[" + list + "," + prompt + "," + call + "]", `[{"id":2,"result":{}},{"id":"a","error":{"code":1}}]`, "tools/list"},
		"notification":               {`{"method":"notifications/initialized"}` + "\n" + `{"id":null,"method":"ping"}`, "", ""},
		"answer of the client":       {`{"id":1,"result":{}}`, "", ""},
		"request of the server":      {list, `{"id":1,"method":"ping"}`, "tools/list"},
		"progress":                   {list, `{"method":"notifications/progress","params":{"progressToken":1}}`, "tools/list"},
		"cancelled":                  {list + "\n" + call + "\n" + `{"method":"notifications/cancelled","params":{"requestId":"a"}}`, "", "tools/list"},
		"cancelled, then answered":   {call + "\n" + `{"method":"notifications/cancelled","params":{"requestId":"a"}}`, `{"id":"a","result":{}}`, ""},
		"cancels what is unknown":    {list + "\n" + `{"method":"notifications/cancelled","params":{"requestId":9}}`, "", "tools/list"},
		"answered twice":             {list + "\n" + prompt, `{"id":1,"result":{}}` + "\n" + `{"id":1,"result":{}}`, "prompts/get"},
		"answered with another id":   {list, `{"id":9,"result":{}}`, "tools/list"},
		"number answered as text":    {list, `{"id":"1","result":{}}`, ""},
		"number answered as float":   {list, `{"id":1.0,"result":{}}`, ""},
		"text answered as number":    {`{"id":"1","method":"ping"}`, `{"id":1,"result":{}}`, ""},
		"both forms":                 {`{"id":"1","method":"ping"}` + "\n" + list, `{"id":1,"result":{}}`, "ping"},
		"id again":                   {list + "\n" + `{"id":1,"method":"prompts/get"}`, `{"id":1,"result":{}}`, "prompts/get"},
		"id again, both answered":    {list + "\n" + `{"id":1,"method":"prompts/get"}`, `{"id":1,"result":{}}` + "\n" + `{"id":1,"result":{}}`, ""},
		"id three times":             {strings.Repeat(list+"\n", 3), `{"id":1,"result":{}}` + "\n" + `{"id":1,"error":{}}`, "tools/list"},
		"id again after its answer":  {list, `{"id":1,"result":{}}`, ""},
		"id again after it was late": {list + "\n" + `{"method":"notifications/cancelled","params":{"requestId":1}}` + "\n" + prompt, "", "prompts/get"},
	} {
		p := New(Config{})
		pipe := newPipe(p.tracker)
		pipe.sent([]byte(c.sent + "\n"))
		pipe.received([]byte(c.received + "\n"))
		if got := stack(p.Snapshot()); got != c.want {
			t.Errorf("%s: in flight %q, want %q", name, got, c.want)
		}
		if pipe.close(); len(p.tracker.inFlight) > 0 || len(pipe.session.requests) > 0 {
			t.Errorf("%s: after the end in flight %q, %d wait", name, stack(p.Snapshot()), len(pipe.session.requests))
		}
	}
}

// TestWaitingIsBounded: requests that are never answered take bounded memory, whatever
// their ids and methods.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	p := New(Config{})
	pipe := newPipe(p.tracker)
	const listen = `{"id":1,"method":"subscriptions/listen"}` + "\n"
	for range 3 {
		pipe.sent([]byte(strings.Repeat(listen, maxInFlight/2)))
	}
	kept := 0
	for op := pipe.session.requests["1"]; op != nil; op = op.later {
		kept++
	}
	if kept != maxInFlight || pipe.session.waiting != kept {
		t.Errorf("%d requests are kept and %d counted, want %d", kept, pipe.session.waiting, maxInFlight)
	}
	if pipe.close(); pipe.session.waiting != 0 {
		t.Errorf("%d wait after the end", pipe.session.waiting)
	}
}

// TestInFlightOverHTTP: requests of each kind show until their exchange ends, in a
// session and without one, answered as JSON, as events, or not at all.
func TestInFlightOverHTTP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, body, want string }{
		{"POST", initialize, "initialize"},
		{"POST", `{"id":1,"method":"resources/read"}`, "resources/read"},
		{"POST", `{"id":1,"method":"completion/complete"}`, "completion/complete"},
		{"POST", `{"id":1,"method":"ping"}`, "ping"},
		{"POST", `[{"id":1,"method":"ping"},{"id":1,"method":"tools/list"}]`, "ping tools/list"},
		{"POST", `{"method":"notifications/initialized"}`, ""},
		{"DELETE", "", "DELETE"},
		{"GET", "", ""},
	} {
		for _, answer := range []string{`{"id":1,"result":{}}`, `{"id":"1","result":{}}`, "data: {\"id\":1,\"result\":{}}\n\ndata: {\"id\":1,\"result\":{}}\n\n", ""} {
			arrived, release := make(chan bool), make(chan bool)
			p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Header.Get("X-Now") == "" {
					arrived <- true
					<-release
				}
				w.Header().Set("Content-Type", "application/json")
				if strings.HasPrefix(answer, "data:") {
					w.Header().Set("Content-Type", "text/event-stream")
				}
				w.Header().Set("Mcp-Session-Id", "id")
				fmt.Fprint(w, answer)
			}), Config{})
			opens := request(t.Context(), "POST", url, "", initialize)
			opens.Header.Set("X-Now", "1")
			if resp, err := http.DefaultClient.Do(opens); err != nil {
				t.Fatal(err)
			} else {
				resp.Body.Close()
			}
			ended := make(chan bool)
			go func() {
				defer close(ended)
				if resp, err := http.DefaultClient.Do(request(t.Context(), c.method, url, "id", c.body)); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			<-arrived
			if got := stack(p.Snapshot()); got != c.want {
				t.Errorf("%s %s: in flight %q, want %q", c.method, c.body, got, c.want)
			}
			close(release)
			<-ended
			eventually(t, p, c.method+" "+c.body+" over", func(d *Document) bool { return stack(d) == "" })
		}
	}
}

// TestAnswersByValue: a server that answers numbers as strings has no failed calls.
func TestAnswersByValue(t *testing.T) {
	t.Parallel()
	p, url := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":"7","result":{}}`)
	}), Config{})
	ask(t, url, "", callOf(7, "t"))
	if d := eventually(t, p, "answered", func(d *Document) bool { return *d.CallsTotal == 1 }); *d.ErrorsTotal != 0 {
		t.Errorf("%s", counts(d))
	}
}
