package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	netpprof "net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/demo"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// withCPU is the part of a result that --cpu-profile adds.
type withCPU struct {
	CPU stacks.Hot `json:"cpu"`
}

func (w *withCPU) isHot(t *testing.T, document []byte, function string) {
	t.Helper()
	if err := json.Unmarshal(document, w); err != nil {
		t.Fatal(err)
	}
	if len(w.CPU.Functions) == 0 || !strings.HasPrefix(w.CPU.Functions[0].Name, function) {
		t.Errorf("the hottest functions are %+v", w.CPU.Functions)
	}
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil || runtime.GOOS != "linux" {
		t.Skip("node is not installed, or this is not Linux")
	}
}

// The hot function of a server that is started, or that a launcher starts, is the widest leaf.
func TestCPUProfileOfACommand(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	needNode(t)
	for _, command := range [][]string{{"node", "testdata/node/hotmcp.js"}, {"sh", "-c", "node testdata/node/hotmcp.js; true"}} {
		args := []string{"-q", "loadtest", "--users", "2", "--calls", "200", "--cpu-profile", "--format", "json", "--"}
		o := invoke(t, append(args, command...)...)
		o.wants(t, exitOK, "hotLoop")
		new(withCPU).isHot(t, []byte(o.out), "hotLoop")
	}
}

// The page of a load test has the flame graph of a server that runs already.
func TestCPUProfileOfARunningNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	s := startInspected(t, "testdata/node/hotmcp.js", "0")
	line, err := s.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	o := invoke(t, "-q", "loadtest", strings.TrimSpace(line), "--users", "2", "--calls", "200", "--cpu-profile", "--format", "html")
	o.wants(t, exitOK, "CPU of the server under load")
	o.wants(t, exitOK, `alt="Flame graph of the CPU time"`)
	o.wants(t, exitOK, "hotLoop")
}

// The report of a leak test has it, too, of a server that is not busy all the time.
func TestCPUProfileOfALeakTest(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	needNode(t)
	dir := t.TempDir()
	invoke(t, "-q", "leaktest", "--cpu-profile", "--factors", "call", "--rounds", "2", "--delay", "0", "--hold", "0", "--users", "2", "--calls", "10",
		"-o", dir, "--", "node", "testdata/node/hotmcp.js", "{port}", "10").wants(t, exitOK, "CPU time was spent in hotLoop")
	document, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	if err != nil {
		t.Fatal(err)
	}
	new(withCPU).isHot(t, document, "hotLoop")
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !strings.Contains(string(page), `alt="Flame graph of the CPU time"`) {
		t.Errorf("%v: the page has no flame graph of the CPU time", err)
	}
}

// One profile of a Go program can be recorded at a time, so this test runs alone.
func TestCPUProfileOfGo(t *testing.T) {
	processtest.NeedsThorough(t)
	mux := http.NewServeMux()
	mux.Handle("/", demo.New(demo.Config{}).Handler())
	mux.HandleFunc("/debug/pprof/heap", netpprof.Index)
	mux.HandleFunc("/debug/pprof/profile", netpprof.Profile)
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan float64)
	go func() { done <- burn(ctx) }()
	o := invoke(t, "-q", "loadtest", server.URL+"/mcp", "--tool", "echo", "--users", "1", "--calls", "5", "--cpu-profile", "--format", "json")
	cancel()
	<-done
	o.wants(t, exitOK, "burn")
}

// A launcher such as npx is passed over: the server that it started is profiled.
func TestFlameOfALaunchedNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	npx, err := exec.LookPath("npx")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("npx is not installed, or this is not Linux")
	}
	script, err := filepath.Abs("testdata/node/hot.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "node_modules", ".bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	server := filepath.Join(dir, "node_modules", ".bin", "hot")
	processtest.WriteProgram(t, server, []byte("#!/bin/sh\nnode --inspect-port=127.0.0.1:0 "+script+" &\ncat >/dev/null\nkill $!\n"))
	s := startProgram(t, dir, npx, "--no-install", "hot")
	o := invoke(t, "flame", "--pid", s.pid, "--attach", "--duration", "1s", "--format", "folded")
	o.wants(t, exitOK, "hotLoop")
	if leaf := heaviestLeaf(t, o.out); !strings.HasPrefix(leaf, "hotLoop") {
		t.Errorf("the widest leaf is %q in\n%s", leaf, o.out)
	}
}
