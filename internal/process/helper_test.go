package process

import (
	"os"
	"os/exec"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestMain(m *testing.M) {
	os.Exit(processtest.Main(m))
}

// helper starts a role that ends with the test.
func helper(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd, _ := processtest.Start(t, role, args...)
	return cmd
}
