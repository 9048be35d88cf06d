package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// TestMain makes the test binary mcpdiag and the programs that scripts start. Built with
// the race detector each of them would sleep for a second when it ends.
func TestMain(m *testing.M) {
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"mcpdiag": main, process.WatchdogName: main, "hostlog": hostLog, "peakmemory": peakMemory, "sdkserver": sdkServer, "poolserver": poolServer})
}

// TestScripts runs the specification of the command line, one file per theme.
func TestScripts(t *testing.T) {
	t.Parallel()
	params := testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "thorough" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return processtest.Thorough(), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": cmdExitcode,
			"announce": cmdAnnounce,
			"lines":    cmdLines,
			"waitfor":  cmdWaitFor,
			"waitgone": cmdWaitGone,
		},
	}
	if *updateScripts {
		newScriptUpdater(t, &params)
	}
	testscript.Run(t, params)
}

// cmdExitcode runs a command and wants it to end with a code: exitcode 3 mcpdiag diff a b.
func cmdExitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Exec does not wrap it
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdAnnounce waits until a server has announced itself in a file and sets URL
// and PID to what it says.
func cmdAnnounce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: announce file")
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if url, pid, ok := strings.Cut(strings.TrimSpace(string(data)), "\n"); err == nil && ok {
			ts.Setenv("URL", url)
			ts.Setenv("PID", pid)
			return
		}
	}
	ts.Fatalf("%s was not announced", args[0])
}

// cmdLines wants a file to have a number of lines: lines trace.ndjson 5.
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines file N")
	}
	if got := strconv.Itoa(strings.Count(ts.ReadFile(args[0]), "\n")); got != args[1] {
		ts.Fatalf("%s has %s lines, want %s", args[0], got, args[1])
	}
}

// mcpdiagBinary is the path of a program that is mcpdiag: the test binary, under that name.
func mcpdiagBinary(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mcpdiag")
	if err != nil {
		t.Fatalf("testscript puts mcpdiag into PATH: %v", err)
	}
	return path
}

// A server may say "context canceled" itself: its words are shown as they are.
func TestComplain(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"mcpdiag: reading a: interrupted\n":               fmt.Errorf("reading a: %w", context.Canceled),
		"mcpdiag: the server answers: context canceled\n": errors.New("the server answers: context canceled"),
	} {
		var out strings.Builder
		a := sealedApp()
		a.stderr = a.guard(&out)
		a.complain(err)
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// TestMisspelledAddress names the right address in every command that takes one.
func TestMisspelledAddress(t *testing.T) {
	t.Parallel()
	const wrong = "http//localhost:1"
	for _, args := range [][]string{
		{"doctor", wrong}, {"doctor", "--url", wrong}, {"bundle", wrong}, {"poll", "--once", wrong}, {"metrics", wrong}, {"diff", wrong, wrong}, {"loadtest", wrong}, {"leaktest", "--pid", "1", "--url", wrong},
		{"proxy", "--to", wrong}, {"mcp", "--allow", wrong}, {"deps", "--redis", "h:1", "--sessions-of", wrong}, {"doctor", "http:/localhost:1"},
	} {
		var out, complaint bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), &out, &complaint)
		if code != exitUsage || !strings.Contains(complaint.String(), "did you mean http://localhost:1?") {
			t.Errorf("%q: exit code %d, %s", args, code, complaint.String())
		}
	}
}
