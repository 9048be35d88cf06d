package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// replay is a server that gives the recorded answers of another one.
type replay struct {
	t       *testing.T
	answers map[string]string
}

var idOf = regexp.MustCompile(`"id":\d+`)

func newReplay(t *testing.T, name string) Endpoint {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "replay", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{t: t, answers: map[string]string{}}
	for _, f := range archive.Files {
		r.answers[f.Name] = string(f.Data)
	}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return Endpoint{HTTP: srv.Client(), URL: srv.URL + "/mcp"}
}

// ServeHTTP finds the answer to a request. The session ID of a request chooses one of
// several recordings of tools/call.
func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ Name string }
	}
	_ = json.Unmarshal(body, &m)
	key := m.Method
	switch {
	case req.Method == http.MethodDelete:
		key = "DELETE"
	case m.Method == "tools/call" && m.Params.Name != "echo":
		key = m.Params.Name
	case m.Method == "tools/call" && req.Header.Get("Mcp-Protocol-Version") == Modern:
		key = "modern tools/call"
	}
	text, ok := r.answers[key]
	if !ok {
		r.t.Errorf("nothing was recorded for %s %s", req.Method, body)
		return
	}
	head, rest, _ := strings.Cut(text, "\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), nil)
	if err != nil {
		r.t.Errorf("%s: %v", key, err)
		return
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	if len(m.ID) > 0 {
		rest = idOf.ReplaceAllString(rest, `"id":`+string(m.ID))
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "event-stream") {
		rest += "\n"
	}
	for _, part := range strings.SplitAfter(rest, "\n") { // in pieces, as servers flush them
		_, _ = io.WriteString(w, part)
		_ = http.NewResponseController(w).Flush()
	}
}

// TestReplay checks how the answers of real servers are read.
func TestReplay(t *testing.T) {
	type seen struct {
		Detected, Negotiated, Server string
		Tool, Text                   string
		Unknown                      string // "isError", or the JSON-RPC code
		BadArgs                      string
		Lost                         bool // the answer to a wrong session says so
	}
	modernOf := func(server, text string) seen {
		return seen{Detected: Modern, Negotiated: Modern, Server: server, Tool: "echo", Text: text, Unknown: "-32602", BadArgs: "isError"}
	}
	legacy := seen{Detected: Legacy, Negotiated: Legacy, Server: "sdk1 0.1.0", Tool: "echo", Text: "hello", Unknown: "isError", BadArgs: "isError", Lost: true}
	goStateful := legacy
	goStateful.Detected, goStateful.Server, goStateful.Unknown = Legacy, "mcpsrv 0.1.0", "-32602"
	everything := legacy
	everything.Server, everything.Text = "mcp-servers/everything 2.0.0", "Echo: hello"
	ts2sessions := legacy
	ts2sessions.Server, ts2sessions.Unknown = "sdk2sess 0.1.0", "-32602"
	modernOnly := modernOf("sdk2 0.1.0", "hello")
	modernOnly.Tool, modernOnly.Unknown, modernOnly.BadArgs = "", "-32022", "-32022" // recorded of an older client
	for name, want := range map[string]seen{
		"ts-sdk1-json": legacy, "ts-sdk1-sse": legacy, "everything": everything, "ts-sdk2-sessions": ts2sessions,
		"go-sdk-stateful-json": goStateful, "go-sdk-stateful-sse": goStateful,
		"go-sdk-stateless-json": modernOf("mcpsrv 0.1.0", "hello"), "go-sdk-stateless-sse": modernOf("mcpsrv 0.1.0", "hello"),
		"ts-sdk2": modernOf("sdk2 0.1.0", "hello"), "ts-sdk2-modern-only": modernOnly,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, ep := t.Context(), newReplay(t, name)
			era, err := Detect(ctx, ep)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(ctx, ep, era)
			if err != nil {
				t.Fatal(err)
			}
			got := seen{Detected: era.Version, Negotiated: s.Era().Version, Server: s.Era().Server}
			if tools, err := s.Tools(ctx); err == nil && len(tools) > 0 {
				got.Tool = tools[0].Name
			}
			res, err := s.Call(ctx, Tool{Name: "echo"}, jsontext.Value(`{"text":"hello"}`))
			if err != nil || res.IsError || res.Arrived.IsZero() {
				t.Errorf("echo: %+v, %v", res, err)
			}
			got.Text = res.Text
			got.Unknown, _ = outcome(ctx, s, "unknown tool")
			got.BadArgs, _ = outcome(ctx, s, "bad arguments")
			if s.Era().Sessions() {
				_, err = outcome(ctx, s, "wrong session")
				got.Lost = errors.Is(err, ErrSessionLost)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if err := s.Close(ctx); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

// outcome returns how a call ended: "isError", the code of a JSON-RPC error, or "".
func outcome(ctx context.Context, s *Session, tool string) (string, error) {
	res, err := s.Call(ctx, Tool{Name: tool}, jsontext.Value(`{}`))
	var rpc *RPCError
	switch {
	case errors.As(err, &rpc):
		return jsonText(rpc.Code), err
	case res.IsError:
		return "isError", err
	}
	return "", err
}

func jsonText(v any) string {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(v)
	return strings.TrimSpace(b.String())
}
