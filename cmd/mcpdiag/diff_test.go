package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/demo"
)

func TestIsURL(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there:80", nil, 0o600); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for operand, want := range map[string]bool{
		"http://h": true, "h:3100": true, "h:3100/path": true, "[::1]:3100": true, "[::1]:3100/debug/snapshot": true,
		"there:80": runtime.GOOS == "windows", "trace.ndjson": false, "dir/trace.ndjson": false, ":3100": false, "h:": false,
		`C:\trace.ndjson`: false, "C:/trace.ndjson": false, "dir/h:80": false, "::1": false, "-": false,
	} {
		if got := isURL(operand); got != want {
			t.Errorf("isURL(%q) is %t", operand, got)
		}
	}
}

// The command runs in a process group of its own, in the background of the
// terminal: reading from it would stop the command for ever.
func TestDiffCommandOnATerminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("needs script(1) of util-linux, for a terminal")
	}
	srv := httptest.NewServer(demo.New(demo.Config{}).Handler())
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "-qec", mcpdiagBinary(t)+" diff "+srv.URL+" --settle 0 -- cat", filepath.Join(t.TempDir(), "typescript"))
	keyboard, err := cmd.StdinPipe() // nobody types, and nobody hangs up
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "no leak seen") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A Go server that exposes only pprof is asked to collect garbage first, the address
// that is shown is the one that was asked, and a cold server does not leak.
// It is this process that is measured, so no other test may run beside it.
func TestDiffOfAColdGoServer(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", pprof.Index)
	var asked atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/debug/pprof/heap" {
			asked.Store(r.URL.RequestURI())
		}
		mux.ServeHTTP(w, r)
	}))
	defer srv.Close()
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"diff", srv.URL, "--wait", "0", "--settle", "0"}, strings.NewReader(""), &out, &errs)
	const uri = "/debug/pprof/heap?gc=1&debug=1"
	if code != 0 || asked.Load() != uri || !strings.Contains(out.String(), srv.URL+uri) || !strings.Contains(out.String(), "no leak seen: heap") {
		t.Errorf("exit code %d, asked %v: %s%s", code, asked.Load(), out.String(), errs.String())
	}
}
