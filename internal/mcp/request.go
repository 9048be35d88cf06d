package mcp

import (
	"encoding/base64"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Request is a request that can be sent any number of times.
type Request struct {
	Method string
	Name   string         // of the tool or prompt, or the URI: for servers and proxies that look at headers
	Params jsontext.Value // an object without _meta, or nothing

	fields     http.Header // Mcp-Param-X, for the modern revision
	structured bool        // the tool has an output schema
}

// CallTool returns a call of a tool with arguments, a JSON object.
func CallTool(tool *Tool, arguments jsontext.Value) *Request {
	r := &Request{Method: "tools/call", Name: tool.Name, Params: named("name", tool.Name, arguments)}
	r.fields, r.structured = tool.paramHeaders(arguments), tool.OutputSchema.Kind() == '{'
	return r
}

// GetPrompt returns a request for a prompt; arguments may be empty.
func GetPrompt(name string, arguments jsontext.Value) *Request {
	return &Request{Method: "prompts/get", Name: name, Params: named("name", name, arguments)}
}

// ReadResource returns a request for a resource.
func ReadResource(uri string) *Request {
	return &Request{Method: "resources/read", Name: uri, Params: named("uri", uri, nil)}
}

func named(key, value string, arguments jsontext.Value) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, value)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(value, "\ufffd")) // now it is valid
	}
	params := append([]byte(`{"`+key+`":`), quoted...)
	if len(arguments) > 0 {
		params = append(params, `,"arguments":`...)
		params = append(params, arguments...)
	}
	return append(params, '}')
}

// paramHeaders returns Mcp-Param-X for each argument whose schema is annotated with
// x-mcp-header: X. Most tools have none.
func (t *Tool) paramHeaders(arguments jsontext.Value) http.Header {
	if len(t.Headers) == 0 {
		return nil
	}
	var values map[string]jsontext.Value
	if jsonv2.Unmarshal(arguments, &values) != nil {
		return nil // the server will refuse the arguments
	}
	header := http.Header{}
	for name, field := range t.Headers {
		value, ok := values[name]
		if !ok || value.Kind() == 'n' {
			continue
		}
		text := string(value)
		if value.Kind() == '"' {
			_ = jsonv2.Unmarshal(value, &text) // it is a string
		}
		header.Set("Mcp-Param-"+field, headerValue(text))
	}
	return header
}

// annotations finds the properties that are annotated with x-mcp-header.
func (t *Tool) annotations() {
	var schema struct {
		Properties map[string]struct {
			Header string `json:"x-mcp-header"`
		} `json:"properties"`
	}
	if jsonv2.Unmarshal(t.InputSchema, &schema) != nil {
		return // a schema that cannot be read annotates nothing
	}
	for name, p := range schema.Properties {
		if p.Header == "" || strings.ContainsFunc(p.Header, notToken) {
			continue
		}
		if t.Headers == nil {
			t.Headers = map[string]string{}
		}
		t.Headers[name] = p.Header
	}
}

// notToken reports whether c is not allowed in the name of a header: the server chose the name.
func notToken(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

// headerValue returns s, or its base64 where a header could not carry it.
func headerValue(s string) string {
	safe := s == strings.TrimSpace(s) && !strings.HasPrefix(s, "=?base64?")
	for i := 0; i < len(s) && safe; i++ {
		safe = s[i] >= 0x20 && s[i] < 0x7f || s[i] == '\t'
	}
	if safe {
		return s
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}
