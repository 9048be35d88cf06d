package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// cmdWaitFor waits until a file is there, and has a text if one is given:
// waitfor started.txt, waitfor trace.ndjson '"held":3'.
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: waitfor file [text]")
	}
	text := strings.Join(args[1:], "")
	until(ts, fmt.Sprintf("%s is not there, or without %q", args[0], text), func() bool {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(data), text)
	})
}

// cmdWaitGone waits until the process whose PID a file holds has ended: waitgone server.pid.
func cmdWaitGone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitgone file")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	until(ts, "process "+strconv.Itoa(pid)+" still runs", func() bool {
		_, err := process.Lookup(pid)
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, process.ErrEnded)
	})
}

func until(ts *testscript.TestScript, otherwise string, ok func() bool) {
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s", otherwise)
		}
	}
}

// TestNameOf: the names of commands in "proxy list" hold no secrets.
func TestNameOf(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"npx -y @modelcontextprotocol/server-everything stdio": "npx server-everything",
		"/usr/bin/python3 -m server --api-key hunter2":         "python3 server",
		"server --token hunter2":                               "server",
		"server -k hunter2":                                    "server",
		"server KEY=hunter2":                                   "server",
		"docker run -e TOKEN=hunter2 image":                    "docker",
		"node dist/index.js hunter2":                           "node index.js",
		"server":                                               "server",
	} {
		if diff := cmp.Diff(want, nameOf(strings.Fields(command))); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
}

func jsonBody(text string) io.Reader { return strings.NewReader(text) }

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
