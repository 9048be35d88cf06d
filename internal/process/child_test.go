package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

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
	if _, err := Start(Command{Args: []string{t.TempDir()}}); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder: %v", err)
	}
}

// Children, grandchildren and a process that ran away from its parent: none is left.
func TestStopLeavesNothingBehind(t *testing.T) {
	for _, role := range []string{"tree 2 2", "adopt"} {
		marker := "mcpdiag-stop-" + strings.ReplaceAll(role, " ", "-")
		child := start(t, role, marker)
		tree, err := Open(child.Info.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		want := map[string]int{"tree 2 2": 6, "adopt": 0}[role]
		eventually(t, role+" has started", func() bool { return read(t, tree).Children >= want && len(marked(child)) > 0 })
		ids := append(tree.Members(), adopted(child.mark)...)
		child.Stop()
		for _, id := range ids {
			if lives(id) {
				t.Errorf("%s: %v is left", role, id)
			}
		}
		if left := adopted(child.mark); len(left) > 0 {
			t.Errorf("%s: %v ran away", role, left)
		}
	}
}

// marked is the child, and on Linux what ran away from it.
func marked(c *Child) []ID {
	if runtime.GOOS != "linux" {
		return []ID{c.Info.ID}
	}
	return adopted(c.mark)
}

func TestKnowForgetsWhatEnded(t *testing.T) {
	c := &Child{known: map[ID]bool{}}
	c.Know([]ID{{PID: 1 << 30, Start: 1}})
	c.Know(nil)
	if len(c.known) != 0 {
		t.Errorf("%v is still known", c.known)
	}
}
