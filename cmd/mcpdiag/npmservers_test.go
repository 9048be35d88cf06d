package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// npmServer is a published MCP server and a harmless call of it.
type npmServer struct {
	script, tool, args string
	stdio              []string // arguments for stdio
	http               []string // arguments for Streamable HTTP, nil without it
	sse                []string // arguments for HTTP+SSE, nil without it
	refuses            bool     // args are wrong, since a right call needs the internet: results have isError
}

var publishedServers = map[string]npmServer{
	"everything": {
		script: "@modelcontextprotocol/server-everything/dist/index.js", tool: "echo", args: `{"message":"hi"}`,
		stdio: []string{"stdio"}, http: []string{"streamableHttp"}, sse: []string{"sse"},
	},
	"filesystem":          {script: "@modelcontextprotocol/server-filesystem/dist/index.js", tool: "list_allowed_directories", args: `{}`, stdio: []string{"."}},
	"memory":              {script: "@modelcontextprotocol/server-memory/dist/index.js", tool: "read_graph", args: `{}`},
	"sequential-thinking": {script: "@modelcontextprotocol/server-sequential-thinking/dist/index.js", tool: "sequentialthinking", args: `{"thought":"a","nextThoughtNeeded":false,"thoughtNumber":1,"totalThoughts":1}`},
	"context7":            {script: "@upstash/context7-mcp/dist/index.js", tool: "resolve-library-id", args: `{}`, http: []string{"--transport", "http", "--port", "{port}"}, refuses: true},
}

// TestNPMServers runs published servers under loadtest and proxy over each transport
// that they have, and polls the proxy.
func TestNPMServers(t *testing.T) {
	t.Parallel()
	npmServers(t)
	for name, s := range publishedServers {
		t.Run(name+" stdio", func(t *testing.T) { t.Parallel(); s.testStdio(t) })
		if s.http != nil {
			t.Run(name+" http", func(t *testing.T) { t.Parallel(); s.testHTTP(t, s.http, "/mcp") })
		}
		if s.sse != nil {
			t.Run(name+" sse", func(t *testing.T) { t.Parallel(); s.testHTTP(t, s.sse, "/sse") })
		}
	}
}

// load runs loadtest and checks that every call was answered.
func (s npmServer) load(t *testing.T, args ...string) result.Result {
	t.Helper()
	args = append([]string{"loadtest", "--tool", s.tool, "--args", s.args, "--format", "json", "--users", "2"}, args...)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	var r result.Result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Errorf("exit code %d: %v\n%s", code, err, stderr.String()) // not Fatal: it may run beside the test
	}
	failed := r.Failed
	if s.refuses {
		failed -= r.ErrorsOf(result.ErrTool) + r.ErrorsOf(result.ErrRPC)
	}
	if r.Calls < 2 || failed != 0 || r.Sessions.Failed != 0 {
		t.Errorf("%d calls, %d failed: %+v, %+v\n%s", r.Calls, r.Failed, r.Errors, r.Sessions.Errors, stderr.String())
	}
	return r
}

func (s npmServer) testHTTP(t *testing.T, args []string, path string) {
	url, _ := startNode(t, s.script, args...)
	direct := s.load(t, url+path, "--calls", "3")
	_, front := startProxy(t, url)
	through := s.load(t, front+path, "--calls", "3")
	if through.Calls != direct.Calls || through.Transport != direct.Transport || through.Protocol != direct.Protocol {
		t.Errorf("directly %d calls over %s, through the proxy %d over %s", direct.Calls, direct.Transport, through.Calls, through.Transport)
	}
	pollsCalls(t, func() string { return front }, s.tool)
}

func (s npmServer) testStdio(t *testing.T) {
	script, err := filepath.Abs(filepath.Join(serversDir, "node_modules", s.script))
	if err != nil {
		t.Fatal(err)
	}
	node := append([]string{"node", script}, s.stdio...)
	s.load(t, append([]string{"--calls", "2", "--"}, node...)...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mcpdiag, announced := filepath.Join(dir, "mcpdiag"), filepath.Join(dir, "proxy.txt")
	if err := os.Symlink(self, mcpdiag); err != nil { // the name tells the test binary what to be
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // before it waits
	wg.Go(func() { // what it says does not matter: it only has to make calls until they were seen
		var out bytes.Buffer
		args := []string{"loadtest", "--tool", s.tool, "--args", s.args, "--users", "2", "--session", "shared", "--duration", "2m", "--think", "50ms"}
		run(ctx, append(append(args, "--", mcpdiag, "proxy", "--listen", "127.0.0.1:0", "--announce", announced, "--"), node...), strings.NewReader(""), &out, &out)
	})
	pollsCalls(t, func() string { return firstLine(t, announced) }, s.tool)
}

// firstLine waits for a file and returns its first line.
func firstLine(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
			line, _, _ := strings.Cut(string(data), "\n")
			return line
		}
	}
	t.Fatalf("%s does not appear", path)
	return ""
}

// someCalls matches a snapshot that has counted calls.
var someCalls = regexp.MustCompile(`"callsTotal": ?[1-9]`)

// pollsCalls polls a proxy until its snapshot has counted calls. Its address may
// change: a server that a probe ended is started once more.
func pollsCalls(t *testing.T, url func() string, tool string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace.ndjson")
	var last []byte
	var stdout, stderr bytes.Buffer
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		stdout.Reset()
		stderr.Reset()
		if code := run(t.Context(), []string{"poll", url(), "--interval", "100ms", "--count", "2", "-o", trace}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		var err error
		if last, err = os.ReadFile(trace); err != nil {
			t.Fatal(err)
		}
		if someCalls.Match(last) && bytes.Contains(last, []byte(tool)) {
			return
		}
	}
	t.Errorf("the snapshots have no call of %s: %s\n%.2000s", tool, stderr.String(), last)
}
