package process

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file is read to its end, whatever pieces the kernel hands out.
func TestAppendFile(t *testing.T) {
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("0123456789abcdef"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{long, "/proc/self/cmdline", "/proc/filesystems", "/proc/crypto", "/proc/kallsyms"} {
		want, err := os.ReadFile(name)
		if err != nil {
			continue // not every kernel has it
		}
		for _, room := range []int{0, 1, 511, 2048, 4096, 100_000} {
			got, err := appendFile(make([]byte, 0, room), unix.AT_FDCWD, name)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s with room for %d: %d bytes of %d, %v", name, room, len(got), len(want), err)
			}
		}
	}
	if got, err := appendFile([]byte("ab"), unix.AT_FDCWD, long); err != nil || !bytes.HasPrefix(got, []byte("ab0123")) {
		t.Errorf("%.10q, %v", got, err)
	}
	if _, err := appendFile(nil, unix.AT_FDCWD, long+"er"); !gone(err) {
		t.Errorf("%v, want no such file", err)
	}
}
