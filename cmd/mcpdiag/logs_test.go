package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Without arguments, a host whose folder of logs is empty does not keep those of another from
// being read.
func TestLogsOfHosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the folders are those of Linux")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	log := filepath.Join(home, ".config", "Code", "logs", "20261125T090000", "window1", "mcpServer.demo.log")
	for _, folder := range []string{filepath.Join(home, ".config", "Claude", "logs"), filepath.Dir(log)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	terminal, err := os.Open(os.DevNull) // no input
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	logs := func(code int, want string) {
		t.Helper()
		var out, complaint bytes.Buffer
		if got := run(t.Context(), []string{"logs"}, terminal, &out, &complaint); got != code || !strings.Contains(out.String()+complaint.String(), want) {
			t.Errorf("exit code %d\n%s%s", got, &out, &complaint)
		}
	}
	logs(exitUsage, "no logs of Claude Desktop, Claude Code, VS Code or Cursor here")
	if err := os.WriteFile(log, []byte("2026-11-25 09:00:01.000 [info] Starting server demo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logs(exitOK, "1 line")
}
