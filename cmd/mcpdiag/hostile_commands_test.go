package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// flameTrace is a trace of two polls with one call in flight; the names are as
// they stand in JSON.
func flameTrace(name, id, session string) string {
	var b strings.Builder
	for i := range 2 {
		fmt.Fprintf(&b, `{"toolCallStack": [{"id": "%s", "name": "%s", "sessionId": "%s", "handler": "%s", "durationMs": %d}], "poll": {"at": %d, "latencyMs": 1, "intervalMs": 1000}}`+"\n",
			id, name, session, name, 1000*i+1, 1763700000000+1000*i)
	}
	return b.String()
}

// plain wants nothing in a line that GitHub Actions would obey.
func plain(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || ciCommand.MatchString(line) {
			t.Errorf("GitHub Actions would obey %.200q", line)
		}
	}
}

// Hostile names come out of every format of flame without their power. They
// are in the trace as poll writes it.
func TestHostileNamesInFlame(t *testing.T) {
	t.Parallel()
	for title, name := range namesToTry() {
		b := &badServer{snapshot: text(strings.ReplaceAll(healthySnapshot, `[]`,
			fmt.Sprintf(`[{"id": "%s", "name": "%s", "sessionId": "%s", "durationMs": 60000}]`, name, name, name)))}
		trace := filepath.Join(t.TempDir(), "trace")
		invoke(t, "poll", b.start(t), "--interval", "1ms", "--count", "2", "-o", trace).wants(t, exitOK, "POLLS")
		for _, format := range []string{"svg", "folded", "speedscope", "pprof", "chrome", "text", "json"} {
			t.Run(title+", "+format, func(t *testing.T) {
				o := invoke(t, "flame", trace, "--format", format, "--by", "session", "--weight", "samples", "--findings")
				if o.code != exitOK || o.out == "" {
					t.Fatalf("exit code %d: %.500s", o.code, o.err)
				}
				if len(o.out) > 200_000 || len(o.err) > 20_000 {
					t.Errorf("%d bytes on stdout, %d on stderr", len(o.out), len(o.err))
				}
				if format == "pprof" {
					o.out = "" // it is compressed
				}
				o.harmless(t)
				plain(t, o.out+o.err)
			})
		}
	}
}

// A process under a hostile name: what it is called, and its arguments,
// come out of every format of monitor without their power.
func TestHostileNamesInMonitor(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("there is no sleep here")
	}
	for title, name := range map[string]string{
		"clear the screen":   "\x1b[2J",
		"C1 and bidi":        "\u009b2J\u202egnp\u2028\ufeff",
		"invalid UTF-8":      "\xff\xfe\xc3",
		"lines and commands": "\n::error::x\r##[error]x##vso[a.b]##teamcity[c]",
		"a formula":          "=cmd|' /C calc'!A0",
	} {
		cmd := exec.CommandContext(t.Context(), sleep, "60")
		cmd.Args[0] = name
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		for _, format := range []string{"text", "json"} {
			t.Run(title+", "+format, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "memory.csv")
				o := invoke(t, "monitor", "--pid", strconv.Itoa(cmd.Process.Pid), "--interval", "10ms", "--count", "3", "--format", format, "-o", out)
				o.wants(t, exitOK, "undecided")
				plain(t, o.out+o.err)
				data, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				ended{out: string(data)}.harmless(t)
				harmlessCells(t, data)
			})
		}
	}
}

// harmlessCells wants no cell in a CSV file that a spreadsheet would compute.
func harmlessCells(t *testing.T, data []byte) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v: %q", len(rows), err, data)
	}
	for _, cell := range slices.Concat(rows...) {
		if strings.ContainsAny(cell[:min(1, len(cell))], "=+@-\t\r") {
			t.Errorf("a spreadsheet would compute %q", cell)
		}
	}
}

// covered names, for each command, the test that feeds it hostile input, or why none does.
var covered = map[string]string{
	"poll":       "TestHostileNames",
	"diff":       "TestHostileNames",
	"loadtest":   "TestHostileNames",
	"flame":      "TestHostileNamesInFlame",
	"monitor":    "TestHostileNamesInMonitor",
	"logs":       "TestHostileNamesInLogs",
	"token":      "TestHostileNamesInTokens",
	"heap":       "TestHostileNamesInHeaps",
	"doctor":     "TestHostileNamesInDoctor",
	"metrics":    "TestHostileNamesInMetrics",
	"deps":       "TestHostileNamesInDeps",
	"leaktest":   "TestOutputFolders",
	"demo":       "TestOutputFolders",
	"report":     "TestOutputFolders",
	"proxy":      "TestOutputFiles",
	"bundle":     "TestBundle",
	"mcp":        "internal/assist has TestForeignTextIsData",
	"schema":     "it reads nothing",
	"man":        "it reads nothing",
	"version":    "it reads nothing",
	"help":       "it reads nothing",
	"completion": "it reads nothing",
}

// A new command needs a row, and a row its test.
func TestEveryCommandMeetsHostileInput(t *testing.T) {
	t.Parallel()
	root := newRootCmd(&app{})
	root.InitDefaultHelpCmd()
	var names []string
	for _, cmd := range root.Commands() {
		names = append(names, cmd.Name())
	}
	slices.Sort(names)
	if rows := slices.Sorted(maps.Keys(covered)); !slices.Equal(names, rows) {
		t.Errorf("the commands are %q, the rows %q", names, rows)
	}
	paths, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests := ""
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tests += string(data)
	}
	for command, by := range covered {
		if strings.HasPrefix(by, "Test") && !strings.Contains(tests, "func "+by+"(t *testing.T)") {
			t.Errorf("%s: there is no %s", command, by)
		}
	}
}
