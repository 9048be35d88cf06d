package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Limits on a listing of tools.
const (
	maxPages  = 20
	maxPage   = 4 << 20 // bytes
	maxTools  = 5000
	maxSchema = 64 << 10 // bytes of a schema that is kept
)

// ToolListing is the result of tools/list, page by page.
type ToolListing struct {
	Pages  int        `json:"pages"`
	Ended  bool       `json:"ended"`                    // the last page had no cursor
	Cursor string     `json:"cursor_problem,omitempty"` // repeated, or empty
	Cut    bool       `json:"cut,omitempty"`            // a page was too large, or there were too many tools
	Bytes  int        `json:"bytes"`                    // of all tools
	Tools  []ToolFact `json:"tools"`
	Again  []string   `json:"again,omitempty"` // names on the first page, when it was asked for again
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
}

// tools reads the listing of tools to its end, within limits.
func (g *gatherer) tools(ctx context.Context) {
	listing := &ToolListing{}
	seen, cursor := map[string]bool{}, ""
	for listing.Pages < maxPages && !listing.Cut {
		r := g.list("tools", cursor)
		r.limit = maxPage
		x, body := g.send(ctx, r)
		next, ok := listing.page(parseMessage(contentType(x.Header), body))
		if !ok {
			listing.Cut = len(body) >= maxPage
			break
		}
		g.f.Tools = listing
		switch {
		case next == nil:
			listing.Ended = true
		case *next == "":
			listing.Cursor = "empty"
		case seen[*next]:
			listing.Cursor = "repeated"
		}
		if next == nil || listing.Cursor != "" {
			break
		}
		seen[*next], cursor = true, *next
	}
	if listing.Cut {
		g.f.Tools = listing
	}
}

// page adds a page and returns the cursor of the next one, nil at the end.
func (l *ToolListing) page(m *Message) (next *string, ok bool) {
	var page struct {
		Tools []json.RawMessage `json:"tools"`
		Next  *string           `json:"nextCursor"`
	}
	if m == nil || len(m.Result) == 0 || json.Unmarshal(m.Result, &page) != nil {
		return nil, false
	}
	l.Pages++
	for _, raw := range page.Tools {
		if len(l.Tools) >= maxTools {
			l.Cut = true
			break
		}
		l.Bytes += len(raw)
		l.Tools = append(l.Tools, toolFact(raw, l.Pages))
	}
	return page.Next, true
}

// toolFact decodes a tool. A tool that cannot be decoded has no name.
func toolFact(raw json.RawMessage, page int) ToolFact {
	var t ToolFact
	if json.Unmarshal(raw, &t) != nil {
		t = ToolFact{}
	}
	t.Page, t.Bytes = page, len(raw)
	for _, schema := range []*json.RawMessage{&t.Input, &t.Output} {
		if len(*schema) > maxSchema {
			*schema = json.RawMessage(`{"type":"object","$comment":"too large to keep"}`)
		}
	}
	return t
}

// exposure asks, without credentials, for pages that servers often have beside MCP.
func (g *gatherer) exposure(ctx context.Context) {
	if !g.f.entry().result() && g.f.entry().kind() != kindAuth {
		return
	}
	healthy := false
	for _, path := range []string{"/health", "/healthz", "/ready", "/metrics", "/debug/pprof/", "/debug/vars", "/debug/snapshot"} {
		if healthy && contains([]string{"/healthz", "/ready"}, path) {
			continue // one page is enough
		}
		u := url.URL{Scheme: g.Target.Scheme, Host: g.Target.Host, Path: path}
		x, _ := g.send(ctx, request{probe: path, verb: http.MethodGet, url: u.String(), anonymous: true, limit: 4 << 10})
		healthy = healthy || x.ok() && contentType(x.Header) != "text/html"
	}
}
