package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// asked is a request that a server received.
type asked struct {
	Method string // of HTTP
	RPC    string // method, or "response"
	ID     string
	Body   string
	Header http.Header
}

// server records requests.
type server struct {
	mu  sync.Mutex
	log []asked
}

func (s *server) start(t *testing.T, h func(w http.ResponseWriter, r *http.Request, a asked)) Endpoint {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.Unmarshal(body, &m)
		a := asked{Method: r.Method, RPC: m.Method, ID: string(m.ID), Body: string(body), Header: r.Header}
		s.mu.Lock()
		s.log = append(s.log, a)
		s.mu.Unlock()
		h(w, r, a)
	}))
	t.Cleanup(srv.Close)
	return Endpoint{HTTP: srv.Client(), URL: srv.URL}
}

func (s *server) seen() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.log...)
}

func stream(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// legacySession opens a session with a server that answers calls with h.
func legacySession(t *testing.T, h func(w http.ResponseWriter, r *http.Request, a asked)) (*Session, *server) {
	t.Helper()
	srv := &server{}
	ep := srv.start(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		switch a.RPC {
		case "initialize":
			w.Header().Set("Mcp-Session-Id", "SESSION-1")
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"test","version":"1"}}}`, a.ID)
		case "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
		default:
			h(w, r, a)
		}
	})
	s, err := Open(t.Context(), ep, Era{Version: Legacy})
	if err != nil {
		t.Fatal(err)
	}
	return s, srv
}

func result(id string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"done"}]}}`
}

var anyTool = Tool{Name: "x"}

// TestAnswerForms checks all forms of an answer that the protocol allows.
func TestAnswerForms(t *testing.T) {
	for name, form := range map[string]func(w http.ResponseWriter, id string){
		"JSON": func(w http.ResponseWriter, id string) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, result(id))
		},
		"JSON after a byte order mark": func(w http.ResponseWriter, id string) { _, _ = io.WriteString(w, byteOrderMark+" "+result(id)) },
		"an event":                     func(w http.ResponseWriter, id string) { stream(w, "data: "+result(id)+"\n\n") },
		"an event after a BOM":         func(w http.ResponseWriter, id string) { stream(w, byteOrderMark+"data: "+result(id)+"\n\n") },
		"id before data":               func(w http.ResponseWriter, id string) { stream(w, "id: 7\nevent: message\ndata: "+result(id)+"\n\n") },
		"id after data":                func(w http.ResponseWriter, id string) { stream(w, "event: message\ndata: "+result(id)+"\nid: 7\n\n") },
		"an empty event first":         func(w http.ResponseWriter, id string) { stream(w, "id: 6\ndata: \n\nid: 7\ndata:"+result(id)+"\n\n") },
		"several lines of data": func(w http.ResponseWriter, id string) {
			stream(w, "data: "+strings.ReplaceAll(result(id), ",", ",\ndata: ")+"\n\n")
		},
		"CRLF":         func(w http.ResponseWriter, id string) { stream(w, "event: message\r\ndata: "+result(id)+"\r\n\r\n") },
		"CR":           func(w http.ResponseWriter, id string) { stream(w, "event: message\rdata: "+result(id)+"\r\r") },
		"comments":     func(w http.ResponseWriter, id string) { stream(w, ": ping\n\n: ping\n\ndata: "+result(id)+"\n\n") },
		"other events": func(w http.ResponseWriter, id string) { stream(w, "event: ping\ndata: x\n\ndata: "+result(id)+"\n\n") },
		"a notification": func(w http.ResponseWriter, id string) {
			stream(w, `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}`+"\n\ndata: "+result(id)+"\n\n")
		},
		"the answer to something else": func(w http.ResponseWriter, id string) {
			stream(w, "data: "+result("999")+"\n\ndata: "+result(id)+"\n\n")
		},
	} {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, left open %t", name, open), func(t *testing.T) {
				s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
					if a.Method == http.MethodPost {
						form(w, a.ID)
						if open && strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
							<-r.Context().Done() // the client goes away first
						}
					}
				})
				res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
				if err != nil || res.Text != "done" {
					t.Errorf("%+v, %v", res, err)
				}
			})
		}
	}
}

// TestServerRequestsAreAnswered checks that requests of the server are answered; the
// call would hang otherwise.
func TestServerRequestsAreAnswered(t *testing.T) {
	replies := make(chan string, 2)
	s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		if a.RPC == "" {
			replies <- a.Body
			w.WriteHeader(http.StatusAccepted)
			return
		}
		stream(w, `data: {"jsonrpc":"2.0","id":"p-1","method":"ping"}`+"\n\n")
		ping := waitFor(r.Context(), replies)
		stream(w, `data: {"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"maxTokens":1}}`+"\n\n")
		sampling := waitFor(r.Context(), replies)
		want := []string{
			`{"jsonrpc":"2.0","id":"p-1","result":{}}`,
			`{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"this client offers nothing to sampling/createMessage"}}`,
		}
		if diff := cmp.Diff(want, []string{ping, sampling}); diff != "" {
			t.Errorf("replies (-want +got)\n%s", diff)
		}
		stream(w, "data: "+result(a.ID)+"\n\n")
	})
	if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil || res.Text != "done" {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestRefusedReplies: a server that does not take answers to its requests can still
// answer the call, as official clients find. Without an answer the error reports the refusal.
func TestRefusedReplies(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{true, false} {
		s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
			if a.RPC == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			stream(w, `data: {"jsonrpc":"2.0","id":`+a.ID+`,"method":"ping"}`+"\n\n")
			if answered {
				stream(w, "data: "+result(a.ID)+"\n\n")
			}
		})
		res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
		if answered && (err != nil || res.Text != "done") {
			t.Errorf("%+v, %v", res, err)
		}
		if !answered && (err == nil || !strings.Contains(err.Error(), `the stream ended before the answer; the answer to its "ping" failed: the server answered 400`)) {
			t.Errorf("error %v", err)
		}
	}
}

func waitFor(ctx context.Context, c chan string) string {
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		return "nothing"
	}
}

// TestResume checks that a stream that was closed or cut off is resumed after its last event.
func TestResume(t *testing.T) {
	for name, end := range map[string]func(){
		"closed":    func() {},
		"broke off": func() { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var id string
			s, srv := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
				switch {
				case a.Method == http.MethodPost:
					id = a.ID
					stream(w, "retry: 3600000\n\nid: e1\nretry: 0\ndata:\n\n") // the last one counts
					end()
				case r.Header.Get("Last-Event-Id") == "e1":
					stream(w, "id: e2\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
					end()
				default:
					stream(w, "data: "+result(id)+"\n\n")
				}
			})
			if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil || res.Text != "done" {
				t.Fatalf("%+v, %v", res, err)
			}
			var last []string
			for _, a := range srv.seen() {
				if a.Method == http.MethodGet {
					last = append(last, a.Header.Get("Last-Event-Id")+" "+a.Header.Get("Mcp-Session-Id"))
				}
			}
			if diff := cmp.Diff([]string{"e1 SESSION-1", "e2 SESSION-1"}, last); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestNoResumeAfterMalformedAnswer checks that malformed and too large data is not
// requested again.
func TestNoResumeAfterMalformedAnswer(t *testing.T) {
	tooLarge := errors.New("too large")
	for name, tc := range map[string]struct {
		text string
		want string
	}{
		"malformed": {"id: e1\ndata: <html>\n\n", "malformed answer: it is HTML"},
		"too large": {"id: e1\ndata:\n\n" + strings.Repeat(": comment\n", 1000), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			s, srv := legacySession(t, func(w http.ResponseWriter, _ *http.Request, _ asked) { stream(w, tc.text) })
			s.http().ep.HTTP = &http.Client{Transport: limited{s.http().ep.HTTP.Transport, 500, tooLarge}}
			_, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if n := len(srv.seen()); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

// TestStreamWithoutAnswer checks that the error of a stream that goes on without the
// answer says what came instead.
func TestStreamWithoutAnswer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		": comment\n\n":                                  "no answer to tools/call in time",
		"data: {\"jsonrpc\"":                             "no answer to tools/call in time",
		"data: <html>\n\n":                               "in time; an event of its stream is no message: malformed answer: it is HTML",
		"data: " + result("77") + "\n\n":                 "in time; it had an answer with the id 77",
		"event: response\ndata: " + result("2") + "\n\n": `in time; clients ignore its event "response": "{\"jsonrpc\"`,
	} {
		inVirtualTime(t, want, func(t *testing.T) {
			s, err := Open(t.Context(), Endpoint{HTTP: &http.Client{Transport: endless(text)}, URL: "http://server/mcp"}, Era{Version: Modern})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := s.Call(ctx, anyTool, jsontext.Value(`{}`)); !client.IsTimeout(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %q", text, err, want)
			}
		})
	}
}

// endless answers with an event stream that begins with a text and does not end.
type endless string

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	rest, end := io.Pipe()
	context.AfterFunc(r.Context(), func() { _ = end.CloseWithError(r.Context().Err()) })
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r,
		Body: struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(string(e)), rest), rest},
	}, nil
}

// limited ends bodies with err after n bytes.
type limited struct {
	next http.RoundTripper
	n    int64
	err  error
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(resp.Body, l.n), errReader{l.err}), resp.Body}
	}
	return resp, err
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestStreamThatNeverAnswers(t *testing.T) {
	for text, want := range map[string]string{
		": nothing\n\n":                   "before the answer",
		"event: message\ndata: {}\n":      "before the answer; no blank line ends its last event",
		`{"jsonrpc": "2.0", "result":{}}`: `before the answer; it has a line that begins with "{\"jsonrpc\"", as no field of an event does`,
		"Data: {}\n\n":                    `begins with "Data"`,
		"<html>\n<p>down</p>\n":           `begins with "<html>"`,
	} {
		t.Run("it ends", func(t *testing.T) {
			s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, _ asked) { stream(w, text) })
			_, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
			if bad := new(MalformedError); !errors.As(err, &bad) || !strings.HasSuffix(err.Error(), want) && !strings.Contains(err.Error(), want+",") {
				t.Errorf("%q: error %v", text, err)
			}
		})
	}
	t.Run("it ends and ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const streams = 5
		var opened atomic.Int64
		s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, _ asked) {
			if opened.Add(1) == streams {
				cancel()
			}
			stream(w, "id: 1\nretry: 1\ndata:\n\n")
		})
		start := time.Now()
		_, err := s.Call(ctx, anyTool, jsontext.Value(`{}`))
		if took := time.Since(start); !errors.Is(err, context.Canceled) || opened.Load() != streams || took < (streams-1)*leastPause {
			t.Errorf("error %v after %d streams in %s", err, opened.Load(), took)
		}
	})
	t.Run("it hangs", func(t *testing.T) {
		s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, _ asked) {
			stream(w, "id: 1\ndata:\n\n")
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if _, err := s.Call(ctx, anyTool, jsontext.Value(`{}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// TestFailures checks the kind and the text of each failure.
func TestFailures(t *testing.T) {
	answer := func(code int, text string) func(http.ResponseWriter, *http.Request, asked) {
		return func(w http.ResponseWriter, _ *http.Request, a asked) {
			w.Header().Set("Location", "https://u:SECRET@else.example/mcp?token=SECRET")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, strings.ReplaceAll(text, "ID", a.ID))
		}
	}
	for name, tc := range map[string]struct {
		h    func(http.ResponseWriter, *http.Request, asked)
		kind any // a pointer to the type of the error, nil for any
		lost bool
		want string
	}{
		"404":                {answer(404, "no such session SESSION-1"), new(*client.StatusError), true, `the server answered 404 Not Found (no such session REDACTED); it may have restarted`},
		"400, -32000":        {answer(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Server not initialized"},"id":null}`), new(*client.StatusError), true, "400 Bad Request (JSON-RPC error -32000: Server not initialized)"},
		"400, another code":  {answer(400, `{"jsonrpc":"2.0","error":{"code":-32602,"message":"no"},"id":null}`), new(*client.StatusError), false, "-32602"},
		"429":                {answer(429, "slow down"), new(*client.StatusError), false, `the server answered 429 Too Many Requests (slow down); the server limits the rate`},
		"500 with a page":    {answer(500, "<html><script>"), new(*client.StatusError), false, "the server answered 500 Internal Server Error"},
		"307":                {answer(307, ""), new(*client.StatusError), false, "the server answered 307 Temporary Redirect, to https://REDACTED@else.example/mcp?token=REDACTED, which is not followed"},
		"a JSON-RPC error":   {answer(200, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"no such tool"}}`), new(*RPCError), false, "JSON-RPC error -32602: no such tool"},
		"HTML":               {answer(200, "<!doctype html>"), new(*MalformedError), false, "it is HTML, not JSON"},
		"XML":                {answer(200, `<?xml version="1.0"?><a/>`), new(*MalformedError), false, `it is XML, not JSON, it begins with "<?xml`},
		"SOAP":               {answer(200, `<soap:Envelope>`), new(*MalformedError), false, "it is XML, not JSON"},
		"UTF-16 with a mark": {answer(200, "\xff\xfe{\x00}\x00"), new(*MalformedError), false, "it is not JSON, it begins with text in UTF-16"},
		"UTF-16 without one": {answer(200, "\x00{\x00}"), new(*MalformedError), false, "text in UTF-16"},
		"407 without proxy":  {answer(407, ""), new(*client.StatusError), false, "only a proxy answers that"},
		"nothing":            {answer(202, ""), new(*MalformedError), false, "202 Accepted and no answer"},
		"empty":              {answer(200, ""), new(*MalformedError), false, "it is empty"},
		"cut off":            {answer(200, `{"jsonrpc":"2.0","id":ID,"resu`), new(*MalformedError), false, "the JSON ends early"},
		"two answers":        {answer(200, result("ID")+result("ID")), new(*MalformedError), false, "malformed answer"},
		"a batch":            {answer(200, "["+result("ID")+","+result("ID")+"]"), new(*MalformedError), false, "it is an array of 2 messages"},
		"a batch of batches": {answer(200, "[["+result("ID")+"]]"), new(*MalformedError), false, "is an array"},
		"names the session":  {answer(200, `{"jsonrpc":"2.0","id":ID,"error":{"code":-1,"message":"SESSION-1 is gone"}}`), new(*RPCError), false, "JSON-RPC error -1: REDACTED is gone"},
		"another id":         {answer(200, result("77")), new(*MalformedError), false, "it has the id 77 instead of 2"},
		"no id":              {answer(200, `{"jsonrpc":"2.0","id":null,"result":{}}`), new(*MalformedError), false, "it has no id"},
		"wrong case":         {answer(200, `{"jsonrpc":"2.0","ID":ID,"RESULT":{}}`), new(*MalformedError), false, "it has no id"},
		"a string":           {answer(200, `"hello"`), new(*MalformedError), false, "it is a string"},
		"text":               {answer(200, `backend is down`), new(*MalformedError), false, `it is not JSON, it begins with "backend is down"`},
		"a wrong member":     {answer(200, `{"jsonrpc":"2.0","id":ID,"error":"no"}`), new(*MalformedError), false, `member "/error" is a string: "\"no\"}"`},
		"a word for a code":  {answer(200, `{"jsonrpc":"2.0","id":ID,"error":{"code":"DOWN","message":"the backend is down"}}`), new(*MalformedError), false, `member "/error/code" is a string: "\"DOWN\",\"message\":\"the backend is down\"}}"`},
		"neither":            {answer(200, `{"jsonrpc":"2.0","id":ID}`), new(*MalformedError), false, "neither result nor error"},
		"a result of a kind": {answer(200, `{"jsonrpc":"2.0","id":ID,"result":{"isError":"yes"}}`), new(*MalformedError), false, "malformed answer"},
		"input is required":  {answer(200, `{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required"}}`), new(*MalformedError), false, "asks for input"},
		"too deep":           {answer(200, `{"jsonrpc":"2.0","id":ID,"result":`+strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+`}`), new(*MalformedError), false, "depth"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := legacySession(t, tc.h)
			s.http().ep.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			_, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`))
			if err == nil || !errors.As(err, tc.kind) || !strings.Contains(err.Error(), tc.want) || errors.Is(err, ErrSessionLost) != tc.lost {
				t.Errorf("error %T %v, want %T with %q, lost %t", err, err, tc.kind, tc.want, tc.lost)
			}
			if err != nil && (strings.Contains(err.Error(), "SECRET") || len(err.Error()) > 500) {
				t.Errorf("error of %d bytes: %.500s", len(err.Error()), err)
			}
			if status, ok := errors.AsType[*client.StatusError](err); ok && status.RetryAfter != 7*time.Second {
				t.Errorf("retry after %s", status.RetryAfter)
			}
		})
	}
}

// TestShortSessionID: an id that is a part of other texts is not looked for in them.
func TestShortSessionID(t *testing.T) {
	t.Parallel()
	s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, _ asked) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":null}`)
	})
	s.http().id = "0"
	if _, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); !errors.Is(err, ErrSessionLost) {
		t.Errorf("error %v", err)
	}
}

// hangsAt is a transport whose server does not answer requests with this verb.
type hangsAt string

func (h hangsAt) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == string(h) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	body, _ := io.ReadAll(r.Body)
	m, _, _ := parseMessage(body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Mcp-Session-Id": {"SESSION-1"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(stdioResult(m))),
	}, nil
}

// TestDeleteHangs: the end of a session takes a bounded time, also where nobody bounds it.
func TestDeleteHangs(t *testing.T) {
	inVirtualTime(t, "without a deadline", func(t *testing.T) {
		s, err := Open(t.Context(), Endpoint{HTTP: &http.Client{Transport: hangsAt(http.MethodDelete)}, URL: "http://server/mcp"}, Era{Version: Legacy})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); !client.IsTimeout(err) {
			t.Errorf("error %v", err)
		}
	})
}

// TestToolErrorNamesNoSession: the text of a tool that fails does not show the session.
func TestToolErrorNamesNoSession(t *testing.T) {
	t.Parallel()
	s, _ := legacySession(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
		answerJSON(w, a, `{"isError":true,"content":[{"type":"text","text":"SESSION-1 is gone"}]}`)
	})
	if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{}`)); err != nil || !res.IsError || res.Text != "REDACTED is gone" {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestEventsThatAreNoMessages checks that the answer after them is found, as the
// official clients find it, with a warning; without an answer the event is the error.
func TestEventsThatAreNoMessages(t *testing.T) {
	t.Parallel()
	for _, noise := range []string{"[DONE]", "{oops", "ready"} {
		for _, answered := range []bool{true, false} {
			ep := new(server).start(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprintf(w, "data: %s\n\n", noise)
				if answered {
					fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n\n", a.ID)
				}
			})
			s, err := Open(t.Context(), ep, Era{Version: Modern})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Call(t.Context(), Tool{Name: "echo"}, jsontext.Value(`{}`))
			if answered && (err != nil || len(s.Warnings()) != 1 || s.Warnings()[0] != "an event of a stream is not a message; it is ignored") {
				t.Errorf("%s: error %v, warnings %q", noise, err, s.Warnings())
			}
			if !answered && (err == nil || !strings.Contains(err.Error(), "it is not")) {
				t.Errorf("%s without an answer: error %v", noise, err)
			}
		}
	}
}

// broken is a transport with a fault in it.
type broken struct{ *link }

func (broken) request(context.Context, *exchange) error { panic("oops") }

// TestFaultIsAnError checks that a fault in reading ends a request and not the program.
func TestFaultIsAnError(t *testing.T) {
	t.Parallel()
	l := newLink(func(context.Context, []byte) error { return nil }, func() ([]byte, error) { panic("oops") }, func() {})
	<-l.done
	for name, wire := range map[string]transport{"reading": l, "request": broken{l}} {
		s := &Session{wire: wire}
		if _, err := s.Do(t.Context(), &Request{Method: "ping"}); err == nil || !strings.Contains(err.Error(), "(oops); please report it") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The time of an answer does not include the wait for the end of its stream, which some
// servers leave open.
func TestTimeOfAnAnswer(t *testing.T) {
	s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		stream(w, "data: "+result(a.ID)+"\n\n")
		select {
		case <-r.Context().Done():
		case <-time.After(10 * restTime):
		}
	})
	answer, err := s.Do(t.Context(), CallTool(&Tool{Name: "x"}, jsontext.Value("{}")))
	if waited := time.Since(answer.At); err != nil || waited < restTime*9/10 {
		t.Errorf("%v, complete %s before the return", err, waited)
	}
}
