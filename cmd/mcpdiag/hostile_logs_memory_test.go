package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// peakMemory runs a command and writes its maximum RSS in bytes to a file: peakmemory
// FILE COMMAND... A process inherits the maximum of the one that starts it, and that of
// the tests is large; this one is small.
func peakMemory() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = cmd.Run()                                                                      // its exit code is that of this process
	usage := reflect.ValueOf(cmd.ProcessState.SysUsage()).Elem().FieldByName("Maxrss") // Windows has none
	if !usage.IsValid() {
		os.Exit(exitFailure)
	}
	if err := os.WriteFile(os.Args[1], []byte(strconv.FormatInt(usage.Int()<<10, 10)), 0o600); err != nil {
		os.Exit(exitFailure)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFinding { // a finding is a success, too
		os.Exit(code)
	}
}

// logs needs at most 64 MB whatever it reads. The slack is for the pages of the test
// binary, which is larger than mcpdiag.
func TestLogsMemoryIsBounded(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems count it in other units")
	}
	const limit = (64 + 16) << 20
	for name, write := range map[string]func(io.Writer){
		"many names": func(w io.Writer) {
			for i := range 200_000 {
				fmt.Fprintf(w, `{"time":"2026-11-25T09:%02d:%02dZ","level":"error","msg":"call %x failed","tool":"tool-%d","user_id":"user-%d","request_id":"r-%d","key-%d":1,"duration_ms":5000}`+"\n",
					i/60%60, i%60, i, i, i, i, i)
			}
		},
		"one line of 100 MB": func(w io.Writer) {
			chunk := strings.Repeat("x", 1<<20)
			for range 100 {
				_, _ = io.WriteString(w, chunk)
			}
		},
		"deep JSON": func(w io.Writer) {
			line := strings.Repeat(`{"data":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "\n"
			for range 200 {
				_, _ = io.WriteString(w, line)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			peak := filepath.Join(t.TempDir(), "peak")
			cmd := exec.CommandContext(t.Context(), "peakmemory", peak, "mcpdiag", "logs")
			in, out := io.Pipe()
			go func() {
				buffered := bufio.NewWriterSize(out, 1<<16)
				write(buffered)
				_ = buffered.Flush()
				_ = out.Close()
			}()
			var stderr strings.Builder
			cmd.Stdin, cmd.Stderr = in, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			text, err := os.ReadFile(peak)
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(string(text))
			if err != nil || n == 0 || n > limit {
				t.Errorf("logs took %q bytes, want at most %d", text, limit)
			}
			t.Logf("at most %d MB", n>>20)
		})
	}
}
