package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

const stdioEnv = "MCPDIAG_TEST_STDIO"

// TestMain is also a server that is spoken to over standard streams.
func TestMain(m *testing.M) {
	if process.IsWatchdog(os.Args) {
		os.Exit(launch.Watchdog())
	}
	if os.Getenv(stdioEnv) == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, "this server talks on standard error, too")
	if os.Getenv(stdioEnv) == "log" {
		fmt.Println("INFO starting at", time.Now())
	}
	if err := sdkServer(nil).Run(context.Background(), &sdk.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// sdkServer has a tool that works, one that fails every third call, and one that
// asks its client something before it answers.
func sdkServer(calls *atomic.Int64) *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	text := func() *sdk.CallToolResult {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "done"}}}
	}
	sdk.AddTool(s, &sdk.Tool{Name: "work"}, func(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, any, error) {
		return text(), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "flaky"}, func(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, any, error) {
		if calls != nil && calls.Add(1)%3 == 0 {
			return nil, nil, errors.New("the third call fails")
		}
		return text(), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "asking"}, func(ctx context.Context, req *sdk.CallToolRequest, _ nothing) (*sdk.CallToolResult, any, error) {
		if err := req.Session.Ping(ctx, nil); err != nil {
			return nil, nil, err
		}
		return text(), nil, nil
	})
	return s
}

func tool(name string) []plan.Step { return []plan.Step{{Kind: plan.CallTool, Name: name, Weight: 1}} }

// The official Go SDK, in each of its forms: all calls succeed, but those made to fail.
func TestGoSDK(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		for _, asJSON := range []bool{false, true} {
			for _, direct := range []bool{true, false} {
				t.Run(fmt.Sprintf("stateless %t, JSON %t, direct %t", stateless, asJSON, direct), func(t *testing.T) {
					var calls atomic.Int64
					s := sdkServer(&calls)
					cfg := onTCP(t, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s },
						&sdk.StreamableHTTPOptions{Stateless: stateless, JSONResponse: asJSON}), 10*time.Second)
					cfg.NetHTTP, cfg.Check = !direct, !direct
					versions := []string{mcp.Legacy, "2025-06-18", "2025-03-26"}
					if stateless {
						versions = append(versions, mcp.Modern)
					}
					for _, version := range versions {
						plan := plan.Plan{Protocol: version, Steps: tool("work"), Stages: []plan.Stage{{Users: 4, Calls: 10}}}
						res := runPlan(t, cfg, plan)
						// net/http may have connections left from the run before.
						if res.Calls != 40 || res.Failed != 0 || res.Protocol != version || direct && res.Phases.Connect == nil || res.FirstByte == nil || res.Bytes.Received == 0 {
							t.Errorf("%s: %d calls, %d failed: %+v; %+v", version, res.Calls, res.Failed, res.Errors, res.Phases)
						}
						if sessions := res.Sessions; version != mcp.Modern && (sessions.Opened != 4 || sessions.Closed != 4 || res.Phases.Initialize == nil) {
							t.Errorf("%s: %+v", version, sessions)
						}
					}
					res := runPlan(t, cfg, plan.Plan{Steps: tool("flaky"), Stages: []plan.Stage{{Users: 2, Calls: 6}}})
					if res.Calls != 12 || res.ErrorsOf(result.ErrTool) != 4 || res.Failed != 4 || res.FailedLatency.Count != 4 {
						t.Errorf("flaky: %+v", res.Errors)
					}
					if stateless || asJSON {
						return // there is no way to ask the client
					}
					if res = runPlan(t, cfg, plan.Plan{Steps: tool("asking"), Stages: []plan.Stage{{Users: 3, Calls: 5}}}); res.Succeeded != 15 {
						t.Errorf("asking: %+v", res.Errors)
					}
				})
			}
		}
	}
}

// HTTP+SSE of 2024-11-05, asked for and found out.
func TestHTTPSSE(t *testing.T) {
	s := sdkServer(nil)
	cfg := onTCP(t, sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return s }, nil), 10*time.Second)
	for _, version := range []string{"2024-11-05", ""} {
		cfg.Plan = plan.Plan{Protocol: version, Steps: tool("asking"), Stages: []plan.Stage{{Users: 4, Calls: 10}}}
		res, err := prepareAndRun(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.Succeeded != 40 || res.Failed != 0 || res.Transport != "sse" || res.Sessions.Opened != 4 || res.Sessions.Closed != 4 {
			t.Errorf("%q: %d of %d, over %s: %+v, %+v", version, res.Succeeded, res.Calls, res.Transport, res.Errors, res.Sessions)
		}
	}
}

// Standard streams: a process a user, and one for all with their calls side by side.
func TestStdio(t *testing.T) {
	t.Setenv(stdioEnv, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, shared := range []bool{false, true} {
		cfg := Config{Timeout: 20 * time.Second, Options: Options{Command: []string{self}, Shared: shared}}
		cfg.Plan = plan.Plan{Steps: tool("asking"), Stages: []plan.Stage{{Users: 3, Calls: 20}}}
		res, err := prepareAndRun(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.Succeeded != 60 || res.Failed != 0 || res.Transport != "stdio" {
			t.Errorf("shared %t: %d of %d over %s: %+v", shared, res.Succeeded, res.Calls, res.Transport, res.Errors)
		}
	}
	t.Setenv(stdioEnv, "log")
	cfg := Config{Timeout: 20 * time.Second, Options: Options{Command: []string{self}}}
	cfg.Plan = plan.Plan{Steps: tool("work"), Stages: []plan.Stage{{Users: 3, Calls: 2}}}
	res, err := prepareAndRun(t.Context(), cfg)
	if err != nil || res.Succeeded != 6 || strings.Count(fmt.Sprint(res.Warnings), "lines that are no MCP messages; hosts close the connection") != 1 {
		t.Errorf("%v, want one warning of the lines in standard output: %+v", err, res)
	}
	cfg.Check = true
	if _, err := prepareAndRun(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "lines that are no MCP messages") {
		t.Errorf("with --check: %v", err)
	}
	cfg = Config{Timeout: 5 * time.Second, Options: Options{Command: []string{"/nonexistent/server"}}}
	cfg.Plan = plan.Plan{Steps: slices.Clone(workStep), Stages: []plan.Stage{{Users: 1, Calls: 1}}}
	if _, err := prepareAndRun(t.Context(), cfg); err == nil {
		t.Error("a command that is not there started")
	}
}
