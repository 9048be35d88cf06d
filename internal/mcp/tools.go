package mcp

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Tool is a tool that a server offers.
type Tool struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	InputSchema jsontext.Value `json:"inputSchema"`
	Annotations struct {
		Destructive bool `json:"destructiveHint"`
	} `json:"annotations"`
}

// Bounds of a listing, whose end is the server's to say.
const (
	maxPages   = 1000
	maxListing = 32 << 20 // bytes of all its pages
)

// Tools lists the tools of the server, in its order.
func (s *Session) Tools(ctx context.Context) ([]Tool, error) {
	var tools []Tool
	params := map[string]any{}
	size := 0
	for range maxPages {
		result, err := s.request(ctx, "tools/list", params)
		if err != nil {
			return nil, fmt.Errorf("tools/list: %w", err)
		}
		if size += len(result); size > maxListing {
			return nil, fmt.Errorf("tools/list: %w", malformed("it is larger than %d MiB", maxListing>>20))
		}
		var page struct {
			Tools      []Tool `json:"tools"`
			NextCursor string `json:"nextCursor"`
		}
		if err := jsonv2.Unmarshal(result, &page); err != nil {
			return nil, fmt.Errorf("tools/list: %w", malformed("%v", err))
		}
		tools = append(tools, page.Tools...)
		if page.NextCursor == "" {
			return tools, nil
		}
		if params["cursor"] == page.NextCursor {
			return nil, fmt.Errorf("tools/list: %w", malformed("its pages go in a circle"))
		}
		params["cursor"] = page.NextCursor
	}
	return nil, fmt.Errorf("tools/list: %w", malformed("it has more than %d pages", maxPages))
}

// Result is the result of a tool call. IsError says that the tool failed, which
// is not an error of the protocol.
type Result struct {
	IsError bool
	Text    string // its first text, which says why where IsError

	// Arrived is when it was there. The exchange can end later, where a server
	// leaves its stream open.
	Arrived time.Time
}

// Call calls a tool with arguments, a JSON object. An error means that there is
// no result: the exchange, the HTTP status or the JSON-RPC answer failed.
func (s *Session) Call(ctx context.Context, tool Tool, arguments jsontext.Value) (Result, error) {
	header := http.Header{}
	if !s.era.Sessions() {
		header.Set("Mcp-Name", headerValue(tool.Name))
		tool.paramHeaders(arguments, header)
	}
	reply, err := s.requestWith(ctx, "tools/call", map[string]any{"name": tool.Name, "arguments": arguments}, header)
	if err != nil {
		return Result{}, err
	}
	var r struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		ResultType string `json:"resultType"`
	}
	if err := jsonv2.Unmarshal(reply.result, &r, jsontext.AllowInvalidUTF8(true)); err != nil {
		return Result{}, malformed("%v", err)
	}
	if r.ResultType == "input_required" {
		return Result{}, malformed("the tool asks for input, which this client does not offer")
	}
	res := Result{IsError: r.IsError, Arrived: reply.at}
	if len(r.Content) > 0 {
		res.Text = r.Content[0].Text
	}
	return res, nil
}

// paramHeaders sets Mcp-Param-X for each argument whose schema is annotated with
// x-mcp-header: X.
func (t *Tool) paramHeaders(arguments jsontext.Value, header http.Header) {
	var schema struct {
		Properties map[string]struct {
			Header string `json:"x-mcp-header"`
		} `json:"properties"`
	}
	var values map[string]jsontext.Value
	if jsonv2.Unmarshal(t.InputSchema, &schema) != nil || jsonv2.Unmarshal(arguments, &values) != nil {
		return // a schema or arguments that cannot be read annotate nothing
	}
	for name, p := range schema.Properties {
		value, ok := values[name]
		if !ok || p.Header == "" || value.Kind() == 'n' {
			continue
		}
		text := string(value)
		if value.Kind() == '"' {
			_ = jsonv2.Unmarshal(value, &text) // it is a string
		}
		header.Set("Mcp-Param-"+p.Header, headerValue(text))
	}
}

// headerValue is s, or its base64 where a header could not carry it as it is.
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
