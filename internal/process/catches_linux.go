package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Catches reports whether a process has a handler for a signal, which then does not
// end it.
func Catches(pid, signal int) bool {
	data, err := os.ReadFile(filepath.Join(procDir(pid), "status"))
	if err != nil || signal < 1 || signal > 64 {
		return false
	}
	_, rest, found := strings.Cut(string(data), "\nSigCgt:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return found && err == nil && mask>>(uint(signal)-1)&1 == 1
}
