package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// A program that speaks for a server elsewhere is known by its name, unless a process beside it may
// be the server.
func TestElsewhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a copy of the test binary is made on Linux only")
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"docker": "docker", "ssh": "ssh", "server": ""} {
		program := filepath.Join(t.TempDir(), name)
		processtest.WriteProgram(t, program, self)
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), processtest.Env+"=wait")
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		tree := openTree(t, cmd.Process.Pid)
		processtest.Eventually(t, "the program runs", func() bool { read(t, tree); return tree.Elsewhere() == want })
		beside := openTree(t, os.Getpid()) // of the test itself, beside which it runs
		if read(t, beside); beside.Elsewhere() != "" {
			t.Errorf("beside a process of its own size %s is the server", name)
		}
	}
}
