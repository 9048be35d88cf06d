//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/diff"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// A trace that names a new target in each line is not told apart for ever.
func TestDiffOfManyTargets(t *testing.T) {
	t.Parallel()
	var trace strings.Builder
	for i := range 2 * diff.MaxServers {
		fmt.Fprintf(&trace, "{\"heapUsedMB\": 1, \"poll\": {\"at\": 1763700000000, \"target\": \"http://n%d\"}}\n", i)
	}
	path := filepath.Join(t.TempDir(), "trace.ndjson")
	write(t, path, trace.String(), 0o600)
	invoke(t, "diff", path).wants(t, exitUsage, "holds more than 1000 targets; choose one with --target")
	invoke(t, "diff", path, path, "--target", "n1999").wants(t, exitOK, "")
}

// Where the output goes, of what replaces the file that is there, and of
// poll, which appends.
func TestOutputFiles(t *testing.T) {
	t.Parallel()
	url := (&badServer{tool: "x"}).start(t)
	commands := outputs(t, url)
	for command, o := range commands {
		args, appends, child := o.args, o.appends, o.child
		invoke := invoke
		if o.invoke != nil {
			invoke = o.invoke
		}
		t.Run(command+", a link", func(t *testing.T) {
			dir := t.TempDir()
			target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
			write(t, target, "untouched", 0o644)
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			if appends {
				invoke(t, args(link)...).wants(t, exitFailure, "it is a symbolic link; name the file it points to")
			} else {
				invoke(t, args(link)...).wants(t, exitOK, "")
			}
			if files(t, dir)["target"] != "untouched" {
				t.Errorf("the link was followed: %q", files(t, dir))
			}
		})
		t.Run(command+", a dangling link", func(t *testing.T) {
			dir := t.TempDir()
			link := filepath.Join(dir, "link")
			if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
				t.Fatal(err)
			}
			if appends {
				invoke(t, args(link)...).wants(t, exitFailure, "it is a symbolic link; name the file it points to")
			} else {
				invoke(t, args(link)...).wants(t, exitOK, "")
			}
			if _, ok := files(t, dir)["nowhere"]; ok {
				t.Error("the link was followed")
			}
		})
		t.Run(command+", a file that others may read", func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			write(t, out, "{\"torn", 0o644)
			invoke(t, args(out)...).wants(t, exitOK, "")
			info, err := os.Stat(out)
			if err != nil || !appends && info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			text := files(t, filepath.Dir(out))["out"]
			if appends != strings.HasPrefix(text, "{\"torn\n{") || len(files(t, filepath.Dir(out))) != 1 {
				t.Errorf("%q", files(t, filepath.Dir(out)))
			}
		})
		t.Run(command+", a pipe", func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(out, 0o600); err != nil {
				t.Fatal(err)
			}
			got := make(chan string)
			go func() {
				data, _ := os.ReadFile(out)
				got <- string(data)
			}()
			invoke(t, args(out)...).wants(t, exitOK, "")
			if text := <-got; text == "" {
				t.Error("the reader got nothing")
			}
		})
		t.Run(command+", a full disk", func(t *testing.T) {
			if _, err := os.Stat("/dev/full"); err != nil {
				t.Skip("there is no /dev/full here")
			}
			if child {
				t.Skip("the command itself meets the full disk")
			}
			o := invoke(t, args("/dev/full")...)
			o.wants(t, exitFailure, "/dev/full: no space left on device")
			if strings.Count(o.err, "/dev/full") != 1 {
				t.Errorf("it is named more than once: %s", o.err)
			}
		})
		t.Run(command+", a directory", func(t *testing.T) {
			dir := t.TempDir()
			invoke(t, args(dir)...).wants(t, exitFailure, "is a directory")
		})
		t.Run(command+", a folder that is not there", func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "no", "out")
			invoke(t, args(out)...).wants(t, exitFailure, out+": no such file or directory")
		})
		t.Run(command+", a folder that is read-only", func(t *testing.T) {
			if os.Getuid() == 0 {
				t.Skip("root may write anywhere")
			}
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a folder
				t.Fatal(err)
			}
			invoke(t, args(filepath.Join(dir, "out"))...).wants(t, exitFailure, "permission denied")
		})
	}
}

// A run that is interrupted leaves what it has: a trace of whole lines; no half of a result.
func TestInterruptedOutput(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	url := (&badServer{snapshot: func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 4 {
			cancel()
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, healthySnapshot)
	}}).start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	invokeWith(ctx, "poll", url, "--interval", "1ms", "-o", trace).wants(t, exitOK, "POLLS")
	if read, lost := readTrace(t, trace); read != 3 || lost != 0 {
		t.Errorf("%d snapshots, %d lines lost", read, lost)
	}

	hung := make(chan bool, 1)
	url = (&badServer{tool: "x", call: func(_ http.ResponseWriter, r *http.Request) { hung <- true; <-r.Context().Done() }}).start(t)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-hung; cancel() }()
	dir := t.TempDir()
	invokeWith(ctx, "loadtest", url, "--users", "1", "-o", filepath.Join(dir, "out")).wants(t, exitFailure, "no call succeeded")
	if text := files(t, dir)["out"]; !strings.Contains(text, "Interrupted: the figures are those until then.") {
		t.Errorf("%q", files(t, dir))
	}
}

// readTrace counts the snapshots of a trace and the lines that are lost.
func readTrace(t *testing.T, path string) (read, lost int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := snapshot.NewReader(f, path)
	for s, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Poll == nil || s.HeapUsedMB == nil {
			t.Errorf("a snapshot without its fields: %s", s.Raw)
		}
	}
	return r.Read, r.Skipped
}

// Two runs that append to one trace do not tear each other's lines.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	long := strings.TrimSuffix(healthySnapshot, "}") + `, "filler": "` + strings.Repeat("x", 100_000) + `"}`
	url := (&badServer{snapshot: text(long)}).start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if o := invokeWith(t.Context(), "poll", url, "--interval", "1ms", "--count", "20", "-q", "-o", trace); o.code != exitOK {
				t.Error(o.err)
			}
		})
	}
	wg.Wait()
	if read, lost := readTrace(t, trace); read != 60 || lost != 0 {
		t.Errorf("%d snapshots, %d lines lost", read, lost)
	}
}

// A trace whose writer was killed reads back, with its last line lost at most,
// and is taken up again.
func TestKilledPollLosesAtMostALine(t *testing.T) {
	t.Parallel()
	long := strings.TrimSuffix(healthySnapshot, "}") + `, "filler": "` + strings.Repeat("x", 300_000) + `"}`
	url := (&badServer{snapshot: text(long)}).start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	kept := 0
	for kill := range 5 {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "mcpdiag", "poll", url, "--interval", "1ms", "-q", "-o", trace)
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		atSize(t, trace, int64(300_000*(kept+3)+rand.IntN(1_500_000)), &stderr) //nolint:gosec // not a secret
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		read, lost := readTrace(t, trace)
		if lost > kill+1 || read <= kept {
			t.Errorf("after kill %d: %d snapshots, %d before; %d lines lost", kill+1, read, kept, lost)
		}
		kept = read
	}
	if o := invoke(t, "diff", trace); o.code != exitOK {
		t.Errorf("%d: %s", o.code, o.err)
	}
}

// atSize waits until a file has grown to n bytes.
func atSize(t *testing.T, path string, n int64, stderr fmt.Stringer) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if info, err := os.Stat(path); err == nil && info.Size() >= n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s did not grow to %d bytes: %s", path, n, stderr)
		}
	}
}
