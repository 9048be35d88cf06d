package engine

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// TestEndOfServer: the error about a server that ends says how it ended and its last
// words, and nothing of how mcpdiag noticed.
func TestEndOfServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	for script, want := range map[string]string{
		"exit 0":                               "the server ended: exit status 0",
		"echo API_KEY is not set >&2; exit 7":  "the server ended: exit status 7; its last words: API_KEY is not set",
		"kill -9 $$":                           "the server ended: killed by signal 9 (killed)",
		"kill -SEGV $$":                        "the server ended: killed by signal 11 (segmentation fault)",
		"printf '{\"jsonrpc\":'; exit 3":       "the server ended: exit status 3",
		"exec >&-; echo lost >&2; read a":      "the server closed its standard output and runs on; its last words: lost",
		"echo a >&2; echo PASSWORD=xyz >&2; :": "the server ended: exit status 0; its last words: a / PASSWORD=REDACTED",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			o := Options{Command: []string{"/bin/sh", "-c", script}}
			c, err := o.starter()(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = io.Copy(io.Discard, bufio.NewReader(c))
			if err == nil || err.Error() != want || !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "EOF") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestServerThatDoesNotRead: a run against a command that stops reading its standard input
// ends, and its calls fail by the timeout.
func TestServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	const script = `read a; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","serverInfo":{"name":"deaf"}}}'
read b; read c; echo '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"work","inputSchema":{"type":"object"}}]}}'
exec sleep 600`
	for _, shared := range []bool{false, true} {
		cfg := Config{Timeout: 2 * time.Second, Options: Options{Command: []string{"/bin/sh", "-c", script}, Shared: shared}}
		args := plan.Fixed([]byte(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`))
		cfg.Plan = plan.Plan{Protocol: mcp.Legacy, Steps: []plan.Step{{Kind: plan.CallTool, Name: "work", Weight: 1, Args: args}}, Stages: []plan.Stage{{Users: 1, Calls: 1}}}
		res, err := prepareAndRun(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.ErrorsOf(result.ErrTimeout) != 1 || res.Calls != 1 {
			t.Errorf("shared %t: %d calls, %+v", shared, res.Calls, res.Errors)
		}
	}
}
