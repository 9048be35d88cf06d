package process

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestMain(m *testing.M) {
	if IsWatchdog(os.Args) {
		os.Exit(Watchdog())
	}
	os.Exit(processtest.Main(m))
}

// helper starts a role that ends with the test.
func helper(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd, _ := processtest.Start(t, role, args...)
	return cmd
}

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}
