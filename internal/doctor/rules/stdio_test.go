package rules

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// TestSlowStart advises against a download only where the command can be one.
func TestSlowStart(t *testing.T) {
	for command, want := range map[string]string{
		"npx -y some-server":            "npx or uvx",
		"/usr/local/bin/uvx server":     "npx or uvx",
		"docker run -i --rm image":      "npx or uvx",
		"node dist/index.js --port 1":   "answer initialize first",
		"python server.py --docker-api": "answer initialize first",
		"./npx-less-server":             "answer initialize first",
	} {
		o := judgeStart(&facts.Facts{Stdio: &facts.Stdio{Command: command, Answered: true, StartMs: 15_000}})
		if !strings.Contains(o.Hint, want) {
			t.Errorf("%s: %s", command, o.Hint)
		}
	}
}
