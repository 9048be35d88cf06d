package facts

import (
	"encoding/json"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// MaxPages is how many pages of a listing are read.
const MaxPages = 20

// ToolListing is the result of tools/list, page by page.
type ToolListing struct {
	Pages  int        `json:"pages"`
	Ended  bool       `json:"ended"`                    // the last page had no cursor
	Cursor string     `json:"cursor_problem,omitempty"` // repeated, or empty
	Cut    bool       `json:"cut,omitempty"`            // a page was too large, or there were too many tools
	Bytes  int        `json:"bytes"`                    // of all tools
	Tools  []ToolFact `json:"tools"`
	Again  []string   `json:"again,omitempty"` // names on the first page, when it was asked for again

	Rejected string `json:"rejected,omitempty"` // why official clients reject a page
}

// ToolFact is a tool as the server describes it.
type ToolFact struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Input       json.RawMessage `json:"inputSchema,omitempty"`
	Output      json.RawMessage `json:"outputSchema,omitempty"`
	Annotations map[string]any  `json:"annotations,omitempty"`
	Page        int             `json:"page"`
	Bytes       int             `json:"bytes"`
	Rejected    string          `json:"rejected,omitempty"` // why official clients reject it
}

// ListedTools returns the tools that were listed.
func (f *Facts) ListedTools() []ToolFact {
	if f.Tools == nil {
		return nil
	}
	return f.Tools.Tools
}

// Label returns the name of a tool for a message.
func (t ToolFact) Label() string {
	if t.Name == "" {
		return "a tool without a name"
	}
	return report.Cell(t.Name, 64)
}
