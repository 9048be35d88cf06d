package leaktest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// shaped starts a server of testdata that keeps an object of each call in a way that
// shape names, or releases it again. It skips the test where the program is not installed.
func shaped(t *testing.T, program, server, shape string, mended bool) Config {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil || runtime.GOOS != "linux" {
		t.Skipf("%s is not installed, or this is not Linux", program)
	}
	cfg := configOf(t, "http")
	_, port, err := net.SplitHostPort(cfg.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	cfg.URL.Path = "/mcp"
	cfg.Command = []string{path, server, port, shape}
	if mended {
		cfg.Command = append(cfg.Command, "mended")
	}
	cfg.Rounds, cfg.Factors, cfg.Calls, cfg.Settle, cfg.Ready = 10, []string{"call"}, 40, 50*time.Millisecond, time.Minute
	return cfg
}

// ofShapes runs a test for each shape, leaking and mended; unless all leaks are tested,
// only for one: each takes seconds.
func ofShapes(t *testing.T, one string, names map[string]string, test func(t *testing.T, shape, name string)) {
	processtest.NeedsThorough(t)
	t.Parallel()
	for shape, name := range names {
		for title, want := range map[string]string{shape: name, shape + " mended": ""} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				if shape != one && os.Getenv("MCPDIAG_LEAKS") == "" {
					t.Skip("make test-leaks tests all shapes")
				}
				test(t, shape, want)
			})
		}
	}
}

// wants runs the test and wants the holder and the line to be named; "" for a server
// that does not leak. It returns the result.
func (cfg Config) wants(t *testing.T, holder, line string) *Result {
	t.Helper()
	res, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := res.Phases[0]
	if holder == "" && line == "" {
		if res.Verdict == trend.Leak || p.Holds != "" || len(res.Explained) > 0 {
			t.Errorf("a server that does not leak: %s", res.Sentence)
		}
		return res
	}
	if res.Verdict != trend.Leak || p.By != judge.ByLive || len(res.Explained) != 1 {
		t.Fatalf("%s by %s, warnings %q, log:\n%s", res.Sentence, p.By, res.Warnings, serverLog(cfg, res))
	}
	for _, want := range []string{holder, line} {
		if !regexp.MustCompile(want).MatchString(res.Sentence) {
			t.Errorf("%q is not in %s", want, res.Sentence)
		}
	}
	var text, junit strings.Builder
	if err := res.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	if err := res.Report().JUnit(&junit); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(cfg.Folder, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"text": text.String(), "JUnit": junit.String(), "page": string(page)} {
		if !strings.Contains(text, "What is kept per") && name != "JUnit" || strings.Contains(text, "secret-argument") {
			t.Errorf("the %s does not say what is kept, or prints a content:\n%.2000s", name, text)
		}
		if !regexp.MustCompile(line).MatchString(text) {
			t.Errorf("%q is not in the %s", line, name)
		}
	}
	return res
}

func serverLog(cfg Config, res *Result) string {
	log, _ := os.ReadFile(filepath.Join(cfg.Folder, res.Files.Server))
	return string(log)
}

// Of a leaking Node server the holder is named, by the variable and the properties that
// lead to it, and the line of the largest sampled allocation; of the mended one nothing.
func TestExplainNode(t *testing.T) {
	ofShapes(t, "map", map[string]string{
		"list":    `stay in list \(Array\)`,
		"map":     `stay in byId \(Map\)`,
		"closure": `stay in listeners \(Array\)`,
		"class":   `stay in Registry\.seen \(Array\)`,
	}, func(t *testing.T, shape, holder string) {
		line := ""
		if holder != "" {
			line = `server\.js:\d+`
		}
		res := shaped(t, "node", "testdata/server.js", shape, holder == "").wants(t, holder, line)
		if holder != "" && res.Explained[0].Flame == "" {
			t.Error("there is no flame graph of the allocations")
		}
		if address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(res.Environment["live heap"]); address == "" {
			t.Errorf("the report does not name the port: %v", res.Environment)
		}
	})
}

// Of a leaking Python server the line that allocated what stays is named, and the one that
// called it; of the mended one nothing. The folder through which it answers is removed.
func TestExplainPython(t *testing.T) {
	const made = `stay, allocated in \S*server\.py:1[234], called by \S*server\.py:`
	ofShapes(t, "dict", map[string]string{"list": made + "25", "dict": made + "29", "closure": made + "33", "class": made + "38"}, func(t *testing.T, shape, line string) {
		res := shaped(t, "python3", "testdata/server.py", shape, line == "").wants(t, line, line)
		hook := ""
		for _, v := range res.Target.Env {
			if dir, ok := strings.CutPrefix(v, "MCPDIAG_HEAP="); ok {
				hook = dir
			}
		}
		if _, err := os.Stat(hook); hook == "" || err == nil {
			t.Errorf("the folder %q is left behind", hook)
		}
	})
}

// Goroutines that stay are counted with their stacks, and named by the place where they wait.
func TestExplainGoroutines(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	cfg := configOf(t, "waiting-pprof")
	cfg.Rounds, cfg.Factors, cfg.Calls = 10, []string{"call"}, 50
	cfg.Pprof = cfg.URL.JoinPath("/debug/pprof/heap")
	res := cfg.wants(t, `goroutines per operation stay, waiting in \S*startWaiting\.func1`, `run_test\.go:\d+`)
	if p := res.Phases[0]; p.Rate.Bytes < 2<<10 || p.Rate.Bytes > 8<<10 {
		t.Errorf("%s, warnings %q", res.Sentence, res.Warnings)
	}
}

// A Go server with a page of pprof is judged by its live heap, to which a leak of 4 KB is
// no noise, and the function and the line are named.
func TestExplainGo(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	cfg := configOf(t, "leaky-pprof")
	cfg.Rounds, cfg.Factors, cfg.Calls = 10, []string{"call"}, 25
	cfg.Pprof = cfg.URL.JoinPath("/debug/pprof/heap")
	res := cfg.wants(t, `stay, allocated in \S*newServer`, `run_test\.go:\d+`)
	if p := res.Phases[0]; p.Rate.Bytes < 4<<10 || p.Rate.Bytes > 6<<10 || p.RSS == nil {
		t.Errorf("%s, warnings %q", res.Sentence, res.Warnings)
	}
	if !strings.Contains(res.Environment["live heap"], "by its pprof page") {
		t.Errorf("environment %v", res.Environment)
	}
	if chart := res.memoryChart(); len(chart.Lines) != 4 || chart.Lines[2].Name != "live heap" || chart.Areas[0].Line != 3 {
		t.Errorf("the chart has %d lines", len(chart.Lines))
	}
}
