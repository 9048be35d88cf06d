//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// launchers are shell scripts that start a server in the ways that launchers do. PID
// stands for a script that writes its PID to a file of its own and sleeps.
var launchers = map[string]string{
	"sh -c":                           `sh -c PID & sh -c PID; wait`,
	"a launcher that execs":           `exec sh -c PID`,
	"a launcher of a launcher":        `sh -c 'sh -c "$0"; true' PID; true`,
	"setsid":                          `setsid sh -c PID & sh -c PID`,
	"a double fork":                   `(setsid sh -c PID &); sh -c PID`,
	"a double fork without its env":   `(setsid env -i sh -c PID &); sh -c PID`,
	"a daemon whose launcher ends":    `(setsid env -i sh -c PID >/dev/null 2>&1 </dev/null &); until ls *.pid >/dev/null 2>&1; do sleep .01; done`,
	"processes that ignore SIGTERM":   `trap '' TERM; sh -c PID & sh -c PID`,
	"nohup":                           `nohup sh -c PID >/dev/null 2>&1 & sh -c PID`,
	"a stopped process":               `sh -c PID & until ls *.pid >/dev/null 2>&1; do sleep .01; done; kill -STOP $!; sh -c PID`,
	"a daemon that holds the streams": `(setsid sh -c PID &); until ls *.pid >/dev/null 2>&1; do sleep .01; done`,
}

// around lists the commands of mcpdiag that start a command, up to "--". URL is that
// of a server with a snapshot.
var around = map[string][]string{
	"monitor":  {"monitor", "--interval", "100ms", "-o", "/dev/null"},
	"proxy":    {"proxy"},
	"loadtest": {"loadtest", "--timeout", "30s", "--users", "1", "--calls", "1"},
	"leaktest": {"leaktest", "-o", "results", "--ready-timeout", "30s", "--url", "http://127.0.0.1:1"},
	"diff":     {"diff", "URL"},
}

// However mcpdiag ends, nothing that it started is left.
func TestNothingOutlivesMcpdiag(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("processes that leave their parents are found on Linux only")
	}
	for name, script := range launchers {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
			t.Run("monitor of "+name+" "+sig.String(), func(t *testing.T) { checkNothingLeft(t, "monitor", script, sig) })
		}
	}
	for command := range around {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
			t.Run(command+" "+sig.String(), func(t *testing.T) {
				checkNothingLeft(t, command, launchers["a double fork without its env"], sig)
			})
		}
	}
}

// checkNothingLeft starts command around a launcher, ends mcpdiag by a signal, and
// waits until all processes of the launcher have ended.
func checkNothingLeft(t *testing.T, command, script string, sig syscall.Signal) {
	t.Parallel()
	dir := t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"timestamp": 1763700000000, "activeSessions": 0, "toolCallStack": [], "handlerQueue": {}, "heapUsedMB": 1}`))
	}))
	defer server.Close()
	args := append([]string{}, around[command]...)
	for i, arg := range args {
		args[i] = strings.Replace(arg, "URL", server.URL, 1)
	}
	sleeper := "'echo $$ > " + dir + "/$$.new; mv " + dir + "/$$.new " + dir + "/$$.pid; exec sleep 300'"
	cmd := exec.CommandContext(t.Context(), mcpdiagBinary(t), append(args, "--", "/bin/sh", "-c", strings.ReplaceAll(script, "PID", sleeper))...)
	cmd.Dir = dir
	if _, err := cmd.StdinPipe(); err != nil { // proxy ends with its client
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	pids := waitForPIDs(t, dir, strings.Count(script, "PID"))
	_ = cmd.Process.Signal(sig)
	_ = cmd.Wait()
	for _, pid := range pids {
		waitForEnd(t, pid)
	}
}

// waitForPIDs waits until n processes have written their PIDs into dir.
func waitForPIDs(t *testing.T, dir string, n int) (pids []int) {
	t.Helper()
	waitUntil(t, strconv.Itoa(n)+" processes have started", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "*.pid"))
		pids = pids[:0]
		for _, file := range files {
			pid, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".pid"))
			pids = append(pids, pid)
		}
		return len(pids) == n
	})
	return pids
}

func waitForEnd(t *testing.T, pid int) {
	t.Helper()
	waitUntil(t, "process "+strconv.Itoa(pid)+" has ended", func() bool {
		_, err := process.Lookup(pid)
		return err != nil
	})
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}

// The server of the tour ends with it.
func TestTourServerEndsWithTheTour(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), mcpdiagBinary(t), "demo")
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	tree, err := process.Open(process.ID{PID: cmd.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	waitUntil(t, "the server runs below its watchdog", func() bool {
		r, err := tree.Read()
		return err == nil && r.Children >= 2
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, id := range tree.Members() {
		waitForEnd(t, id.PID)
	}
}
