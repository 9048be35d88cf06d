package processtest

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram writes a file that can be executed. No other test starts a process while
// the file is open: that process would hold it open for a moment, in which nobody can
// execute it ("text file busy").
func WriteProgram(t testing.TB, path string, data []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, data, 0o700); err != nil { //nolint:gosec,forbidigo // it is run, in a folder of the test
		t.Fatal(err)
	}
}
