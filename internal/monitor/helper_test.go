package monitor

import (
	"os"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestMain(m *testing.M) {
	if process.IsWatchdog(os.Args) {
		os.Exit(launch.Watchdog())
	}
	os.Exit(processtest.Main(m))
}
