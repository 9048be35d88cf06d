package monitor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// The test binary is its own helper: started with this variable it is a
// process to watch instead of a test run.
const helperEnv = "MCPDIAG_MONITOR_HELPER"

func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		os.Exit(help(role))
	}
	os.Exit(m.Run())
}

// help plays a role: "wait" waits until its standard input ends, "parent"
// starts a "wait" and does the same, "parent20" starts twenty.
func help(role string) int {
	for range map[string]int{"parent": 1, "parent20": 20}[role] {
		startHelper(os.Stdin, "wait")
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
	_, _ = bufio.NewReader(out).ReadString('\n')
	return cmd
}

// helper starts a role that ends when the test does, or when stop is called.
func helper(t testing.TB, role string, args ...string) (cmd *exec.Cmd, stop func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = startHelper(r, role, args...)
	_ = r.Close()
	stop = sync.OnceFunc(func() {
		_ = w.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return cmd, stop
}
