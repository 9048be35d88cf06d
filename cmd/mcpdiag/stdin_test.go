package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlameReadsStdin: without an input, a pipe or a socket is one; if it is empty, that
// is said.
func TestFlameReadsStdin(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) (in, out *os.File){"pipe": pipeFiles, "socket": socketFiles} {
		for content, want := range map[string]string{"main;parse 3\n": "", "": "standard input is empty, and reading mcpdiag-trace.ndjson: no such file"} {
			in, out := open(t)
			if _, err := out.WriteString(content); err != nil {
				t.Fatal(err)
			}
			_ = out.Close()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"flame", "--format", "folded"}, in, &stdout, &stderr)
			if want == "" && (code != exitOK || stdout.String() != content) || !strings.Contains(stderr.String(), want) || (code == exitOK) != (want == "") {
				t.Errorf("%s with %q: exit code %d, %q, %q", name, content, code, stdout.String(), stderr.String())
			}
		}
	}
}

func pipeFiles(t *testing.T) (in, out *os.File) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in, out
}

// socketFiles returns the two ends of a socket, as programs on Node.js start a command.
func socketFiles(t *testing.T) (in, out *os.File) {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	file := func(c net.Conn, err error) *os.File {
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		f, err := c.(*net.UnixConn).File()
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	out = file(net.Dial("unix", l.Addr().String()))
	return file(l.Accept()), out
}

// TestStdinTwice: a command whose arguments name standard input twice refuses them.
func TestStdinTwice(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"flame", "-", "-"}, {"flame", "-", "--base", "-"}, {"diff", "-", "-"}, {"logs", "-", "-"}} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(`{"timestamp": 1763700000000, "heapUsedMB": 1, "toolCallStack": [{"id": "a", "name": "t", "durationMs": 5}]}`), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), "given twice") {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
}
