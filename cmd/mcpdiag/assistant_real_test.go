package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// twoSnapshots writes a snapshot before and after growth into a folder.
func twoSnapshots(t *testing.T, dir string) {
	t.Helper()
	for name, doc := range map[string]string{
		"before.json": `{"timestamp":1763700000000,"activeSessions":1,"toolCallStack":[],"heapUsedMB":60}`,
		"after.json":  `{"timestamp":1763700600000,"activeSessions":1,"toolCallStack":[],"heapUsedMB":160}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAssistantTypeScript drives the server with the clients of both TypeScript SDKs, in
// both eras, over both transports.
func TestAssistantTypeScript(t *testing.T) {
	t.Parallel()
	npmServers(t)
	npmClients(t)
	script, _ := filepath.Abs(filepath.Join(clientsDir, "assist.mjs"))
	everything, _ := startNode(t, "@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp")
	root := assistantRoot(t)
	twoSnapshots(t, root)
	calls, _ := json.Marshal([][]any{
		{"doctor", map[string]any{"target": everything}}, {"diff", map[string]any{"before": "before.json", "after": "after.json"}},
		{"logs", map[string]any{"files": []string{"mcp-server-demo.log"}}}, {"judge", map[string]any{"file": "memory.csv"}}, {"judge", map[string]any{"file": "../x"}},
	})
	type result struct {
		Head               string
		Failed, Structured bool
		Text               int
	}
	for _, which := range []string{"v1", "v2", "v2-modern"} {
		for transport, args := range map[string][]string{
			"http":  {serveAssistant(t, "--root", root), string(calls)},
			"stdio": {mcpdiagBinary(t), string(calls), "mcp", "--root", root},
		} {
			t.Run(which+" "+transport, func(t *testing.T) {
				t.Parallel()
				out, err := exec.CommandContext(t.Context(), clientNode(), append([]string{script, which}, args...)...).CombinedOutput()
				var got struct {
					Tools               []string
					Prompts             int
					Results             []result
					Progress, Cancelled bool
				}
				if err != nil || json.Unmarshal(out, &got) != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if len(got.Tools) != 10 || got.Prompts != 3 || !got.Progress || !got.Cancelled {
					t.Errorf("%s", out)
				}
				var heads []string
				for _, r := range got.Results {
					heads = append(heads, r.Head)
					if r.Structured == r.Failed || r.Text > 2000 {
						t.Errorf("%+v", r)
					}
				}
				heads[0], _, _ = strings.Cut(heads[0], ":") // the verdict on that server is not ours
				if diff := cmp.Diff([]string{"doctor", "diff: leak-suspected", "logs: faults", "judge: leak", "judge could not be done"}, heads); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestAssistantInspector drives the server with the command line of the Inspector.
func TestAssistantInspector(t *testing.T) {
	t.Parallel()
	npmServers(t)
	npmClients(t)
	everything, _ := startNode(t, "@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp")
	root := assistantRoot(t)
	twoSnapshots(t, root)
	const call, name, arg = "tools/call", "--tool-name", "--tool-arg"
	for title, c := range map[string]struct {
		server []string
		asked  map[string][]string // by the text that the answer must have
	}{
		"http": {[]string{serveAssistant(t, "--root", root), "--transport", "http"}, map[string][]string{
			`"name": "heap_diff"`:    {"tools/list"},
			`doctor: `:               {call, name, "doctor", arg, "target=" + everything},
			`logs: faults`:           {call, name, "logs", arg, `files=["mcp-server-demo.log"]`},
			`example.com is neither`: {call, name, "doctor", arg, "target=https://example.com"},
		}},
		"stdio": {[]string{mcpdiagBinary(t), "mcp", "--root", root, "--transport", "stdio"}, map[string][]string{
			`"name": "heap_diff"`:  {"tools/list"},
			`diff: leak-suspected`: {call, name, "diff", arg, "before=before.json", "after=after.json"},
			`judge: leak`:          {call, name, "judge", arg, "file=memory.csv", "limit_mb=512"},
			`reports/before.json`:  {"resources/list"},
		}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for want, ask := range c.asked {
				if out := inspector(t, append(append(slices.Clone(c.server), "--method"), ask...)...); !strings.Contains(out, want) {
					t.Errorf("%v: no %q in %.2000s", ask, want, out)
				}
			}
		})
	}
}

// conforming are the scenarios of the conformance suite that need no fixture tool.
var conforming = []string{
	"server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection", "server-sse-multiple-streams",
}

// TestAssistantConformance runs the official suite.
func TestAssistantConformance(t *testing.T) {
	t.Parallel()
	npmClients(t)
	all := conformance(t, strings.TrimSuffix(serveAssistant(t), mcpPath))
	for _, scenario := range conforming {
		checks := all["server-"+scenario]
		if checks == nil {
			checks = all[scenario]
		}
		if len(checks) == 0 || strings.Contains(strings.Join(checks, " "), "FAILURE") {
			t.Errorf("%s: %q", scenario, checks)
		}
	}
	for name, checks := range all {
		if !strings.Contains(strings.Join(checks, " "), "FAILURE") {
			t.Logf("passed: %s", name)
		}
	}
}

// TestLeaksByAssistant has the load tools come to a verdict about demo servers, with progress
// on the way and a short text. Two of the loads take a minute each, more on a busy machine, which has no
// verdict after one minute; so it runs with MCPDIAG_LEAKS alone.
func TestLeaksByAssistant(t *testing.T) {
	t.Parallel()
	if os.Getenv("MCPDIAG_LEAKS") == "" {
		t.Skip("it takes minutes: set MCPDIAG_LEAKS=quick")
	}
	for _, c := range []struct {
		demo          []string
		tool, verdict string
		args          map[string]any
		says          string
	}{
		{[]string{"--leak-call", "64KB"}, "leaktest", "leak", map[string]any{"tool": "echo", "minutes": 4, "users": 4}, "64.0 KB kept per call of echo"},
		{nil, "leaktest", "no-leak", map[string]any{"tool": "echo", "minutes": 4}, "no leak detected (detection limit"},
		{nil, "loadtest", "ok", map[string]any{"tool": "echo", "users": 2, "seconds": 3}, "Failed calls:       0"},
		{nil, "loadtest", "failed", map[string]any{"tool": "flaky", "args": map[string]any{"fail": true}, "users": 2, "seconds": 3}, "the backend did not answer"},
	} {
		t.Run(c.tool+" "+c.verdict, func(t *testing.T) {
			t.Parallel()
			c.args["target"] = startDemo(t, c.demo...)
			res, told := loadByAssistant(t, c.tool, c.args)
			text := res.Content[0].(*mcp.TextContent).Text
			doc, _ := res.StructuredContent.(map[string]any)
			if res.IsError || doc["verdict"] != c.verdict || !strings.Contains(text, c.says) || utf8.RuneCountInString(text) > 2000 {
				t.Errorf("the verdict is %v, want %q\n%s", doc["verdict"], c.verdict, text)
			}
			if len(told) < 2 || !slices.IsSorted(told) || len(slices.Compact(told)) != len(told) {
				t.Errorf("progress does not rise: %v", told)
			}
		})
	}
}

// startDemo starts a demo server, a process of its own, and returns its address.
func startDemo(t *testing.T, args ...string) string {
	t.Helper()
	announced := filepath.Join(t.TempDir(), "url")
	cmd := exec.CommandContext(t.Context(), mcpdiagBinary(t), append([]string{"demo", "--serve", "-q", "--listen", "127.0.0.1:0", "--announce", announced}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	return firstLine(t, announced)
}

// loadByAssistant calls a tool of a new "mcpdiag mcp" and returns the progress, too.
func loadByAssistant(t *testing.T, tool string, args map[string]any) (*mcp.CallToolResult, []float64) {
	t.Helper()
	var mu sync.Mutex
	var told []float64
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, req.Params.Progress)
		}})
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: serveAssistant(t, "--allow-load")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	params := &mcp.CallToolParams{Name: tool, Arguments: args}
	params.SetProgressToken(tool)
	res, err := s.CallTool(t.Context(), params)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return res, slices.Clone(told)
}

// TestLeaksOfAssistant has our own leaktest make 10,000 calls of the server. It takes
// minutes, so it runs with MCPDIAG_LEAKS=all alone.
func TestLeaksOfAssistant(t *testing.T) {
	t.Parallel()
	if os.Getenv("MCPDIAG_LEAKS") != "all" {
		t.Skip("it takes minutes: set MCPDIAG_LEAKS=all")
	}
	out := filepath.Join(t.TempDir(), "out")
	o := invoke(t, "leaktest", "--tool", "judge", "--args", `{"file": "memory.csv"}`, "--users", "10", "--calls", "100", "--rounds", "10",
		"-o", out, "--format", "json", "--", mcpdiagBinary(t), "mcp", "--listen", "127.0.0.1:{port}", "--root", assistantRoot(t))
	var res leaktest.Result
	if err := json.Unmarshal([]byte(o.out), &res); err != nil || o.code != exitOK || res.Verdict != trend.NoLeak {
		t.Fatalf("exit code %d, %v: %s\n%s", o.code, err, res.Sentence, o.err)
	}
	t.Log(res.Sentence)
}
