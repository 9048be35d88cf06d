package main

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	netpprof "net/http/pprof"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/process/processtest"
)

// heaviestLeaf returns the last frame of the folded stacks that has the most weight,
// the idle ones aside.
func heaviestLeaf(t *testing.T, folded string) string {
	t.Helper()
	weights := map[string]float64{}
	heaviest := ""
	for line := range strings.Lines(folded) {
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if at < 0 {
			t.Fatalf("no folded stack: %q", line)
		}
		weight, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		frames := strings.Split(line[:at], ";")
		for len(frames) > 1 && strings.HasPrefix(frames[len(frames)-1], "runtime.") { // preempted there, on a busy machine
			frames = frames[:len(frames)-1]
		}
		leaf := frames[len(frames)-1]
		if strings.HasPrefix(leaf, "(") { // (idle), (program), (garbage collector)
			continue
		}
		if weights[leaf] += weight; weights[leaf] > weights[heaviest] {
			heaviest = leaf
		}
	}
	return heaviest
}

// The hot function of a running Node.js process is the widest leaf; the inspector is
// closed again.
func TestFlameOfRunningNode(t *testing.T) {
	t.Parallel()
	s := startInspected(t, "testdata/node/hot.js")
	var out, progress strings.Builder
	args := []string{"flame", "--pid", s.pid, "--attach", "--duration", "1s", "--format", "folded"}
	if code := run(t.Context(), args, strings.NewReader(""), &out, &progress); code != exitOK {
		t.Fatalf("exit code %d: %s", code, progress.String())
	}
	if leaf := heaviestLeaf(t, out.String()); !strings.HasPrefix(leaf, "hotLoop") {
		t.Errorf("the widest leaf is %q in\n%s", leaf, out.String())
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(progress.String())
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("the inspector still listens on %s", address)
	}
	invoke(t, "flame", "--pid", s.pid, "--attach", "--duration", "200ms", "--format", "text").wants(t, exitOK, "hotLoop")
}

// A loop that ran before the recording began is named, with its file and line.
func TestFlameOfLoopInNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	s := startInspected(t, "testdata/node/loop.js")
	o := invoke(t, "flame", "--pid", s.pid, "--attach", "--duration", "1s", "--format", "text")
	o.wants(t, exitOK, "plateau: processTimers > listOnTimeout > spin")
	o.wants(t, exitOK, "loop.js:4")
}

// The time in which a process waits is a fact and no finding.
func TestFlameOfIdleNode(t *testing.T) {
	processtest.NeedsThorough(t)
	t.Parallel()
	for _, format := range []string{"--format=text", "--short", "--findings"} {
		s := startInspected(t, "testdata/node/idle.js")
		invoke(t, "flame", "--pid", s.pid, "--attach", "--duration", "1s", format, "--fail-on", "any").wants(t, exitOK, "the process was idle for ")
	}
}

// burn spends time until ctx ends.
func burn(ctx context.Context) float64 {
	sum := 0.0
	for ctx.Err() == nil {
		for i := range 100_000 {
			sum += math.Sqrt(float64(i))
		}
	}
	return sum
}

// The hot function of a running Go server is in the picture. One profile can be
// recorded at a time, so this test runs alone.
func TestFlameOfRunningGo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(netpprof.Profile))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan float64)
	go func() { done <- burn(ctx) }()
	o := invoke(t, "flame", "--url", server.URL, "--duration", "1s", "--format", "folded")
	cancel()
	<-done
	o.wants(t, exitOK, "burn")
	if leaf := heaviestLeaf(t, o.out); !strings.Contains(leaf, "burn") && !strings.Contains(leaf, "ctx") {
		t.Errorf("the widest leaf is %q", leaf)
	}
}

func TestFlameRefusesTwoInputs(t *testing.T) {
	t.Parallel()
	invoke(t, "flame", "--pid", "1").wants(t, exitUsage, "needs --attach")
	invoke(t, "flame", "--url", "http://127.0.0.1:1", "a.folded").wants(t, exitUsage, "drawn instead of files")
	invoke(t, "flame", "--duration", "5s", "a.folded").wants(t, exitUsage, "--duration is for a running process")
	invoke(t, "flame", "--url", "http://127.0.0.1:1", "--inspect", "127.0.0.1:1").wants(t, exitUsage, "exclude each other")
	invoke(t, "flame", "--inspect", "192.0.2.1:9229").wants(t, exitFailure, "only an inspector on this machine")
}
