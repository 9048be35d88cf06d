package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

// startAssistant starts "mcpdiag mcp" with arguments and returns a client of it.
func startAssistant(t *testing.T, dir string, env []string, args ...string) *mcp.ClientSession {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), mcpdiagBinary(t), args...) // closing the session ends it
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	s, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, stderr.String())
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	})
	return s
}

// newDemoServer starts the demo server of a test.
func newDemoServer(t *testing.T, cfg demo.Config) string {
	t.Helper()
	srv := httptest.NewServer(demo.New(cfg).Handler())
	t.Cleanup(func() { _ = srv.Listener.Close(); srv.CloseClientConnections() })
	return srv.URL
}

// growingCSV is a recording of memory that grows.
func growingCSV() string {
	var b strings.Builder
	b.WriteString("timestamp,pid,rss_mb\n")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 600 {
		fmt.Fprintf(&b, "%s,4711,%.2f\n", begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339), 200+0.1*float64(i)+float64(i*7%5)/10)
	}
	return b.String()
}

// assistantRoot returns a folder with the files of the session in the README.
func assistantRoot(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile("../../examples/mcp-server-demo.log")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"mcp-server-demo.log": string(example), "memory.csv": growingCSV()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var sessionBlock = regexp.MustCompile("(?s)```text\n(→ .*?)```")

// TestAssistantSession plays the session in the README: each call is made, and its answer
// begins with the lines that are shown.
func TestAssistantSession(t *testing.T) {
	t.Parallel()
	block := sessionBlock.FindStringSubmatch(textOf(t, "../../README.md"))
	if block == nil {
		t.Fatal("the README has no session")
	}
	url := newDemoServer(t, demo.Config{})
	s := startAssistant(t, assistantRoot(t), nil, "mcp", "--root", ".")
	calls := strings.Split(block[1], "→ ")[1:]
	if len(calls) != 5 {
		t.Errorf("%d calls", len(calls))
	}
	for _, call := range calls {
		request, shown, _ := strings.Cut(call, "\n")
		tool, args, _ := strings.Cut(request, " ")
		res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(strings.ReplaceAll(args, "http://localhost:3100", url))})
		if err != nil {
			t.Errorf("%s: %v", request, err)
			continue
		}
		var want []string
		for line := range strings.Lines(shown) {
			want = append(want, strings.TrimSpace(strings.TrimPrefix(line, "← ")))
		}
		want = slices.DeleteFunc(want, func(line string) bool { return line == "" })
		got := strings.Split(res.Content[0].(*mcp.TextContent).Text, "\n")
		if diff := cmp.Diff(normal(want), normal(got[:min(len(got), len(want))])); diff != "" {
			t.Errorf("%s\n%s\n%s", request, diff, strings.Join(got, "\n"))
		}
	}
}

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// TestAssistantEntries starts the command of each entry for a host.
func TestAssistantEntries(t *testing.T) {
	t.Parallel()
	blocks := jsonBlock.FindAllStringSubmatch(textOf(t, "../../docs/assistant.md"), -1)
	if len(blocks) != 5 {
		t.Errorf("%d entries", len(blocks))
	}
	type entry struct {
		Type    string
		Command string
		Args    []string
		Env     map[string]string
	}
	for _, block := range blocks {
		var file struct {
			MCPServers map[string]entry `json:"mcpServers"` // Claude Desktop, Claude Code, Cursor
			Servers    map[string]entry `json:"servers"`    // VS Code
		}
		dec := json.NewDecoder(strings.NewReader(block[1]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&file); err != nil || len(file.MCPServers)+len(file.Servers) != 1 {
			t.Errorf("%s: %v", block[1], err)
			continue
		}
		e := file.MCPServers["mcpdiag"]
		if file.Servers != nil {
			e = file.Servers["mcpdiag"]
		}
		if e.Command != "mcpdiag" || e.Type != "" && e.Type != "stdio" {
			t.Errorf("%+v", e)
		}
		dir := t.TempDir()
		for i, arg := range e.Args {
			e.Args[i] = strings.ReplaceAll(arg, "/var/log/mcp", dir)
		}
		var env []string
		for name, value := range e.Env {
			env = append(env, name+"="+value)
		}
		list, err := startAssistant(t, dir, env, e.Args...).ListTools(t.Context(), nil)
		if err != nil || len(list.Tools) != 10 {
			t.Errorf("%q: %v", e.Args, err)
		}
	}
}

// TestAssistantIsHealthy has our own doctor examine the server, over both transports.
func TestAssistantIsHealthy(t *testing.T) {
	t.Parallel()
	invoke(t, "doctor", "--fail-on", "warn", "--", mcpdiagBinary(t), "mcp", "--allow-load").wants(t, exitOK, "HEALTHY")
	invoke(t, "doctor", "--fail-on", "warn", serveAssistant(t)).wants(t, exitOK, "HEALTHY")
}

// serveAssistant starts "mcpdiag mcp" over HTTP and returns its address.
func serveAssistant(t *testing.T, args ...string) string {
	t.Helper()
	announced := filepath.Join(t.TempDir(), "url")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		var out strings.Builder
		ended <- run(ctx, append([]string{"mcp", "-q", "--listen", "127.0.0.1:0", "--announce", announced}, args...), strings.NewReader(""), &out, &out)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	return firstLine(t, announced)
}

// The documents name each tool, and no other.
func TestAssistantTools(t *testing.T) {
	t.Parallel()
	list, err := startAssistant(t, t.TempDir(), nil, "mcp", "--allow-load").ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(textOf(t, "../../docs/assistant.md"), "| tool |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Count(table, "\n") - 1
	if rows != len(list.Tools) {
		t.Errorf("%d rows for %d tools", rows, len(list.Tools))
	}
	for _, tool := range list.Tools {
		if !strings.Contains(table, "\n| "+tool.Name+" |") {
			t.Errorf("the table has no row for %s", tool.Name)
		}
	}
}

// The structured content of a tool is the output of its command with --format json.
func TestAssistantSaysWhatTheCommandSays(t *testing.T) {
	t.Parallel()
	root := assistantRoot(t)
	twoSnapshots(t, root)
	file := func(name string) string { return filepath.Join(root, name) }
	s := startAssistant(t, root, nil, "mcp", "--root", ".")
	for tool, c := range map[string]struct {
		args    map[string]any
		command []string
	}{
		"judge": {map[string]any{"file": "memory.csv"}, []string{"monitor", "--read", file("memory.csv")}},
		"diff":  {map[string]any{"before": "before.json", "after": "after.json"}, []string{"diff", file("before.json"), file("after.json")}},
		"logs":  {map[string]any{"files": []string{"mcp-server-demo.log"}}, []string{"logs", file("mcp-server-demo.log")}},
	} {
		res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: c.args})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(res.StructuredContent)
		var said, want map[string]any
		out := strings.ReplaceAll(invoke(t, append(c.command, "--format", "json")...).out, root+"/", "")
		text := strings.ReplaceAll(string(got), root+"/", "")
		if err := errors.Join(json.Unmarshal([]byte(text), &said), json.Unmarshal([]byte(out), &want)); err != nil {
			t.Fatal(err)
		}
		delete(said, "_notice")
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("%s:\n%s", tool, diff)
		}
	}
}
