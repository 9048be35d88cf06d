package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiag/mcpdiag/internal/heap"
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// sameByHeap compares the heaps that leaktest stored with "mcpdiag heap": it must name the
// same holder, line, class and bytes per operation as leaktest did.
func sameByHeap(t *testing.T, res *leaktest.Result) {
	t.Helper()
	if len(res.Explained) != 1 || len(res.Explained[0].Kept) < 2 {
		t.Fatalf("explained %+v", res.Explained)
	}
	x := res.Explained[0]
	o := invoke(t, append(append([]string{"heap"}, x.Kept...), "--ops", fmt.Sprint(x.Heap.Operations), "--format", "json")...)
	var again heap.Result
	if err := json.Unmarshal([]byte(o.out), &again); err != nil {
		t.Fatalf("exit code %d: %v\n%s", o.code, err, o.err)
	}
	if o.code != exitFinding {
		t.Errorf("exit code %d", o.code)
	}
	again.A.Name, again.B.Name = x.Heap.A.Name, x.Heap.B.Name // files instead of a process
	if diff := cmp.Diff(x.Heap, &again, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "nodes" }, cmp.Ignore()), cmp.AllowUnexported(heap.Result{}, heap.Holder{})); diff != "" {
		t.Errorf("leaktest and heap differ: %s", diff)
	}
}

// secretsIn returns the files below a folder that hold the arguments of calls, and
// snapshots that hold none.
func secretsIn(t *testing.T, dir string) (secret, clean []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if info, statErr := entry.Info(); statErr != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, statErr)
		}
		if bytes.Contains(data, []byte("secret-")) {
			secret = append(secret, path)
		} else if strings.HasSuffix(path, ".heapsnapshot") {
			clean = append(clean, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret, clean
}

// After leaktest has explained a leak no file holds contents of the heap, unless they were
// to be kept; heap says the same of those as leaktest.
func TestKeptByLeaktest(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	for _, c := range []struct {
		program, server, shape string
		keep                   []string // and the folder
	}{
		{"node", "server.js", "map", nil},
		{"node", "server.js", "map", []string{"--scrub", "--keep"}},
		{"python3", "server.py", "dict", []string{"--keep"}},
	} {
		t.Run(c.program+" "+strings.Join(c.keep, " "), func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.program); err != nil || runtime.GOOS != "linux" {
				t.Skip(c.program + " is not installed, or this is not Linux")
			}
			dir := t.TempDir()
			server, err := filepath.Abs("../../internal/leaktest/testdata/" + c.server)
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"-q", "leaktest", "--format", "json", "-o", filepath.Join(dir, "out"), "--factors", "call", "--rounds", "10", "--delay", "100ms", "--hold", "1s",
				"--users", "4", "--calls", "40"}, c.keep...)
			if c.keep != nil {
				args = append(args, filepath.Join(dir, "kept"))
			}
			var out, stderr strings.Builder
			cmd := exec.CommandContext(t.Context(), "mcpdiag", append(args, "--", c.program, server, "{port}", c.shape)...)
			cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "TMPDIR="+dir), &out, &stderr
			_ = cmd.Run() // its exit code is judged
			o := ended{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
			var res leaktest.Result
			if err := json.Unmarshal([]byte(o.out), &res); err != nil || o.code != exitFinding || len(res.Explained) != 1 {
				t.Fatalf("exit code %d: %v, %s\n%s", o.code, err, res.Sentence, o.err)
			}
			secret, clean := secretsIn(t, dir)
			if len(secret) > 0 || len(clean) > 0 && c.keep == nil {
				t.Errorf("contents of the heap are in %q, snapshots without them %q", secret, clean)
			}
			if c.keep != nil {
				sameByHeap(t, &res)
			}
		})
	}
}

// heap stores snapshots when it is asked to, with contents of strings or without, and
// compares the files with the same result.
func TestKeptByHeap(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	for _, flags := range [][]string{nil, {"--scrub"}} {
		s := startInspected(t, "../../internal/heap/testdata/server.js")
		progress := &loadWhenSampled{server: s}
		kept := filepath.Join(t.TempDir(), "kept")
		var out strings.Builder
		args := append([]string{"heap", "--pid", s.pid, "--attach", "--interval", "2s", "--ops", "1000", "--keep", kept}, flags...)
		if code := run(t.Context(), args, strings.NewReader(""), &out, progress); code != exitFinding {
			t.Fatalf("exit code %d\n%s\n%s", code, out.String(), progress.text.String())
		}
		contents := "all strings of the process, its secrets among them"
		if flags != nil {
			contents = "contents of strings are replaced by their length"
		}
		if said := progress.text.String(); strings.Count(said, contents) != 2 || !strings.Contains(said, "allocations.heapprofile: names of functions, files and classes") {
			t.Errorf("it does not say what is kept: %s", said)
		}
		if secret, clean := secretsIn(t, kept); len(secret) != 2-2*len(flags) || len(clean) != 2*len(flags) {
			t.Errorf("with %q secrets are in %q, none in %q", flags, secret, clean)
		}
		headline, _, _ := strings.Cut(out.String(), "\n")
		o := invoke(t, "heap", filepath.Join(kept, "a.heapsnapshot"), filepath.Join(kept, "b.heapsnapshot"), filepath.Join(kept, "allocations.heapprofile"), "--ops", "1000")
		if again, _, _ := strings.Cut(o.out, "\n"); again != headline || !strings.Contains(again, "stay in registry.sessions (Map)") {
			t.Errorf("%q, want %q", again, headline)
		}
		invoke(t, "heap", filepath.Join(kept, "a.heapsnapshot"), "--pid", s.pid, "--attach").wants(t, exitFailure, "numbers its objects anew when an inspector closes")
	}
}
