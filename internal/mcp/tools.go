package mcp

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Tool is a tool that a server offers.
type Tool struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	InputSchema jsontext.Value `json:"inputSchema"`

	OutputSchema jsontext.Value `json:"outputSchema"`

	Annotations struct {
		ReadOnly    bool `json:"readOnlyHint"`
		Destructive bool `json:"destructiveHint"`
		OpenWorld   bool `json:"openWorldHint"` // true only where the server says so
	} `json:"annotations"`
	Execution struct {
		TaskSupport string `json:"taskSupport"` // "required": a plain call is refused (2025-11-25)
	} `json:"execution"`

	Headers map[string]string `json:"-"` // property → X of its header Mcp-Param-X, as the schema says
}

// Risky reports whether the server declares that the tool destroys something or acts
// outside the server.
func (t *Tool) Risky() bool { return t.Annotations.Destructive || t.Annotations.OpenWorld }

// maxListing limits the pages of a listing, in bytes together.
const maxListing = 32 << 20

// Tools lists the tools of the server, in its order. A listing without an end is read
// until the deadline of ctx, until its pages repeat or exceed a limit; the tools
// found by then count, with a warning.
func (s *Session) Tools(ctx context.Context) ([]Tool, error) {
	var tools []Tool
	params := map[string]any{}
	seen := map[string]bool{}
	for size := 0; ; {
		page, err := s.ask(ctx, "tools/list", params)
		if err != nil && len(seen) > 0 && ctx.Err() != nil {
			return tools, s.note([]deviation{{text: "tools/list does not end before the deadline; the tools of its first pages count"}})
		}
		if err != nil {
			return nil, fmt.Errorf("tools/list: %w", err)
		}
		found, next, err := s.toolsOf(page)
		if err != nil {
			return nil, fmt.Errorf("tools/list: %w", err)
		}
		tools = append(tools, found...)
		size += len(page)
		switch {
		case next == nil:
			return tools, nil
		case seen[*next]:
			return tools, s.note([]deviation{{text: "tools/list repeats its pages without an end; clients would list for ever"}})
		case size > maxListing:
			return tools, s.note([]deviation{{text: fmt.Sprintf("tools/list is larger than %d MiB; the tools of its first pages count", maxListing>>20)}})
		}
		seen[*next] = true
		params["cursor"] = *next
	}
}

// toolsOf reads one page of a listing. An empty cursor is a cursor.
func (s *Session) toolsOf(result jsontext.Value) (tools []Tool, next *string, err error) {
	var page struct {
		Tools      []jsontext.Value `json:"tools"`
		NextCursor *string          `json:"nextCursor"`
	}
	odd, err := unmarshal(result, &page)
	if err != nil {
		return nil, nil, err
	}
	odd = append(odd, pageShape.deviations("a page of tools/list", result)...)
	if page.Tools == nil {
		odd = append(odd, deviation{"tools/list has no array of tools", bySDK})
	}
	for _, entry := range page.Tools {
		tool, found := readTool(entry)
		odd = append(odd, found...)
		if tool.Name == "" {
			odd = append(odd, deviation{"an entry of tools/list has no name; it is ignored", bySDK})
			continue
		}
		tool.annotations()
		tools = append(tools, tool)
	}
	return tools, page.NextCursor, s.note(odd)
}

// readTool reads an entry of a listing, as far as it can be understood.
func readTool(entry jsontext.Value) (Tool, []deviation) {
	var tool Tool
	odd, err := unmarshal(entry, &tool)
	if bad := new(MalformedError); errors.As(err, &bad) {
		var part struct {
			Name        string         `json:"name"`
			InputSchema jsontext.Value `json:"inputSchema"`
		}
		_, _ = unmarshal(entry, &part) // an unreadable member stays empty
		tool = Tool{Name: part.Name, InputSchema: part.InputSchema}
		odd = append(odd, deviation{fmt.Sprintf("an entry of tools/list cannot be read: %s", bad.What), bySDK})
	}
	switch {
	case tool.Name == "": // it is ignored
	case !isObjectSchema(tool.InputSchema):
		odd = append(odd, deviation{fmt.Sprintf(`the input schema of tool %.60q lacks "type": "object"`, tool.Name), bySDK})
	case err == nil:
		odd = append(odd, toolShape.deviations(fmt.Sprintf("tool %.60q", tool.Name), entry)...)
	}
	return tool, odd
}

// isObjectSchema reports whether a schema has the type object, which MCP requires.
func isObjectSchema(schema jsontext.Value) bool {
	var s struct {
		Type string `json:"type"`
	}
	_, err := unmarshal(schema, &s)
	return err == nil && s.Type == "object"
}
