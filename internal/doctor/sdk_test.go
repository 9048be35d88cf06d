package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// TestGoSDK examines servers of the Go SDK as it makes them: it refuses a foreign
// Host, but not a foreign Origin, which is a warning.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	server := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Echo a text"}, func(_ context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{}, nil, nil
	})
	get := func(*http.Request) *mcp.Server { return server }
	for name, o := range map[string]*mcp.StreamableHTTPOptions{
		"stateful": nil, "stateless": {Stateless: true}, "stateful, JSON": {JSONResponse: true}, "stateless, JSON": {Stateless: true, JSONResponse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(mcp.NewStreamableHTTPHandler(get, o))
			t.Cleanup(s.Close)
			r := Judge(examine(t, s.URL+"/mcp", ""), Judgement{})
			wrong := slices.DeleteFunc(slices.Clone(r.Checks), func(c Check) bool { return c.Severity != finding.Fail })
			if len(wrong) > 0 {
				t.Errorf("false failures\n%s", shown(r))
			}
			if got := shown(r); strings.Count(got, "warn") != 1 || !strings.Contains(got, "warn http.rebinding") {
				t.Errorf("%s, want only the warning http.rebinding\n%s", r.Verdict, got)
			}
		})
	}
}
