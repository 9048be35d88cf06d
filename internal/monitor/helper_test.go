package monitor

import (
	"os"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Main(m)) }
