package rules

import (
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
)

// TestStartAdvice tells why a command cannot be started.
func TestStartAdvice(t *testing.T) {
	for problem, want := range map[string]string{
		`starting "node": command not found; is it installed and in PATH?`: "give its full path",
		`starting "/srv/run": no such file`:                                "give its full path",
		`starting "C:\\Program Files\\npx.cmd": command not found`:         "give its full path",
		`starting "python3 server.py": no such file`:                       "give its arguments apart",
		`starting "/srv/run": permission denied; is it executable?`:        "make it executable",
		`starting "/srv/run": the interpreter that its first line names`:   "correct the first line",
		`starting "python3": its folder "/gone" does not exist`:            "correct cwd",
	} {
		if got := startAdvice(problem); !strings.Contains(got, want) {
			t.Errorf("%s: %s", problem, got)
		}
	}
}

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
