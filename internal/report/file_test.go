//go:build unix

package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// put writes text to path as a command does.
func put(path, text string) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.WriteString(f, text); err != nil {
		return err
	}
	return f.Close()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	must(t, put(path, "one"))
	must(t, os.Chmod(path, 0o644))
	must(t, put(path, "two"))
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || read(t, path) != "two" {
		t.Errorf("%v, %v: want the new text with mode 0600", info, err)
	}
	if names(t, dir) != "out" {
		t.Errorf("the folder holds %s", names(t, dir))
	}
}

func TestFileLinksAreReplaced(t *testing.T) {
	dir := t.TempDir()
	target, link, dangling := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	must(t, os.WriteFile(target, []byte("untouched"), 0o644))
	must(t, os.Symlink(target, link))
	must(t, os.Symlink(filepath.Join(dir, "nowhere"), dangling))
	must(t, put(link, "new"))
	must(t, put(dangling, "new"))
	if read(t, target) != "untouched" || read(t, link) != "new" || read(t, dangling) != "new" || names(t, dir) != "dangling link target" {
		t.Errorf("target %q; the folder holds %s", read(t, target), names(t, dir))
	}
}

func TestFileAbort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	must(t, os.WriteFile(path, []byte("before"), 0o600))
	f, err := Create(path)
	must(t, err)
	_, err = io.WriteString(f, "half")
	must(t, err)
	f.Abort()
	must(t, f.Close())
	if read(t, path) != "before" || names(t, dir) != "out" {
		t.Errorf("%q; the folder holds %s", read(t, path), names(t, dir))
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := put(dir, "x"); err == nil || !strings.Contains(err.Error(), "it is a directory; name a file in it") {
		t.Errorf("a directory: %v", err)
	}
	missing := filepath.Join(dir, "no", "out")
	if err := put(missing, "x"); !errors.Is(err, os.ErrNotExist) || err.Error() != "writing "+missing+": no such file or directory" {
		t.Errorf("a folder that is not there: %v", err)
	}
	if os.Getuid() == 0 {
		t.Log("root may write into a read-only folder")
		return
	}
	must(t, os.Chmod(dir, 0o500))
	if err := put(filepath.Join(dir, "out"), "x"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a read-only folder: %v", err)
	}
}

func TestFilePipesAreWrittenThrough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	got := make(chan string)
	go func() {
		data, err := os.ReadFile(path)
		got <- fmt.Sprint(string(data), err)
	}()
	must(t, put(path, "through"))
	if text := <-got; text != "through<nil>" {
		t.Errorf("the reader got %q", text)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is now %v, %v", info.Mode(), err)
	}
}

func TestFileFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	if err := put("/dev/full", "x"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want ENOSPC", err)
	}
}

// /dev/stdout and its like name an open file: replacing them would break the
// machine, and lose what is redirected.
func TestFileOfADescriptor(t *testing.T) {
	to, err := os.Create(filepath.Join(t.TempDir(), "redirected"))
	must(t, err)
	defer to.Close()
	_, err = io.WriteString(to, "before ")
	must(t, err)
	path := fmt.Sprintf("/dev/fd/%d", to.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip("there is no /dev/fd here")
	}
	must(t, put(path, "after"))
	if got := read(t, to.Name()); got != "before after" {
		t.Errorf("%q", got)
	}
}

func TestStreamIsThereAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f, err := Stream(path)
	must(t, err)
	_, err = io.WriteString(f, "row\n")
	must(t, err)
	if read(t, path) != "row\n" || names(t, dir) != "out" {
		t.Errorf("%q; the folder holds %s", read(t, path), names(t, dir))
	}
	must(t, f.Close())
}

// An error names the file and why, not the temporary file beside it.
func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f, err := Create(path)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	err = f.Close()
	if err == nil || strings.Contains(err.Error(), ".tmp") || !strings.HasPrefix(err.Error(), "writing "+path+": ") {
		t.Errorf("%v", err)
	}
	if names(t, dir) != "out" {
		t.Errorf("the folder holds %s", names(t, dir))
	}
}
