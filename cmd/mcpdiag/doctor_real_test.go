package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor"
	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
	"github.com/mcpdiag/mcpdiag/internal/finding"
)

// playwright is a server whose tools need a browser; doctor calls none.
var playwright = npmServer{script: "@playwright/mcp/cli.js", http: []string{"--port", "{port}"}}

// TestDoctorOfRealServers examines published servers. The failures listed are true:
// http.rebinding, since these servers accept a foreign Origin on this machine; and
// session.delete, since server-everything answers 400 after DELETE.
func TestDoctorOfRealServers(t *testing.T) {
	t.Parallel()
	npmServers(t)
	everything := publishedServers["everything"].script
	for name, s := range map[string]struct {
		script string
		args   []string
		path   string
		true   []string
	}{
		"TypeScript SDK 1":       {script: "../ts1.mjs", path: "/mcp", true: []string{"http.rebinding"}},
		"TypeScript SDK 2":       {script: "../ts2.mjs", path: "/mcp", true: []string{"http.rebinding"}},
		"server-everything":      {script: everything, args: []string{"streamableHttp"}, path: "/mcp", true: []string{"http.rebinding", "session.delete"}},
		"server-everything, SSE": {script: everything, args: []string{"sse"}, path: "/sse"},
		"playwright":             {script: playwright.script, args: playwright.http, path: "/mcp"},
		"context7":               {script: publishedServers["context7"].script, args: publishedServers["context7"].http, path: "/mcp", true: []string{"http.rebinding"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := startNode(t, s.script, s.args...)
			if name == "playwright" { // it serves no other name
				url = strings.Replace(url, "127.0.0.1", "localhost", 1)
			}
			var stdout, stderr bytes.Buffer
			run(t.Context(), []string{"doctor", url + s.path, "--format", "json"}, strings.NewReader(""), &stdout, &stderr)
			var r doctor.Result
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			for _, c := range r.Checks {
				if c.Severity == finding.Fail && !slices.Contains(s.true, c.ID) {
					t.Errorf("%s: %s\n%+v", c.ID, c.Summary, c.Evidence)
				}
				if c.Severity == finding.Warn || c.Severity == finding.Fail {
					t.Logf("%s %s: %s %+v", c.Severity, c.ID, c.Summary, c.Evidence)
				}
			}
			if r.Requests > gather.MaxRequests || r.Ended < r.Sessions {
				t.Errorf("%d requests, %d of %d sessions ended", r.Requests, r.Ended, r.Sessions)
			}
		})
	}
}

// TestDoctorOfRealCommands examines published servers over their standard streams.
func TestDoctorOfRealCommands(t *testing.T) {
	t.Parallel()
	npmServers(t)
	servers := map[string]npmServer{"playwright": playwright}
	for _, name := range []string{"everything", "filesystem", "memory", "sequential-thinking", "context7"} {
		servers[name] = publishedServers[name]
	}
	for name, s := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, err := filepath.Abs(filepath.Join(serversDir, "node_modules", s.script))
			if err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			args := append([]string{"doctor", "--format", "json", "--", "node", script}, s.stdio...)
			run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
			var r doctor.Result
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			if len(r.RootCauses) > 0 || r.Summary["pass"] < 5 {
				t.Errorf("%s: %s", r.Verdict, stdout.String())
			}
			t.Log(r.Verdict, r.Headline)
		})
	}
}
