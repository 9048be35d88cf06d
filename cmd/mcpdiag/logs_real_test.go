package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/logs"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// hostLog starts the command in os.Args and passes its standard streams on. It
// writes every message to a file, as Claude Desktop does: hostlog FILE COMMAND...
func hostLog() {
	file, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	pass := func(r io.Reader, w io.WriteCloser, from string) {
		in := bufio.NewReaderSize(r, 1<<20)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				mu.Lock()
				fmt.Fprintf(file, "%s [demo] [info] Message from %s: %s { metadata: undefined }\n",
					time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), from, strings.TrimSpace(line))
				mu.Unlock()
				_, _ = io.WriteString(w, line)
			}
			if err != nil {
				w.Close()
				return
			}
		}
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		panic(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	go pass(os.Stdin, stdin, "client")
	pass(stdout, os.Stdout, "server")
	_ = cmd.Wait()
}

// sdkServer is a server on the official Go SDK over standard streams. Its tool third
// fails every third time if n is not 0.
func sdkServer() {
	type input struct {
		N int `json:"n"`
	}
	s := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	calls := 0
	mcp.AddTool(s, &mcp.Tool{Name: "third", Description: "fails every third time"}, func(_ context.Context, _ *mcp.CallToolRequest, in input) (*mcp.CallToolResult, any, error) {
		time.Sleep(2 * time.Millisecond)
		if calls++; in.N != 0 && calls%3 == 0 {
			return nil, nil, fmt.Errorf("call %d failed", calls)
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "ok"}}}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "complain", Description: "writes an error to the log"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		slog.Error("query failed", "err", "pq: sorry, too many clients already", "password", "hunter2hunter2")
		return &mcp.CallToolResult{}, nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "crash", Description: "ends the process"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		go func() { _ = []int{}[calls] }()
		select {}
	})
	_ = s.Run(context.Background(), &mcp.StdioTransport{})
}

// The last error of a real server that the proxy started is in the snapshot while the
// server runs, and is said with its remedy when it has crashed.
func TestProxyTellsLastError(t *testing.T) {
	t.Parallel()
	announced := filepath.Join(t.TempDir(), "proxy.txt")
	var stderr bytes.Buffer
	cmd := exec.Command("mcpdiag", "proxy", "--announce", announced, "--", "sdkserver")
	cmd.Stderr = &stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "complain"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(announced)
	if err != nil {
		t.Fatal(err)
	}
	url, _, _ := strings.Cut(string(text), "\n")
	var last string
	for deadline := time.Now().Add(20 * time.Second); last == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		last = lastErrorAt(t, url+"/debug/snapshot")
	}
	if !strings.Contains(last, "too many clients") || strings.Contains(last, "hunter2") {
		t.Errorf("the snapshot has the error %q", last)
	}
	if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "crash"}); err == nil {
		t.Error("the server did not crash")
	}
	_ = session.Close()
	for _, want := range []string{
		"password=hunter2hunter2\n", // the server's own line passes unchanged
		"warning: the server's last error: panic: runtime error: index out of range", "warning: known fault: a Go server panicked. ",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, &stderr)
		}
	}
}

func lastErrorAt(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var d struct{ Proxy struct{ LastError string } }
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d.Proxy.LastError
}

// The calls, errors and latencies that a host's log of the messages that the proxy passes
// gives equal those of the load test.
func TestLogsOfLoad(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, tool, args string
		npm              string
		command          []string
	}{
		{name: "Go SDK", tool: "third", args: `{"n": 0}`, command: []string{"sdkserver"}},
		{name: "Go SDK, with errors", tool: "third", args: `{"n": 1}`, command: []string{"sdkserver"}},
		{name: "server-everything", tool: "echo", args: `{"message": "x"}`, npm: "server-everything", command: []string{"node", "dist/index.js", "stdio"}},
		{name: "server-filesystem", tool: "list_directory", args: `{"path": "."}`, npm: "server-filesystem", command: []string{"node", "dist/index.js", "."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			command := test.command
			if test.npm != "" {
				npmServers(t)
				main, err := filepath.Abs(filepath.Join(serversDir, "node_modules", "@modelcontextprotocol", test.npm, command[1]))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(main); err != nil {
					t.Skip(test.npm, "is not installed")
				}
				command = append([]string{"node", main}, command[2:]...)
			}
			log := filepath.Join(t.TempDir(), "mcp-server-demo.log")
			var load result.Result
			runJSON(t, &load, append([]string{"loadtest", "--format", "json", "--users", "1", "--calls", "30", "--tool", test.tool, "--args", test.args, "--", "mcpdiag", "proxy", "--", "hostlog", log}, command...)...)
			var said logs.Result
			runJSON(t, &said, "logs", log, "--format", "json")
			compareCalls(t, test.tool, &load, &said)
		})
	}
}

// runJSON runs mcpdiag and reads its JSON. A finding is a success, too.
func runJSON(t *testing.T, v any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "mcpdiag", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != exitFinding {
		t.Fatalf("mcpdiag %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("mcpdiag %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// compareCalls compares the figures of one tool. The log is written between the proxy
// and the server, so its latencies are a little shorter.
func compareCalls(t *testing.T, tool string, load *result.Result, said *logs.Result) {
	t.Helper()
	for _, row := range said.Calls {
		if row.Name != tool {
			continue
		}
		if row.Calls != load.Calls || row.Errors != load.Failed {
			t.Errorf("the log has %d calls and %d errors, the load test %d and %d", row.Calls, row.Errors, load.Calls, load.Failed)
		}
		const slack = 50 // ms, for a busy machine
		if d := load.Latency.P50 - row.LatencyMS.P50; row.LatencyMS.P50 <= 0 || d < -1 || d > slack {
			t.Errorf("the median latency is %g ms in the log, %g ms in the load test", row.LatencyMS.P50, load.Latency.P50)
		}
		return
	}
	t.Errorf("no calls of %s in %+v", tool, said.Calls)
}

// A real crash of each runtime is found, with its place.
func TestLogsOfCrashes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		name, signature, title string
		command                []string
	}{
		{"Node error", "node.uncaught", "TypeError", []string{"node", write("a.js", "process.on('uncaughtException', e => { console.error('Uncaught exception: ' + e.stack); process.exit(1) });\nfunction load() { null.x }\nload()\n")}},
		{"Node heap", "node.heap-limit", "FATAL ERROR", []string{"node", "--max-old-space-size=20", write("b.js", "const all = []; for (;;) all.push(new Array(1000).fill({}))\n")}},
		{"Go panic", "go.panic", "panic: runtime error", []string{"go", "run", write("main.go", "package main\n\nfunc main() {\n\tvar list []int\n\tprintln(list[len(list)+3])\n}\n")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := exec.LookPath(test.command[0]); err != nil {
				t.Skip(test.command[0], "is missing")
			}
			cmd := exec.CommandContext(t.Context(), test.command[0], test.command[1:]...)
			out, _ := cmd.CombinedOutput() // it fails on purpose
			log := write(strings.ReplaceAll(test.name, " ", "-")+".log", string(out))
			var said logs.Result
			runJSON(t, &said, "logs", log, "--format", "json")
			found := false
			for _, s := range said.Signatures {
				found = found || s.ID == test.signature
			}
			if !found {
				t.Errorf("no %s in %+v\n%s", test.signature, said.Signatures, out)
			}
			if len(said.Errors) == 0 || !strings.Contains(said.Errors[0].Title+said.Signatures[0].Line, test.title) {
				t.Errorf("errors are %+v\n%s", said.Errors, out)
			}
		})
	}
}

// A log of a real PostgreSQL: a failed statement with its text, and a refused login.
func TestLogsOfPostgreSQL(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	bin := "/usr/lib/postgresql/15/bin"
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err != nil {
		t.Skip("PostgreSQL 15 is missing")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to run as the user postgres")
	}
	dir, err := os.MkdirTemp("/tmp", "mcpdiag-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	script := fmt.Sprintf(`set -e
chown postgres %[1]s
as() { runuser -u postgres -- "$@"; }
as %[2]s/initdb -D %[1]s/data -A trust -U postgres --no-sync >/dev/null
printf '%%s\n' "select 1/0;" | as %[2]s/postgres --single -D %[1]s/data postgres >%[1]s/out 2>%[1]s/server.log || true
`, dir, bin)
	if out, err := exec.CommandContext(t.Context(), "bash", "-c", script).CombinedOutput(); err != nil {
		t.Skipf("PostgreSQL cannot run here: %v\n%s", err, out)
	}
	var said logs.Result
	runJSON(t, &said, "logs", filepath.Join(dir, "server.log"), "--format", "json", "--tz", "UTC")
	if said.Read.Formats["PostgreSQL"] == 0 || len(said.Errors) == 0 || !strings.Contains(said.Errors[0].Title, "division by zero") {
		t.Errorf("read as %v; errors %+v", said.Read.Formats, said.Errors)
	}
}

// The logs of a real nginx in front of a server that is down.
func TestLogsOfNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is missing")
	}
	dir := t.TempDir()
	listen, dead := processtest.FreeAddress(t), processtest.FreeAddress(t)
	conf := fmt.Sprintf(`pid %[1]s/nginx.pid; error_log %[1]s/error.log; events {}
http {
  access_log %[1]s/access.log; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; location / { proxy_pass http://%[3]s; } }
}`, dir, listen, dead)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "nginx", "-c", path, "-g", "daemon off;")
	if err := cmd.Start(); err != nil {
		t.Skip("nginx cannot run here:", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }) // a master that is killed leaves its worker
	url := "http://" + listen + "/mcp"
	var status int
	for deadline := time.Now().Add(20 * time.Second); status == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(url); err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
	}
	if status != http.StatusBadGateway {
		t.Fatalf("nginx answers %d", status)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(filepath.Join(dir, "access.log")); err == nil && len(data) > 0 {
			break
		}
	}
	var said logs.Result
	runJSON(t, &said, "logs", filepath.Join(dir, "access.log"), filepath.Join(dir, "error.log"), "--format", "json")
	if len(said.ErrorRates) == 0 || said.ErrorRates[0].Name != "/mcp" || said.ErrorRates[0].Errors == 0 {
		t.Errorf("error rates: %+v", said.ErrorRates)
	}
	if len(said.Signatures) == 0 || said.Signatures[0].ID != "http.upstream" {
		t.Errorf("known faults: %+v, read as %v", said.Signatures, said.Read.Formats)
	}
}
