package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Limits on a listing of tools.
const (
	maxPage   = 4 << 20 // bytes
	maxTools  = 5000
	maxSchema = 64 << 10 // bytes of a schema that is kept
	maxReason = 160      // characters of a reason why clients reject a page or a tool
)

// ListedTools reads the listing of tools to its end, within limits.
func (g *gatherer) tools(ctx context.Context) {
	listing := &facts.ToolListing{}
	seen, cursor := map[string]bool{}, ""
	for listing.Pages < facts.MaxPages && !listing.Cut {
		r := g.list("tools", cursor)
		r.limit = maxPage
		if g.hung && g.f.First("discover").Lacks() != facts.LackTime { // this request decides more than others
			r.timeout = facts.RequestTime - time.Second
		}
		x, body := g.send(ctx, r)
		next, ok := addPage(listing, facts.ParseMessage(facts.ContentType(x.Header), body))
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

// addPage adds a page and returns the cursor of the next one, nil at the end.
func addPage(l *facts.ToolListing, m *facts.Message) (next *string, ok bool) {
	var page struct {
		Tools []json.RawMessage `json:"tools"`
		Next  *string           `json:"nextCursor"`
	}
	if m == nil || len(m.Result) == 0 || json.Unmarshal(m.Result, &page) != nil {
		return nil, false
	}
	l.Pages++
	l.Rejected = cmp.Or(l.Rejected, report.Cell(mcp.RejectedPage(m.Result), maxReason))
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

// toolFact decodes a tool, as far as that is possible.
func toolFact(raw json.RawMessage, page int) facts.ToolFact {
	var t facts.ToolFact
	_ = json.Unmarshal(raw, &t) // members of another type are the reason why it is rejected
	t.Page, t.Bytes, t.Rejected = page, len(raw), report.Cell(mcp.RejectedTool(raw), maxReason)
	for _, schema := range []*json.RawMessage{&t.Input, &t.Output} {
		if len(*schema) > maxSchema {
			*schema = json.RawMessage(`{"type":"object","$comment":"too large to keep"}`)
		}
	}
	return t
}

// exposure asks, without credentials, for pages that servers often have beside MCP.
func (g *gatherer) exposure(ctx context.Context) {
	if !g.f.Entry().Result() && g.f.Entry().Kind() != facts.KindAuth {
		return
	}
	healthy := false
	for _, path := range []string{"/health", "/healthz", "/ready", "/metrics", "/debug/pprof/", "/debug/vars", "/debug/snapshot"} {
		if healthy && slices.Contains([]string{"/healthz", "/ready"}, path) {
			continue // one page is enough
		}
		u := url.URL{Scheme: g.Target.Scheme, Host: g.Target.Host, Path: path}
		x, _ := g.send(ctx, request{probe: path, verb: http.MethodGet, url: u.String(), anonymous: true, limit: 4 << 10})
		healthy = healthy || x.OK() && facts.ContentType(x.Header) != "text/html"
	}
}
