package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/gather"
)

// terminal is what a command writes to a terminal.
type terminal struct {
	mu      sync.Mutex
	written bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written.Write(p)
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written.String()
}

// TestDoctorAsks types answers to the question which file of servers to examine. It
// starts nothing before a file is chosen.
func TestDoctorAsks(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("needs script(1) of util-linux, for a terminal")
	}
	for name, tc := range map[string]struct {
		typed string
		code  int
		want  string
		runs  bool
	}{
		"a number":      {"2\n", exitFinding, "unreachable: 1 fault: the command ends before it answers", true},
		"Enter":         {"\n", exitUsage, "no file was chosen; mcpdiag doctor URL examines one server", false},
		"a number more": {"3\n", exitUsage, "no file was chosen", false},
		"a word":        {"cursor\n", exitUsage, "no file was chosen", false},
		"Ctrl-D":        {"\x04", exitUsage, "no file was chosen", false},
		"Ctrl-C":        {"\x03", exitUsage, "no file was chosen", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
			settings := map[string]string{
				".claude.json":     `{"mcpServers":{}}`,
				".cursor/mcp.json": `{"mcpServers":{"one":{"command":"touch","args":["` + ran + `"]}}}`,
			}
			for file, text := range settings {
				path := filepath.Join(home, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			out, code := typing(t, script, home, "for none] ", tc.typed)
			for _, want := range []string{"  1  Claude Code ", "  2  Cursor ", "Their commands are started. [1-2, or Enter for none] ", tc.want} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if _, err := os.Stat(ran); code != tc.code || (err == nil) != tc.runs {
				t.Errorf("exit code %d, want %d; the command ran: %t\n%s", code, tc.code, err == nil, out)
			}
		})
	}
}

// typing runs doctor in an empty folder on a terminal, and types an answer when the
// question is there.
func typing(t *testing.T, script, home, question, answer string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "-qec", "exec "+mcpdiagBinary(t)+" doctor", filepath.Join(home, "typescript"))
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "NO_COLOR=1")
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	var screen terminal
	cmd.Stdout, cmd.Stderr = &screen, &screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(screen.String(), question) && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := io.WriteString(keyboard, answer); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return screen.String(), exit.ExitCode()
	}
	if err != nil {
		t.Error(err)
	}
	return screen.String(), 0
}

// TestDeadlineOfCommands: the default is for servers that run already, a deadline that the user gave
// holds for commands, too.
func TestDeadlineOfCommands(t *testing.T) {
	t.Parallel()
	for _, given := range []bool{false, true} {
		d, want := &examiner{probes: gather.Options{Deadline: gather.DefaultDeadline}, timed: given}, gather.DefaultStart
		if given {
			want = gather.DefaultDeadline
		}
		if got := d.deadlineOr(gather.DefaultStart); got != want {
			t.Errorf("given %t: %s, want %s", given, got, want)
		}
	}
}
