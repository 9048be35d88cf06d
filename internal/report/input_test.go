package report

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestInterruptibleReadsAll(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789"), 30_000)
	for name, r := range map[string]io.Reader{
		"whole":       bytes.NewReader(want),
		"half":        iotest.HalfReader(bytes.NewReader(want)),
		"end at once": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		got, err := io.ReadAll(Interruptible(t.Context(), r))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestInterruptibleEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	in := Interruptible(ctx, r)
	cancel()
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestReadAtMost(t *testing.T) {
	t.Parallel()
	if data, err := ReadAtMost(strings.NewReader("abcd"), 4); err != nil || string(data) != "abcd" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadAtMost(strings.NewReader("abcde"), 4); err == nil {
		t.Error("5 bytes were read")
	}
}

func TestOpenInStaysInItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	must(t, os.MkdirAll(filepath.Join(in, "sub"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "outside"), []byte("secret"), 0o600))
	must(t, os.WriteFile(filepath.Join(in, "sub", "inside"), []byte("feed"), 0o600))
	must(t, os.Symlink("sub/inside", filepath.Join(in, "link")))
	must(t, os.Symlink("../outside", filepath.Join(in, "escape")))
	must(t, os.Symlink("/dev/zero", filepath.Join(in, "zero")))
	for name, ok := range map[string]bool{
		"sub/inside": true, "link": true, "escape": false, "zero": false, "../outside": false, "sub": false, "nothing": false,
		filepath.Join(dir, "outside"): false,
	} {
		f, err := OpenIn(in, name)
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if f != nil {
			must(t, f.Close())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
