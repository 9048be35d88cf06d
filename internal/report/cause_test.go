package report

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCauseInWords wants the words of Unix on each system.
func TestCauseInWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, absent := os.Open(filepath.Join(dir, "absent"))
	for want, err := range map[string]error{
		"no such file or directory": absent,
		"file exists":               os.Mkdir(dir, 0o700),
	} {
		if got := Cause(err); got.Error() != want || errors.Is(got, fs.ErrNotExist) != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
