package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func TestIsURL(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there:80", nil, 0o600); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for operand, want := range map[string]bool{
		"http://h": true, "http//h": true, "h:3100": true, "h:3100/path": true, "[::1]:3100": true, "[::1]:3100/debug/snapshot": true,
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
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"activeSessions": 1, "heapUsedMB": 10, "toolCallStack": []}`)
	}))
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

// The holder of what a Node server keeps per call is named, and its inspector closed again.
func TestDiffNamesTheHolder(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	s := startInspected(t, "testdata/node/leaky.js")
	line, err := s.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(line)
	load := `const http = require('http'), agent = new http.Agent({keepAlive: true});
		const go = (n) => n ? http.get(process.argv[1], {agent}, r => r.resume().on('end', () => go(n - 1))) : agent.destroy();
		go(1000)`
	o := invoke(t, "diff", url, "--heap", "--settle", "0", "--", "node", "-e", load, url)
	for _, want := range []string{"objects (", "per operation stay in registry.sessions (Map)", "was made in Session ", "callsTotal           0    1000"} {
		o.wants(t, exitOK, want)
	}
	if strings.Contains(o.out, "secret") {
		t.Errorf("a content was printed:\n%s", o.out)
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+$`).FindString(strings.Split(o.err, "\n")[0])
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("the inspector still listens on %q", address)
	}
}

var remembered [][]byte

// remember keeps 16 MB for 200 calls.
func remember() {
	for range 200 {
		remembered = append(remembered, make([]byte, 80<<10))
	}
}

// The line of what a Go server keeps per call is named. It is this process that is
// measured, so no other test may run beside it.
func TestDiffNamesTheLine(t *testing.T) {
	defer func() { remembered = nil }()
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", pprof.Index)
	calls := 0
	mux.HandleFunc("/debug/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		remember()
		calls += 200
		fmt.Fprintf(w, `{"heapUsedMB": %d, "activeSessions": 0, "callsTotal": %d}`, 10+calls/12, calls)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	o := invoke(t, "diff", srv.URL, "--heap", "--wait", "0", "--settle", "0", "--format", "markdown")
	for _, want := range []string{"per operation stay, allocated in ", "remember ", "test.go:"} {
		o.wants(t, exitFinding, want)
	}
}

func TestDiffWithoutARuntime(t *testing.T) {
	t.Parallel()
	invoke(t, "diff", "a.json", "b.json", "--heap").wants(t, exitUsage, "--heap is for one URL")
	invoke(t, "diff", "http://127.0.0.1:1", "--heap").wants(t, exitFailure, "--heap: ")
}
