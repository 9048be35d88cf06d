package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// File is an output file that appears whole or not at all: it is written to a
// temporary file in the same folder, with mode 0600, and renamed on Close. A symbolic
// link at its path is replaced, not followed.
type File struct {
	*os.File
	path string // target of the rename on Close; "" if written in place
	done bool
}

// Create creates the file at path. A pipe or a device is written directly.
func Create(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && (!info.Mode().IsRegular() || isDevice(path)) {
		if info.IsDir() {
			return nil, fmt.Errorf("writing %s: it is a directory; name a file in it", path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		return &File{File: f}, about(path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // mode 0600
	return &File{File: f, path: path}, about(path, err)
}

// isDevice reports whether path names a device or, like /dev/stdout, an open file,
// which may be regular. Neither may be replaced.
func isDevice(path string) bool {
	abs, err := filepath.Abs(path)
	return err == nil && (strings.HasPrefix(abs, "/dev/") || strings.HasPrefix(abs, "/proc/")) && !strings.HasPrefix(abs, "/dev/shm/")
}

// Stream is Create for a file that must be readable while it grows and after a
// kill: it is at its path at once.
func Stream(path string) (*File, error) {
	f, err := Create(path)
	if err != nil || f.path == "" {
		return f, err
	}
	if f.File, err = moveOpen(f.File, path); err != nil {
		return nil, about(path, err)
	}
	f.path = ""
	return f, nil
}

// moveOpen renames f and closes it meanwhile, because Windows cannot rename an open
// file. It checks that the file it opens again is f.
func moveOpen(f *os.File, path string) (*os.File, error) {
	moved, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, errors.Join(Cause(err), os.Remove(f.Name()))
	}
	if f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, moved) {
		return nil, errors.Join(errors.New("another file took its place"), f.Close())
	}
	return f, nil
}

// Close finishes the file and renames it to its path. After Abort it does nothing.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	err := f.File.Close()
	if f.path == "" {
		return err
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return errors.Join(about(f.path, err), os.Remove(f.Name()))
	}
	return nil
}

// Abort discards a file that has not been renamed yet. After Close it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	_ = f.File.Close()
	if f.path != "" {
		_ = os.Remove(f.Name())
	}
}

// about returns err with path in place of the temporary file's name.
func about(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", path, Cause(err))
}
