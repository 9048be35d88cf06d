package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// TestBufferedSSE has a server of HTTP+SSE behind hops that hold its events back.
func TestBufferedSSE(t *testing.T) {
	t.Parallel()
	server := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	sse := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
	for name, tc := range map[string]struct {
		get  http.HandlerFunc // instead of the server's; nil for none
		want []string
	}{
		"healthy": {nil, []string{}},
		"the events are held": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, []string{"stream.buffered"}},
		"the header is held, too": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"stream.buffered"}},
		"the stream ends":         {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/event-stream") }, []string{"http.path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/mcp", r.Method == http.MethodPost && r.URL.RawQuery == "":
					http.Error(w, "no such thing", http.StatusNotFound)
				case r.Method == http.MethodGet && tc.get != nil:
					tc.get(w, r)
				default:
					sse.ServeHTTP(w, r)
				}
			}))
			t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
			r := Judge(examine(t, s.URL+"/mcp", ""), Judgement{})
			if !slices.Equal(r.RootCauses, tc.want) {
				t.Errorf("root causes %q, want %q\n%s", r.RootCauses, tc.want, shown(r))
			}
		})
	}
}

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
			wrong := slices.DeleteFunc(slices.Clone(r.Checks), func(c rules.Check) bool { return c.Severity != finding.Fail })
			if len(wrong) > 0 {
				t.Errorf("false failures\n%s", shown(r))
			}
			if got := shown(r); strings.Count(got, "warn") != 1 || !strings.Contains(got, "warn http.rebinding") {
				t.Errorf("%s, want only the warning http.rebinding\n%s", r.Verdict, got)
			}
		})
	}
}
