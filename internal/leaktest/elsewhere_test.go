package leaktest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// The client of a server in a container is flat, whatever the server keeps: it is not tested.
func TestContainer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("a copy of the test binary is made on Linux only")
	}
	cfg := configOf(t, "stdio")
	self, err := os.ReadFile(cfg.Command[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg.Command[0] = filepath.Join(t.TempDir(), "docker")
	processtest.WriteProgram(t, cfg.Command[0], self)
	_, err = Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "docker speaks for a server in a container") || !strings.Contains(err.Error(), "--pid") {
		t.Errorf("%v", err)
	}
}
