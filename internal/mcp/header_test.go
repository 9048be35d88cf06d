package mcp

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// TestHeaders checks the header of a modern request.
func TestHeaders(t *testing.T) {
	srv := &server{}
	ep := srv.start(t, func(w http.ResponseWriter, _ *http.Request, a asked) { _, _ = io.WriteString(w, result(a.ID)) })
	s, err := Open(t.Context(), ep, Era{Version: Modern})
	if err != nil {
		t.Fatal(err)
	}
	schema := `{"properties": {"region": {"x-mcp-header": "Region"}, "n": {"x-mcp-header": "N"}, "gone": {"x-mcp-header": "Gone"}, "null": {"x-mcp-header": "Null"}, "plain": {}}}`
	tool := Tool{Name: "größe", InputSchema: jsontext.Value(schema)}
	if _, err := s.Call(t.Context(), tool, jsontext.Value(`{"region": "München", "n": 1.50, "plain": "p", "null": null}`)); err != nil {
		t.Fatal(err)
	}
	log := srv.seen()
	if len(log) != 1 {
		t.Fatalf("%d requests, want the call alone", len(log))
	}
	got := map[string]string{}
	for name := range log[0].Header {
		if strings.HasPrefix(name, "Mcp-") || name == "Accept" || name == "Content-Type" {
			got[name] = log[0].Header.Get(name)
		}
	}
	want := map[string]string{
		"Accept": "application/json, text/event-stream", "Content-Type": "application/json",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "=?base64?Z3LDtsOfZQ==?=",
		"Mcp-Param-Region": "=?base64?TcO8bmNoZW4=?=", "Mcp-Param-N": "1.50",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.Contains(log[0].Body, `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`) || !strings.Contains(log[0].Body, `"io.modelcontextprotocol/clientCapabilities":{}`) {
		t.Errorf("body %s", log[0].Body)
	}
}

func TestHeaderValue(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a b": "a b", "": "", " a": "=?base64?IGE=?=", "a\nb": "=?base64?YQpi?=", "é": "=?base64?w6k=?=",
		"\x7f": "=?base64?fw==?=", "=?base64?x?=": "=?base64?PT9iYXNlNjQ/eD89?=",
	} {
		if got := headerValue(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
