//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// readsFile are command lines that read FILE, one at least for each flag and argument that
// names a file.
var readsFile = []string{
	"flame FILE", "flame trace --base FILE", "diff FILE trace", "monitor --read FILE", "logs FILE", "logs log --baseline FILE", "logs --follow FILE",
	"heap FILE", "heap FILE FILE", "token FILE", "token token --jwks FILE", "token token --key-file FILE", "token token --secret-file FILE",
	"token token --introspect http://127.0.0.1:1 --client-id x --client-secret-file FILE",
	"doctor --replay FILE", "doctor --servers FILE", "doctor http://127.0.0.1:1 --baseline FILE", "doctor http://127.0.0.1:1 --cacert FILE",
	"doctor http://127.0.0.1:1 --refresh-token-file FILE", "doctor http://127.0.0.1:1 --refresh-token-file token --client-id x --client-secret-file FILE",
	"deps --from-config FILE", "mcp --from-config FILE", "mcp --allow http://127.0.0.1:1 --cacert FILE", "report FILE",
	"leaktest --judge FILE", "leaktest --baseline FILE --pid 1", "leaktest --args @FILE --pid 1",
	"loadtest http://127.0.0.1:1 --plan FILE", "loadtest http://127.0.0.1:1 --tool x --args @FILE", "loadtest http://127.0.0.1:1 --baseline FILE", "loadtest http://127.0.0.1:1 --compare FILE",
	"loadtest merge FILE FILE", "loadtest export k6 FILE",
	"poll http://127.0.0.1:1 -o - --count 1 -H X:@FILE", "poll http://127.0.0.1:1 -o - --count 1 --token-file FILE", "poll http://127.0.0.1:1 -o - --count 1 --config FILE",
	"poll http://127.0.0.1:1 -o - --count 1 --cacert FILE", "poll http://127.0.0.1:1 -o - --count 1 --cert FILE --key FILE",
	"poll http://127.0.0.1:1 -o - --count 1 --cert trace --key FILE", "proxy --to http://127.0.0.1:1 --listen 127.0.0.1:0 --cacert FILE",
	"bundle http://127.0.0.1:1 --file FILE -o -",
}

// writesFile are command lines that write FILE.
var writesFile = []string{
	"flame trace -o FILE", "diff trace -o FILE", "token token -o FILE", "logs log -o FILE", "heap folded -o FILE", "loadtest export k6 plan -o FILE",
	"poll http://127.0.0.1:1 --count 1 -o FILE", "monitor --pid PID --count 2 --interval 10ms -o FILE", "monitor --pid PID --count 2 --interval 10ms -o - --plot FILE",
	"monitor -o - --log FILE -- sleep 0", "proxy --to http://127.0.0.1:1 --listen 127.0.0.1:0 --announce FILE", "demo --serve --listen 127.0.0.1:0 --announce FILE",
}

// fileLine fills in a command line; the other files of it are there.
func fileLine(t *testing.T, line, file string) []string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "trace"), flameTrace("search", "c1", "s1"), 0o600)
	write(t, filepath.Join(dir, "log"), "2026-11-25T09:00:00Z INFO hello\n", 0o600)
	write(t, filepath.Join(dir, "token"), "eyJhbGciOiJub25lIn0.e30.\n", 0o600)
	write(t, filepath.Join(dir, "plan"), "steps: [{resource: a}]\n", 0o600)
	write(t, filepath.Join(dir, "folded"), `{"head":{"callFrame":{"functionName":"(root)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"selfSize":1,"id":1,"children":[]},"samples":[]}`, 0o600)
	args := strings.Fields(line)
	for i, arg := range args {
		switch arg {
		case "trace", "log", "token", "plan", "folded":
			if i > 0 {
				args[i] = filepath.Join(dir, arg)
			}
		case "PID":
			args[i] = "1"
		}
		args[i] = strings.ReplaceAll(args[i], "FILE", file)
	}
	return args
}

// endsInTime runs the program and wants it to end soon.
func endsInTime(ctx context.Context, t *testing.T, args ...string) ended {
	t.Helper()
	done := make(chan ended, 1)
	go func() { done <- invokeWith(ctx, args...) }()
	select {
	case o := <-done:
		return o
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	return ended{}
}

// TestInterruptedWhileAFileOpens: the first Ctrl-C ends a command that waits for the other
// end of a pipe, whichever flag or argument names it.
func TestInterruptedWhileAFileOpens(t *testing.T) {
	t.Parallel()
	for _, line := range slices.Concat(readsFile, writesFile) {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // lets go of the goroutine that still opens it
				if f, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
					time.AfterFunc(time.Second, func() { _ = f.Close() })
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the signal came before the file was opened
			o := endsInTime(ctx, t, fileLine(t, line, pipe)...)
			if strings.HasPrefix(line, "bundle") {
				return // it packs the rest, and says why this file is missing
			}
			if strings.Contains(o.err, "context canceled") || strings.Contains(o.err, "interrupted") && o.code != exitFailure {
				t.Errorf("exit code %d: %s", o.code, o.err)
			}
		})
	}
}

// TestEndlessFiles: a file without an end is refused, or read to a bound, in bounded memory.
func TestEndlessFiles(t *testing.T) {
	processtest.NeedsThorough(t)
	if runtime.GOOS != "linux" {
		t.Skip("there may be no /dev/zero here")
	}
	t.Parallel()
	for _, line := range readsFile {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(line, "logs") || strings.HasPrefix(line, "diff") || strings.HasPrefix(line, "bundle") {
				t.Skip("it reads as long as there is something to read, in bounded memory")
			}
			if o := endsInTime(t.Context(), t, fileLine(t, line, "/dev/zero")...); o.code == exitOK {
				t.Errorf("exit code 0: %s", o.out)
			}
		})
	}
}

// TestEveryFileFlagIsTried: each flag that names a file is in a line above.
func TestEveryFileFlagIsTried(t *testing.T) {
	t.Parallel()
	lines := strings.Join(slices.Concat(readsFile, writesFile), " ")
	folders := []string{"root", "keep", "all"}
	written := []string{"output", "save", "schema"} // by the function that writes the -o of all commands
	eachFlag(func(_ *cobra.Command, f *pflag.Flag) {
		if isMarked(f, pathMark) && !strings.Contains(lines, "--"+f.Name+" ") && !slices.Contains(slices.Concat(folders, written), f.Name) {
			t.Errorf("--%s is in no line", f.Name)
		}
	})
}
