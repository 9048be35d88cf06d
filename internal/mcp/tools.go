package mcp

import (
	"context"
	"fmt"

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
		OpenWorld   bool `json:"openWorldHint"` // that it is true was said
	} `json:"annotations"`
	Execution struct {
		TaskSupport string `json:"taskSupport"` // "required": a plain call is refused (2025-11-25)
	} `json:"execution"`

	Headers map[string]string `json:"-"` // property → X of its header Mcp-Param-X, as the schema says
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
		result, err := s.ask(ctx, "tools/list", params)
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
			return annotated(tools), nil
		}
		if params["cursor"] == page.NextCursor {
			return nil, fmt.Errorf("tools/list: %w", malformed("its pages go in a circle"))
		}
		params["cursor"] = page.NextCursor
	}
	return nil, fmt.Errorf("tools/list: %w", malformed("it has more than %d pages", maxPages))
}

// annotated finds once what each call of a tool needs of its schema.
func annotated(tools []Tool) []Tool {
	for i := range tools {
		tools[i].annotations()
	}
	return tools
}
