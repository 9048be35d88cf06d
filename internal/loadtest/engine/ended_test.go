package engine

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
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
