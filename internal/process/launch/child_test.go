package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

func start(t *testing.T, role string, args ...string) *Child {
	t.Helper()
	t.Setenv(processtest.Env, role)
	child, err := Start(Command{Args: append([]string{os.Args[0]}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Stop)
	return child
}

func TestExitInWords(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	for script, want := range map[string]string{
		"exit 0":        "exit status 0",
		"exit 7":        "exit status 7",
		"kill -KILL $$": "killed by signal 9 (killed)",
	} {
		child, err := Start(Command{Args: []string{"/bin/sh", "-c", script}})
		if err != nil {
			t.Fatal(err)
		}
		<-child.Done()
		if got := child.Exit().Text; got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Command{Args: []string{"no-command-is-called-this"}}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("not found: %v", err)
	}
	if _, err := Start(Command{Args: []string{filepath.Join(t.TempDir(), "absent")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := Start(Command{Args: []string{plain}}); runtime.GOOS != "windows" && !errors.Is(err, os.ErrPermission) {
		t.Errorf("not executable: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(plain, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Command{Args: []string{plain}}); err == nil || !strings.Contains(err.Error(), "#!/bin/sh") {
		t.Errorf("no program: %v", err)
	}
	if err := os.WriteFile(plain, []byte("#!/usr/bin/env-of-nowhere node\r\n"), 0o600); err != nil { // its mode stays
		t.Fatal(err)
	}
	if _, err := Start(Command{Args: []string{plain}}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "the interpreter that its first line names") {
		t.Errorf("no interpreter: %v", err)
	}
	if _, err := Start(Command{Args: []string{t.TempDir()}}); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder: %v", err)
	}
}

// Children, grandchildren and a process that left its parent: none is left.
func TestStopLeavesNothingBehind(t *testing.T) {
	for role, want := range map[string]int{"tree 2 2": 7, "adopt": 2} {
		if role == "adopt" && runtime.GOOS != "linux" {
			continue // a process whose parent ended is not found there
		}
		child := start(t, role, "mcpdiag-stop-"+strings.ReplaceAll(role, " ", "-"))
		var ids []process.ID
		processtest.Eventually(t, role+" has started", func() bool {
			ids = child.Members()
			return len(ids) == want
		})
		child.Stop()
		for _, id := range ids {
			if id.Lives() {
				t.Errorf("%s: %v is left", role, id)
			}
		}
	}
}

// A writer that fails loses the output. The command, which writes more than a pipe holds, goes on.
func TestOutputThatCannotBeWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	t.Parallel()
	full := writerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC })
	child, err := Start(Command{Args: []string{"/bin/sh", "-c", "head -c 1000000 /dev/zero && exit 3"}, Stdout: full})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Stop)
	if !within(20*time.Second, child.Done()) || child.Exit().Code != 3 {
		t.Errorf("the command did not end as it does with a writer that works: %+v", child.Exit())
	}
}

// writerFunc is a function as a writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOutputIsComplete(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	var out strings.Builder // one writer for both streams
	child, err := Start(Command{Args: []string{"/bin/sh", "-c", "cat; echo out; echo err >&2; exit 3"}, Stdin: strings.NewReader("in\n"), Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	var exit *ExitError
	if err := child.Wait(t.Context()); !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("%v, want exit status 3", err)
	}
	if out.String() != "in\nout\nerr\n" {
		t.Errorf("output %q", out.String())
	}
}
