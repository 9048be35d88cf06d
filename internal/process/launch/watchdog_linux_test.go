package launch

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// A watchdog that is killed takes the command with it, whose status is unknown.
func TestKilledWatchdog(t *testing.T) {
	child := start(t, "wait")
	watchdog, err := os.FindProcess(child.runner.watchdog)
	if err != nil || watchdog.Kill() != nil {
		t.Fatal("cannot kill the watchdog")
	}
	<-child.Done()
	if got := child.Exit().Code; got != -1 {
		t.Errorf("exit code %d, want -1 for unknown", got)
	}
	processtest.Eventually(t, "the command has ended", func() bool { return !child.Info.Lives() })
}

// A command that has ended by itself leaves no file open, also if Stop is not called.
func TestEndedCommandsLeaveNoFiles(t *testing.T) {
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	before := open()
	var ended []*Child // a collected runner would close its files
	for range 20 {
		child, err := Start(Command{Args: []string{"true"}, Stdout: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		<-child.Done()
		ended = append(ended, child)
	}
	processtest.Eventually(t, "their files are closed", func() bool { return open() < before+10 })
	runtime.KeepAlive(ended)
}

// mcpdiag may be killed while its watchdog starts the command, before the watchdog can
// report that. What was started ends all the same, also outside of the group.
func TestKilledBeforeTheReport(t *testing.T) {
	t.Parallel()
	control, controlEnd := pipe(t)
	reports, reportsEnd := pipe(t)
	_ = reports.Close() // nobody reads
	file := filepath.Join(t.TempDir(), "pid")
	script := "setsid sh -c 'echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 300' & wait"
	watchdog := &exec.Cmd{Path: "/proc/self/exe", Args: []string{process.WatchdogName}, ExtraFiles: []*os.File{control, reportsEnd}}
	if err := watchdog.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(controlEnd).Encode(launch{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}); err != nil {
		t.Fatal(err)
	}
	pid := 0
	processtest.Eventually(t, "the command has started", func() bool {
		text, err := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	_ = controlEnd.Close()
	_ = watchdog.Wait()
	processtest.Eventually(t, "the command has ended", func() bool {
		_, err := process.Lookup(pid)
		return err != nil
	})
}

// pipe returns the ends of a pipe, which close with the test.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}
