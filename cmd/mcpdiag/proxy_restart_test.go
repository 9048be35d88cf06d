package main

import (
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/guard"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/proxy"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// TestServerRestart: a server that is killed and started again behind the
// proxy shows as restarted; its sessions are gone, and traffic goes on.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the server is ended by a signal")
	}
	self, addr := mcpdiagBinary(t), processtest.FreeAddress(t)
	start := func() *exec.Cmd {
		cmd := exec.Command(self, "demo", "--serve", "--listen", addr, "-q")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		waitFor(t, addr)
		return cmd
	}
	server := start()
	to, _ := url.Parse("http://" + addr)
	port, _ := strconv.Atoi(to.Port())
	p := proxy.New(proxy.Config{To: to, Guard: guard.Guard{Private: true}, Process: &proxy.Process{Target: process.Target{Port: port}}})
	front := serveProxy(t, p)
	open := func() (*mcp.Session, error) {
		return mcp.Open(t.Context(), mcp.Endpoint{URL: front + "/mcp", HTTP: http.DefaultClient}, mcp.Era{Version: "2025-11-25"})
	}
	old, err := open()
	if err != nil {
		t.Fatal(err)
	}
	before := p.Snapshot()
	server.Process.Kill()
	server.Wait()
	if err := callTool(t.Context(), old, "echo"); err == nil {
		t.Error("a call while the server is down has succeeded")
	}
	if d := p.Snapshot(); !d.Upstream.Failing || d.RSSMB != nil {
		t.Errorf("while the server is down: %+v, rss %v", d.Upstream, d.RSSMB)
	}
	start()
	if err := callTool(t.Context(), old, "echo"); err == nil {
		t.Error("a session has outlived its server")
	}
	again, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := callTool(t.Context(), again, "echo"); err != nil {
		t.Errorf("traffic does not go on: %v", err)
	}
	after := p.Snapshot()
	for deadline := time.Now().Add(5 * time.Second); after.PID == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		after = p.Snapshot() // it searches for the process a few times a second
	}
	reason, restarted := snapshot.Restarted(&before.Snapshot, &after.Snapshot)
	if !restarted || after.Upstream.Failing || after.Upstream.Outages != 1 || *after.ActiveSessions != 1 || after.Proxy.ExpiredTotal != 1 {
		t.Errorf("restarted %t (%s), %+v, sessions %d, expired %d", restarted, reason, after.Upstream, *after.ActiveSessions, after.Proxy.ExpiredTotal)
	}
}
