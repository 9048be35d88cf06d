package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

const javaServer = "../../internal/leaktest/testdata/Server.java"

// needsJava skips a test without a JDK, and unless real servers are tested.
func needsJava(t *testing.T) {
	t.Helper()
	for _, program := range []string{"java", "jcmd"} {
		if _, err := exec.LookPath(program); err != nil || runtime.GOOS != "linux" {
			t.Skipf("%s of a JDK, such as openjdk-17-jdk-headless, is not installed, or this is not Linux", program)
		}
	}
	processtest.NeedsThorough(t)
}

// leaktest finds what a server in Java keeps of each call, by its live heap, and names the
// class; on the mended server it names nothing. What it stored when it was asked to is
// compared by heap with the same result.
func TestLeaktestOfJava(t *testing.T) {
	t.Parallel()
	ofJavaShapes(t, "map", testJava)
}

// ofJavaShapes runs a test for each shape of the server in Java, leaking and mended; unless
// all leaks are tested, only for one: each takes seconds.
func ofJavaShapes(t *testing.T, one string, test func(t *testing.T, shape string, mended bool)) {
	t.Helper()
	needsJava(t)
	for _, shape := range []string{"map", "list", "closure", "class"} {
		for _, mended := range []bool{false, true} {
			t.Run(map[bool]string{false: shape, true: shape + " mended"}[mended], func(t *testing.T) {
				t.Parallel()
				if shape != one && os.Getenv("MCPDIAG_LEAKS") != "all" {
					t.Skip("make test-leaks tests all shapes")
				}
				test(t, shape, mended)
			})
		}
	}
}

func testJava(t *testing.T, shape string, mended bool) {
	dir := t.TempDir()
	args := []string{"-q", "leaktest", "--format", "json", "-o", filepath.Join(dir, "out"), "--keep", filepath.Join(dir, "kept"),
		"--factors", "call", "--rounds", "10", "--delay", "100ms", "--hold", "1s", "--users", "4", "--calls", "100",
		"--", "java", "-Xmx128m", javaServer, "{port}", shape}
	if mended {
		args = append(args, "mended")
	}
	o := invoke(t, args...)
	var res leaktest.Result
	if err := json.Unmarshal([]byte(o.out), &res); err != nil {
		t.Fatalf("exit code %d: %v\n%s", o.code, err, o.err)
	}
	if res.Phases[0].By != judge.ByLive {
		t.Errorf("decided by %s: %s, %q", res.Phases[0].By, res.Sentence, res.Warnings)
	}
	if mended {
		if o.code != exitOK || res.Verdict != trend.NoLeak || len(res.Explained) > 0 || strings.Contains(o.out, "Server$") {
			t.Errorf("exit code %d, %s", o.code, res.Sentence)
		}
		return
	}
	const want = "1.0 objects (24 B) per operation of the class Server$Entry stay; most bytes are of double[]: 1.0 objects (2 KB) per operation"
	if o.code != exitFinding || !strings.Contains(res.Sentence, want) {
		t.Fatalf("exit code %d: %s\n%s", o.code, res.Sentence, o.err)
	}
	sameByHeap(t, &res)
}
