package mcp

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// TestInputRequired checks that a server that asks for input gets the same request
// again, under a new id, with an answer to each question and its state unchanged.
func TestInputRequired(t *testing.T) {
	srv := &server{}
	const state = `"\u00e4 /\/ state"`
	ep := srv.start(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
		answer := result(a.ID)
		if len(srv.seen()) == 1 {
			answer = `{"jsonrpc":"2.0","id":` + a.ID + `,"result":{"resultType":"input_required","requestState":` + state +
				`,"inputRequests":{"who":{"method":"elicitation/create","params":{}},"where":{"method":"roots/list"}}}}`
		}
		_, _ = io.WriteString(w, answer)
	})
	s, err := Open(t.Context(), ep, Era{Version: Modern})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.Call(t.Context(), anyTool, jsontext.Value(`{"a":1}`)); err != nil || res.Text != "done" {
		t.Fatalf("%+v, %v", res, err)
	}
	log := srv.seen()
	if len(log) != 2 || log[0].ID == log[1].ID {
		t.Fatalf("asked: %+v", log)
	}
	for _, want := range []string{`"name":"x","arguments":{"a":1}`, `"who":{"action":"decline"}`, `"where":{"roots":[]}`, `"requestState":` + state, `"_meta":`} {
		if !strings.Contains(log[1].Body, want) || !jsontext.Value(log[1].Body).IsValid() {
			t.Errorf("%s lacks %s", log[1].Body, want)
		}
	}
}
