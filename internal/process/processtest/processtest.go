// Package processtest gives tests processes to look at: the test binary, started
// again in a role.
package processtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process/freeport"
)

// Env is the variable that makes the test binary play a role.
const Env = "MCPDIAG_TEST_ROLE"

// Main is called by TestMain. It plays the role that the environment names, or runs
// the tests, and returns the exit code.
func Main(m *testing.M) int {
	if role := os.Getenv(Env); role != "" {
		return play(role)
	}
	return m.Run()
}

// Thorough reports whether the tests run that take long and whose subject others cover
// in part: in CI, and by make test-real, but not with -short.
func Thorough() bool {
	return !testing.Short() && (os.Getenv("CI") != "" || os.Getenv("MCPDIAG_REAL") != "")
}

// NeedsThorough skips a test unless Thorough holds.
func NeedsThorough(t *testing.T) {
	t.Helper()
	if !Thorough() {
		t.Skip("it takes long: make test-real and CI run it")
	}
}

// play plays a role: "wait" waits until its standard input ends; "tree 2 3"
// starts 2 children, each with a tree of 3 generations below, and waits; "quit"
// starts a "wait" and ends at once; "adopt" starts a "quit", whose child becomes an
// orphan; "zombie" starts a child that ends and never collects it; "args" prints its arguments,
// one a line; "folder" prints the current folder.
func play(role string) int {
	words := strings.Fields(role)
	switch words[0] {
	case "tree":
		width, _ := strconv.Atoi(words[1])
		depth, _ := strconv.Atoi(words[2])
		for range width {
			next := "wait"
			if depth > 1 {
				next = fmt.Sprintf("tree %d %d", width, depth-1)
			}
			start(os.Stdin, next)
		}
	case "quit":
		start(os.Stdin, "wait")
		return 0
	case "adopt":
		cmd := start(os.Stdin, "quit")
		_ = cmd.Wait()
	case "zombie":
		start(nil, "exit")
	case "exit":
		return 0
	case "folder":
		folder, _ := os.Getwd()
		fmt.Fprintln(os.Stdout, folder)
		return 0
	case "args":
		for _, arg := range os.Args[1:] {
			fmt.Fprintln(os.Stdout, arg)
		}
		return 0
	}
	fmt.Fprintln(os.Stdout, "ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// start starts a role and returns when it is ready.
func start(stdin io.Reader, role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), Env+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stdin, cmd.Stderr = stdin, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		panic(err)
	}
	_, _ = bufio.NewReader(out).ReadString('\n') // "ready", or the end
	return cmd
}

// Start starts a role that ends when the test does, or when stop is called.
func Start(t testing.TB, role string, args ...string) (cmd *exec.Cmd, stop func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = start(r, role, args...)
	_ = r.Close()
	stop = sync.OnceFunc(func() {
		_ = w.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return cmd, stop
}

// FreePort returns a port on loopback for a server that the test starts.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// FreeAddress returns an address on loopback with a FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}

// Eventually polls until ok holds.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}
