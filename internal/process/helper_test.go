package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary is its own helper: started with this variable it is a
// process to look at instead of a test run.
const helperEnv = "MCPDIAG_PROCESS_HELPER"

func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		os.Exit(help(role))
	}
	os.Exit(m.Run())
}

// help plays a role: "wait" waits until its standard input ends; "tree 2 3"
// starts 2 children, each with a tree of 3 generations below, and waits; "quit"
// starts a "wait" and ends at once; "zombie" starts a child that ends and never collects it.
func help(role string) int {
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
			startHelper(os.Stdin, next)
		}
	case "quit":
		startHelper(os.Stdin, "wait")
		return 0
	case "adopt":
		cmd := startHelper(os.Stdin, "quit") // its child becomes an orphan
		_ = cmd.Wait()
	case "zombie":
		startHelper(nil, "exit")
	case "exit":
		return 0
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// startHelper starts a role and returns when it is ready.
func startHelper(stdin io.Reader, role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+role, "GORACE=atexit_sleep_ms=0")
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

// helper starts a role that ends with the test.
func helper(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := startHelper(r, role, args...)
	_ = r.Close()
	t.Cleanup(func() {
		_ = w.Close()
		_ = cmd.Wait()
	})
	return cmd
}

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}
