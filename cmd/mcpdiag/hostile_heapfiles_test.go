package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/heap/heaptest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// heapCommand is a command that reads a file of heaptest.
type heapCommand struct {
	name string
	args func(path string) []string
	want func(c *heaptest.Case) string // part of the output; an error after !
}

var heapCommands = []heapCommand{
	{"heap", func(path string) []string { return []string{"heap", path} }, func(c *heaptest.Case) string { return c.Heap }},
	{"heap A B", func(path string) []string { return []string{"heap", path, path, "--ops", "100"} }, func(c *heaptest.Case) string {
		if strings.HasPrefix(c.Heap, "!") {
			return c.Heap
		}
		return "STEADY  the heap grew by 0 B"
	}},
	{"flame", func(path string) []string { return []string{"flame", path, "--format", "folded", "-o", "-"} }, func(c *heaptest.Case) string {
		if c.Flame == "" {
			return c.Heap
		}
		return c.Flame
	}},
}

// judged wants what the case says. An error is one line, and says what to do.
func (o ended) judged(t *testing.T, file, want string) {
	t.Helper()
	o.harmless(t)
	text, refused := strings.CutPrefix(want, "!")
	if !refused {
		if o.code != exitOK || !strings.Contains(o.out+o.err, text) {
			t.Errorf("exit code %d, want %q: %.500s%.500s", o.code, text, o.out, o.err)
		}
		return
	}
	lines := strings.Split(strings.TrimSpace(o.err), "\n")
	last := lines[len(lines)-1]
	ways := []string{"?", "; ", ": store", "mcpdiag heap", "instead"}
	named := strings.Contains(last, file) || strings.Contains(last, "writing standard output")
	if o.code != exitFailure || !strings.Contains(last, text) || !named || !slices.ContainsFunc(ways, func(way string) bool { return strings.Contains(last, way) }) || o.out != "" {
		t.Errorf("exit code %d, want %q, the file and what to do: %.500s%.500s", o.code, text, o.out, o.err)
	}
}

// Odd and damaged heaps and profiles are read right, or refused with an error that names
// the file, the place and the way out.
func TestOddHeapFiles(t *testing.T) {
	t.Parallel()
	for _, c := range heaptest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), c.Name)
			if err := os.WriteFile(path, c.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, command := range heapCommands {
				t.Run(command.name, func(t *testing.T) { invoke(t, command.args(path)...).judged(t, path, command.want(&c)) })
			}
		})
	}
}

// Files that were made to take memory or time take no more than 128 MB, with that of the
// test binary, 16 times their own size and ten seconds of CPU.
func TestLargeHeapFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems count memory in other units")
	}
	processtest.NeedsThorough(t)
	for _, c := range heaptest.Large() {
		dir := t.TempDir()
		path, peak := filepath.Join(dir, c.Name), filepath.Join(dir, "peak")
		if err := os.WriteFile(path, c.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range heapCommands {
			if command.name == "heap A B" { // reads each as heap does
				continue
			}
			t.Run(c.Name+" "+command.name, func(t *testing.T) {
				var out, stderr strings.Builder
				cmd := exec.CommandContext(t.Context(), "peakmemory", append([]string{peak, "mcpdiag"}, command.args(path)...)...)
				cmd.Stdout, cmd.Stderr = &out, &stderr
				_ = cmd.Run() // its exit code is judged
				ended{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}.judged(t, path, command.want(&c))
				text, err := os.ReadFile(peak)
				if err != nil {
					t.Fatal(err)
				}
				taken, err := strconv.Atoi(string(text))
				if limit := 128<<20 + 16*len(c.Data); err != nil || taken > limit {
					t.Errorf("%d MB of memory, want at most %d (%v)", taken>>20, limit>>20, err)
				}
				if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); cpu > 10*time.Second {
					t.Errorf("%s of CPU", cpu)
				}
			})
		}
	}
}

// A Go server whose page of pprof is odd or damaged is refused by diff --heap, or compared.
func TestDiffOfOddHeaps(t *testing.T) {
	t.Parallel()
	for _, c := range heaptest.Cases() {
		if !strings.Contains(c.Name, ".pb") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("/debug/snapshot", text(healthySnapshot))
			mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("debug") == "1" {
					text("heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# HeapAlloc = 123456\n# Stack = 1000 / 2000\n")(w, r)
					return
				}
				_, _ = w.Write(c.Data)
			})
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			o := invoke(t, "diff", server.URL, "--heap", "--wait", "10ms", "--settle", "0")
			if want, refused := strings.CutPrefix(c.Heap, "!"); refused {
				o.wants(t, exitFailure, want)
			} else {
				o.wants(t, exitOK, "the heap grew by 0 B")
			}
		})
	}
}
