package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/deps/depstest"
)

// leakyPool is an MCP server whose tool opens a connection to Redis, sets a key, and gives
// neither back.
func leakyPool(t *testing.T, redis string) string {
	t.Helper()
	s := mcp.NewServer(&mcp.Implementation{Name: "leaky"}, nil)
	var calls atomic.Int64
	mcp.AddTool(s, &mcp.Tool{Name: "search"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(redis, "redis://"))
		if err != nil {
			return nil, nil, err
		}
		t.Cleanup(func() { _ = conn.Close() })
		key := fmt.Sprintf("session:%06d", calls.Add(1))
		_, _ = fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n", len(key), key)
		_, err = conn.Read(make([]byte, 10))
		return &mcp.CallToolResult{}, nil, err
	})
	server := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{JSONResponse: true}))
	t.Cleanup(server.Close)
	return server.URL + "/mcp"
}

// What each call leaves on a database is counted beside a load; in a leak test it decides.
func TestHeldPerCall(t *testing.T) {
	redis := depstest.Redis(t)
	t.Setenv("CACHE", redis.Address)
	url := leakyPool(t, redis.Address)
	o := invoke(t, "loadtest", url, "--users", "2", "--calls", "10", "--redis", "CACHE")
	o.wants(t, exitOK, "Redis connections       0     20      1.00")
	o.wants(t, exitOK, "Redis keys              0     20      1.00")
	invoke(t, "loadtest", url, "--redis", "NOT_SET").wants(t, exitUsage, "neither an address nor a variable that is set")
	invoke(t, "loadtest", url, "--find-knee", "--redis", "CACHE").wants(t, exitUsage, "--find-knee makes many runs")
	invoke(t, "loadtest", url, "--postgres", unreachable).wants(t, exitFailure, "counting what is held on --postgres: no connection")
	if testing.Short() {
		t.Skip("a leak test takes some seconds")
	}
	folder := filepath.Join(t.TempDir(), "out")
	o = invoke(t, "leaktest", "--url", url, "--pid", strconv.Itoa(os.Getpid()), "--tool", "search", "--users", "2", "--calls", "10", "--rounds", "8", "--delay", "0.1", "--hold", "0", "--rss", "--snapshot", "off", "--factors", "call",
		"--redis", "CACHE", "-o", folder)
	o.wants(t, exitFinding, "Redis connections: ")
	o.wants(t, exitFinding, "(1.00 per call of search)")
	o.wants(t, exitFinding, "Connections to Redis are opened and not closed.")
}
