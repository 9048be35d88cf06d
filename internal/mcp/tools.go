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
	} `json:"annotations"`

	annotated map[string]string // property → X of its header Mcp-Param-X
}

// maxPages bounds a listing that never ends.
const maxPages = 1000

// Tools lists the tools of the server, in its order.
func (s *Session) Tools(ctx context.Context) ([]Tool, error) {
	var tools []Tool
	params := map[string]any{}
	for range maxPages {
		result, err := s.ask(ctx, "tools/list", params)
		if err != nil {
			return nil, fmt.Errorf("tools/list: %w", err)
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
			break
		}
		params["cursor"] = page.NextCursor
	}
	for i := range tools {
		tools[i].annotations()
	}
	return tools, nil
}
