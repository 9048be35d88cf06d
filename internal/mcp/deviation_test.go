package mcp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// oddServer is a server that departs from the protocol in one way.
type oddServer struct {
	version, tools, instructions, kind string
	more                               string // members of the answer to initialize
	page                               string // members of the answer to tools/list
	result                             string // of a call
	form                               func(id, result string) string
}

func (o oddServer) answer(w http.ResponseWriter, a asked, result string) {
	if o.kind == "" {
		o.kind = "application/json"
	}
	w.Header()["Content-Type"] = []string{o.kind}
	text := `{"jsonrpc":"2.0","id":` + a.ID + `,"result":` + result + `}`
	if o.form != nil {
		text = o.form(a.ID, result)
	}
	_, _ = io.WriteString(w, text)
}

func (o oddServer) ServeHTTP(w http.ResponseWriter, _ *http.Request, a asked) {
	if o.version == "" {
		o.version = Legacy
	}
	if o.tools == "" {
		o.tools = `{"name":"echo","inputSchema":{"type":"object"}}`
	}
	switch a.RPC {
	case "server/discover":
		o.answer(w, a, `{}`)
	case "initialize":
		o.answer(w, a, fmt.Sprintf(`{"protocolVersion":%q,"instructions":"%s",%s}`, o.version, o.instructions, cmp.Or(o.more, info)))
	case "tools/list":
		o.answer(w, a, `{"tools":[`+o.tools+`]`+o.page+`}`)
	case "tools/call":
		o.answer(w, a, cmp.Or(o.result, `{"content":[{"type":"text","text":"done"}]}`))
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// inEvent returns the form of an answer in an event whose lines have this end.
func inEvent(end string) func(id, result string) string {
	return func(id, result string) string {
		return "event: message" + end + `data: {"jsonrpc":"2.0","id":` + id + `,"result":` + result + "}" + end + end
	}
}

// info is the rest of an answer to initialize.
const info = `"capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"1"}`

// use connects to a server, lists its tools and calls the first.
func use(t *testing.T, ep Endpoint) (tools []Tool, warnings []string, err error) {
	t.Helper()
	s, err := Connect(t.Context(), ep, "")
	if err != nil {
		return nil, nil, err
	}
	if tools, err = s.Tools(t.Context()); err != nil {
		return nil, nil, err
	}
	_, err = s.Call(t.Context(), tools[0], jsontext.Value(`{}`))
	return tools, s.Warnings(), err
}

// TestDeviations checks that servers that depart from the protocol work and are
// warned about, and that Check refuses what the official clients reject.
func TestDeviations(t *testing.T) {
	t.Parallel()
	ok := `{"name":"echo","inputSchema":{"type":"object"}}`
	for name, tc := range map[string]struct {
		server   oddServer
		warning  string
		rejected bool
	}{
		"unknown version":     {oddServer{version: "2031-01-01"}, `the protocol version "2031-01-01"`, true},
		"word for a version":  {oddServer{version: "1.0"}, `the protocol version "1.0"`, true},
		"modern version":      {oddServer{version: Modern}, "in the answer to initialize is unknown", true},
		"old version":         {oddServer{version: "2024-10-07"}, "", false},
		"no schema":           {oddServer{tools: `{"name":"echo"}`}, `tool "echo" lacks "type": "object"`, true},
		"empty schema":        {oddServer{tools: `{"name":"echo","inputSchema":{}}`}, `lacks "type"`, true},
		"two types":           {oddServer{tools: `{"name":"echo","inputSchema":{"type":["object","null"]}}`}, `lacks "type"`, true},
		"boolean schema":      {oddServer{tools: `{"name":"echo","inputSchema":true}`}, `lacks "type"`, true},
		"null for a tool":     {oddServer{tools: ok + `,null`}, "has no name; it is ignored", true},
		"tool without a name": {oddServer{tools: ok + `,{"inputSchema":{"type":"object"}}`}, "has no name; it is ignored", true},
		"hint is a string":    {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object"},"annotations":{"destructiveHint":"false"}}`}, `member "/annotations/destructiveHint" is a string`, true},
		"null annotations":    {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object"},"annotations":null,"execution":null}`}, `in tool "echo" member "/annotations" is null`, true},
		"null description":    {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object"},"description":null}`}, `member "/description" is null`, true},
		"boolean property":    {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object","properties":{"a":true}}}`}, `member "/inputSchema/properties/a" is true or false`, true},
		"null cursor":         {oddServer{page: `,"nextCursor":null`}, `in a page of tools/list member "/nextCursor" is null`, true},
		"no capabilities":     {oddServer{more: `"serverInfo":{"name":"odd","version":"1"}`}, `in the answer to initialize member "/capabilities" is missing`, true},
		"capabilities array":  {oddServer{more: `"capabilities":[],"serverInfo":{"name":"odd","version":"1"}`}, `member "/capabilities" is an array`, true},
		"no server":           {oddServer{more: `"capabilities":{}`}, `member "/serverInfo" is missing`, true},
		"server, no version":  {oddServer{more: `"capabilities":{},"serverInfo":{"name":"odd"}`}, `member "/serverInfo/version" is missing`, true},
		"content is null":     {oddServer{result: `{"content":null}`}, `in the result of a tool member "/content" is null`, true},
		"content is text":     {oddServer{result: `{"content":"hi"}`}, `member "/content" is a string`, true},
		"unknown content":     {oddServer{result: `{"content":[{"type":"hologram"}]}`}, `member "/content/0/type" is "hologram"`, true},
		"number for a text":   {oddServer{result: `{"content":[{"type":"text","text":5}]}`}, `member "/content/0/text" is a number`, true},
		"isError is null":     {oddServer{result: `{"content":[],"isError":null}`}, `member "/isError" is null`, true},
		"no content":          {oddServer{result: `{"zzz":1}`}, "", false},
		"output schema":       {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}`}, `has an output schema, but its result has no structuredContent`, true},
		"structured":          {oddServer{tools: `{"name":"echo","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}`, result: `{"structuredContent":{"n":1},"content":[]}`}, "", false},
		"another member":      {oddServer{form: func(id, r string) string { return `{"jsonrpc":"2.0","id":` + id + `,"result":` + r + `,"took":5}` }}, `answers have the member "took"`, true},
		"error is null":       {oddServer{form: func(id, r string) string { return `{"jsonrpc":"2.0","id":` + id + `,"error":null,"result":` + r + `}` }}, `answers have both "result" and "error"`, true},
		"events, CR alone":    {oddServer{kind: "text/event-stream", form: inEvent("\r")}, "end in CR without LF", true},
		"events, CR LF":       {oddServer{kind: "text/event-stream", form: inEvent("\r\n")}, "", false},
		"CR, and more":        {oddServer{kind: "text/event-stream", form: func(id, r string) string { return inEvent("\r")(id, r) + ": more\r" }}, "", false},
		"HTML for a type":     {oddServer{kind: "text/html"}, `Content-Type "text/html"`, true},
		"no type":             {oddServer{kind: " "}, "no Content-Type", true},
		"type in upper case":  {oddServer{kind: "APPLICATION/JSON; charset=UTF-8"}, "", false},
		"no jsonrpc":          {oddServer{form: func(id, r string) string { return `{"id":` + id + `,"result":` + r + `}` }}, `lack "jsonrpc"`, true},
		"id as a string":      {oddServer{form: func(id, r string) string { return `{"jsonrpc":"2.0","id":"` + id + `","result":` + r + `}` }}, "ids come back in another form", false},
		"id as a float":       {oddServer{form: func(id, r string) string { return `{"jsonrpc":"2.0","id":` + id + `.0,"result":` + r + `}` }}, "ids come back in another form", false},
		"array":               {oddServer{form: func(id, r string) string { return `[{"jsonrpc":"2.0","id":` + id + `,"result":` + r + `}]` }}, "answers come in arrays", false},
		"array with a note": {oddServer{form: func(id, r string) string {
			return `[{"jsonrpc":"2.0","method":"notifications/message"},{"jsonrpc":"2.0","id":` + id + `,"result":` + r + `}]`
		}}, "answers come in arrays", false},
		"lone surrogate":  {oddServer{tools: `{"name":"echo","description":"\ud83d","inputSchema":{"type":"object"}}`}, "not valid Unicode", false},
		"invalid UTF-8":   {oddServer{tools: "{\"name\":\"echo\",\"description\":\"\xf0\x9f\",\"inputSchema\":{\"type\":\"object\"}}"}, "not valid Unicode", false},
		"in instructions": {oddServer{instructions: `\ud83d`}, "not valid Unicode", false},
		"member twice":    {oddServer{tools: `{"name":"x","name":"echo","inputSchema":{"type":"object"}}`}, "same member twice", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ep := new(server).start(t, tc.server.ServeHTTP)
			tools, warnings, err := use(t, ep)
			if err != nil || tools[0].Name != "echo" || len(tools) != 1 {
				t.Fatalf("%+v, %v", tools, err)
			}
			found := len(warnings) == 1 && strings.Contains(warnings[0], tc.warning)
			if tc.warning == "" && len(warnings) > 0 || tc.warning != "" && (!found || strings.Contains(warnings[0], "TypeScript SDK") != tc.rejected) {
				t.Errorf("warnings %q, want %q", warnings, tc.warning)
			}
			ep.Check = true
			_, _, err = use(t, ep)
			if bad := new(MalformedError); (err != nil) != tc.rejected || tc.rejected && !errors.As(err, &bad) {
				t.Errorf("with Check: error %v", err)
			}
		})
	}
}
