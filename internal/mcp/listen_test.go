package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// gets is the part of a server that answers GET, for each time in turn, and notes the
// Last-Event-Id of each.
type gets struct {
	answers []http.HandlerFunc // the last one for all that follow

	mu  sync.Mutex
	ids []string
}

func (g *gets) serve(w http.ResponseWriter, r *http.Request, a asked) {
	if a.Method != http.MethodGet {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	g.mu.Lock()
	g.ids = append(g.ids, r.Header.Get("Last-Event-Id"))
	next := g.answers[min(len(g.ids), len(g.answers))-1]
	g.mu.Unlock()
	next(w, r)
}

func (g *gets) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ids)
}

// TestListenAgain checks how the standalone stream goes on after its end and after a
// refusal: as with the official client for TypeScript.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	events := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { stream(w, text) }
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	open := func(w http.ResponseWriter, r *http.Request) { stream(w, ": open\n\n"); <-r.Context().Done() }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		stream(w, "retry: 1\n\ndata: {")
		panic(http.ErrAbortHandler)
	}
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }
	const ended, numbered = "retry: 1\n\n", "retry: 1\nid: 7\n\n"
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		ids     []string // of the GET requests; further ones are not wanted if over
		held    int
		over    bool // the stream is given up
	}{
		"refused":                {[]http.HandlerFunc{status(405)}, []string{""}, 0, true},
		"not there":              {[]http.HandlerFunc{status(404)}, []string{""}, 0, true},
		"no stream":              {[]http.HandlerFunc{page}, []string{""}, 0, true},
		"open":                   {[]http.HandlerFunc{open}, []string{""}, 1, false},
		"no header":              {[]http.HandlerFunc{silent}, []string{""}, 1, false},
		"ends each time":         {[]http.HandlerFunc{events(ended)}, []string{"", "", "", ""}, 1, false},
		"ends, with ids":         {[]http.HandlerFunc{events(numbered)}, []string{"", "7", "7"}, 1, false},
		"is cut off":             {[]http.HandlerFunc{cut}, []string{"", "", ""}, 1, false},
		"session ended":          {[]http.HandlerFunc{events(ended), status(404)}, []string{"", "", ""}, 1, true},
		"refused later":          {[]http.HandlerFunc{events(ended), status(405)}, []string{"", ""}, 1, true},
		"fails once, then opens": {[]http.HandlerFunc{events(numbered), status(503), open}, []string{"", "7", "7"}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &gets{answers: c.answers}
			s, _ := legacySession(t, server.serve)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			held := 0
			done := s.Listen(ctx, func() { held++ })
			for deadline := time.Now().Add(10 * time.Second); len(server.seen()) < len(c.ids) && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			if !c.over {
				cancel()
			}
			err := <-done
			got := server.seen()
			if !slices.Equal(got[:min(len(got), len(c.ids))], c.ids) || c.over && len(got) != len(c.ids) || held != c.held || (err != nil) != c.over {
				t.Errorf("GET with the ids %q, held %d times, %v", got, held, err)
			}
		})
	}
}

// TestListenAnswers checks that requests on the standalone stream are answered, and that
// the stream goes on where the server does not want the answer.
func TestListenAnswers(t *testing.T) {
	t.Parallel()
	replies := make(chan string, 3)
	s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
		if a.Method == http.MethodGet {
			for _, method := range []string{"sampling/createMessage", "roots/list", "ping"} {
				stream(w, fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%q,\"method\":%q}\n\ndata: {\"method\":\"notifications/progress\"}\n\ndata: no message\n\n", method, method))
			}
			<-r.Context().Done()
			return
		}
		replies <- a.Body
		w.WriteHeader(http.StatusBadRequest)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := s.Listen(ctx, nil)
	for _, want := range []struct {
		id   string
		code int
	}{{"sampling/createMessage", CodeMethodNotFound}, {"roots/list", CodeMethodNotFound}, {"ping", 0}} {
		var got struct {
			ID    string
			Error struct{ Code int }
		}
		if text := waitFor(t.Context(), replies); json.Unmarshal([]byte(text), &got) != nil || got.ID != want.id || got.Error.Code != want.code {
			t.Errorf("reply %s, want id %s and code %d", text, want.id, want.code)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAnswersElsewhere checks that an answer on the standalone stream is taken, before or
// after the 202 of its POST, as with the official client for TypeScript.
func TestAnswersElsewhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		early, refused, silent bool
		want                   string // of the error
	}{
		"after the 202":  {},
		"before the 202": {early: true},
		"no stream":      {refused: true, want: "202 Accepted and no answer; none can come on another stream"},
		"no answer":      {silent: true, want: "no answer to tools/list in time; 202 came, and no answer on the event stream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asks, sent := make(chan string, 1), make(chan struct{})
			s, _ := legacySession(t, func(w http.ResponseWriter, r *http.Request, a asked) {
				switch {
				case a.Method == http.MethodGet && c.refused:
					w.WriteHeader(http.StatusMethodNotAllowed)
				case a.Method == http.MethodGet:
					stream(w, ": open\n\n")
					id := waitFor(r.Context(), asks)
					stream(w, fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":900,\"result\":{}}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"tools\":[]}}\n\n", id))
					close(sent)
					<-r.Context().Done()
				default:
					if !c.silent && !c.refused {
						asks <- a.ID
					}
					if c.early {
						<-sent
					}
					w.WriteHeader(http.StatusAccepted)
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := s.Listen(ctx, nil)
			if c.refused {
				<-done
			}
			patience := 10 * time.Second
			if c.silent {
				patience = 2 * time.Second // the 202 comes within it
			}
			call, end := context.WithTimeout(ctx, patience)
			defer end()
			answer, err := s.Do(call, &Request{Method: "tools/list"})
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s, %v, want %s", answer.Result, err, c.want)
				}
			case err != nil || string(answer.Result) != `{"tools":[]}` || !slices.Contains(s.Warnings(), elsewhere.String()):
				t.Errorf("%s, %v, warnings %q", answer.Result, err, s.Warnings())
			}
		})
	}
}
