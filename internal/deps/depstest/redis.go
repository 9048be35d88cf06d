package depstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// Redis starts Redis with more settings, as on its command line. It skips the test where
// Redis is missing.
func Redis(t testing.TB, settings ...string) Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("Redis is missing: it comes with Debian's redis-server")
	}
	for range 5 { // another test may take the port first
		if server, ok := startRedis(t, program, processtest.FreePort(t), settings); ok {
			return server
		}
	}
	t.Fatal("redis-server does not start")
	return Server{}
}

func startRedis(t testing.TB, program string, port int, settings []string) (server Server, ok bool) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	args := append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir, "--logfile", log, "--slowlog-log-slower-than", "50000"}, settings...)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(log) // it may not be there yet
		switch {
		case strings.Contains(string(text), "Ready to accept connections"):
			return Server{fmt.Sprintf("redis://127.0.0.1:%d", port), log}, true
		case strings.Contains(string(text), "Failed listening"):
			return Server{}, false
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("redis-server is not ready:\n%s", text)
	return Server{}, false
}
