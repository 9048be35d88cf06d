package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

const serversDir = "../../testdata/servers"

// npmServers installs the servers that are locked in testdata/servers. Where
// they cannot be had, the test is skipped; in CI that is a failure.
func npmServers(t *testing.T) {
	t.Helper()
	npmInstall(t, serversDir)
}

// installing is held while npm installs: tests that run side by side need the same packages.
var installing sync.Mutex

// npmInstall installs the packages that are locked in dir, unless they are there.
func npmInstall(t *testing.T, dir string) {
	t.Helper()
	processtest.NeedsThorough(t)
	installing.Lock()
	defer installing.Unlock()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is missing: packages from the npm registry cannot be installed")
	}
	installed, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	wanted, err2 := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err == nil && err2 == nil && !installed.ModTime().Before(wanted.ModTime()) {
		return
	}
	cmd := exec.Command(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("npm ci cannot install the packages: %v", err)
	}
}

// startNode starts a server of testdata/servers on a free port and waits until it listens.
func startNode(t *testing.T, script string, args ...string) (url string, pid int) {
	t.Helper()
	addr := processtest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{port}", port)
	}
	cmd := exec.Command("node", append([]string{filepath.Join("node_modules", script)}, args...)...)
	cmd.Dir = serversDir
	cmd.Env = append(os.Environ(), "PORT="+port)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://" + addr + "/"); err == nil {
			resp.Body.Close()
			return "http://" + addr, cmd.Process.Pid
		}
	}
	t.Fatalf("%s does not listen: %s", script, log.String())
	return "", 0
}

// resultOf runs a command with --format json and decodes what it prints.
func resultOf[T any](t *testing.T, args ...string) T {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append(args, "--format", "json"), strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("mcpdiag %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
	var v T
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatalf("mcpdiag %s: %v\n%s", strings.Join(args, " "), err, stdout.String())
	}
	return v
}

func TestServerEverything(t *testing.T) {
	t.Parallel()
	npmServers(t)
	url, pid := startNode(t, "@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp")

	load := resultOf[result.Result](t, "loadtest", url, "--users", "10", "--calls", "20", "--tool", "echo", "--args", `{"message":"hi"}`)
	if load.Succeeded != 200 || load.Failed != 0 || load.Sessions.Closed != 10 || load.Protocol != "2025-11-25" {
		t.Errorf("loadtest: %+v", load)
	}
	if load.Latency.P50 <= 0 || load.Latency.P99 < load.Latency.P50 || load.Latency.Max < load.Latency.P99 {
		t.Errorf("latencies are not in order: %+v", load.Latency)
	}
	chosen := resultOf[result.Result](t, "loadtest", url, "--users", "2", "--calls", "2")
	if chosen.Calls != 4 { // some of its tools reach for the network, and fail without one
		t.Errorf("loadtest with arguments made from the schema: %+v", chosen)
	}
	bad := loadtestCode(t, "loadtest", url, "--users", "2", "--calls", "3", "--tool", "echo", "--args", `{}`, "--format", "json")
	if bad.ErrorsOf(result.ErrTool) != 6 || bad.Succeeded != 0 {
		t.Errorf("bad arguments: %+v, want 6 results with isError", bad.Errors)
	}

	csv := filepath.Join(t.TempDir(), "memory.csv")
	mem := resultOf[monitor.Result](t, "monitor", "--pid", strconv.Itoa(pid), "--interval", "50ms", "--count", "5", "-o", csv)
	if data, err := os.ReadFile(csv); err != nil || bytes.Count(data, []byte("\n")) != 6 {
		t.Errorf("memory.csv: %v\n%s", err, data)
	}
	if mem.Processes[0].RSS.Final < 20 {
		t.Errorf("RSS of a Node server is %.1f MB", mem.Processes[0].RSS.Final)
	}
}

// loadtestCode is the result of a load test in which no call succeeded.
func loadtestCode(t *testing.T, args ...string) result.Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitFailure {
		t.Fatalf("exit code %d, want 1\n%s", code, stderr.String())
	}
	var v result.Result
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
