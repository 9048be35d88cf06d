package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Open opens a file that the user named. Opening and reading end when ctx does,
// also for a pipe that nobody writes to.
func Open(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := Await(ctx, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, Cause(err))
	}
	return inputFile(ctx, path, f)
}

// Await returns the result of open, or the error of ctx if that ends first: opening a
// pipe blocks until its other end is opened.
func Await[T any](ctx context.Context, open func() (T, error)) (T, error) {
	done := make(chan opened[T], 1)
	go func() {
		value, err := open()
		done <- opened[T]{value, err}
	}()
	select {
	case <-ctx.Done():
		go func() { discard(<-done) }()
		var none T
		return none, ctx.Err()
	case o := <-done:
		return o.value, o.err
	}
}

// opened is the result of opening a file.
type opened[T any] struct {
	value T
	err   error
}

// discard closes a file that was opened too late. An output file is not renamed.
func discard[T any](o opened[T]) {
	if o.err != nil {
		return
	}
	switch v := any(o.value).(type) {
	case interface{ Abort() }:
		v.Abort()
	case io.Closer:
		_ = v.Close() // nothing was read or written
	}
}

func inputFile(ctx context.Context, path string, f *os.File) (io.ReadCloser, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, Cause(err)), f.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("reading %s: it is a directory; name a file in it", path), f.Close())
	case info.Mode().IsRegular() && info.Size() > 0: // others may block as pipes do: /proc/kmsg
		return f, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{Interruptible(ctx, f), f}, nil
}

// OpenIn opens the regular file that a document in dir names. The name may not
// lead out of dir, neither by ".." nor by a symbolic link.
func OpenIn(dir, name string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, Cause(err))
	}
	defer root.Close() //nolint:errcheck // only read
	path := filepath.Join(dir, name)
	info, err := root.Stat(name) // opening a pipe would block
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", path, Cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading %s: not a regular file", path)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, Cause(err))
	}
	return f, nil
}

// ReadIn reads the file that OpenIn opens, of at most limit bytes.
func ReadIn(dir, name string, limit int64) ([]byte, error) {
	f, err := OpenIn(dir, name)
	if err != nil {
		return nil, err
	}
	return readWhole(f, filepath.Join(dir, name), limit)
}

// Read reads the file that Open opens, of at most limit bytes.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return readWhole(f, path, limit)
}

func readWhole(f io.ReadCloser, path string, limit int64) ([]byte, error) {
	defer f.Close() //nolint:errcheck // only read
	data, err := ReadAtMost(f, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, Cause(err))
	}
	return data, nil
}

// ReadAtMost reads r to its end, which must come within limit bytes.
func ReadAtMost(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %s", MB(float64(limit)/(1<<20)))
	}
	return data, err
}

// Head keeps the first Left bytes that are written to it and ignores the others.
type Head struct {
	bytes.Buffer
	Left int
}

// Write implements io.Writer.
func (h *Head) Write(p []byte) (int, error) {
	n := min(len(p), h.Left)
	h.Left -= n
	_, err := h.Buffer.Write(p[:n])
	return len(p), err
}

// interruptible is a reader whose Read returns when its context ends.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	buf     []byte
	reads   chan readResult
	waiting bool   // a read of r has not returned yet
	rest    []byte // of the last read
	err     error
}

type readResult struct {
	n   int
	err error
}

// Interruptible returns a reader of r that fails with the context's error when
// ctx ends, even while r blocks. The blocked read of r is left behind.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	return &interruptible{ctx: ctx, r: r, buf: make([]byte, 64<<10), reads: make(chan readResult, 1)}
}

func (i *interruptible) Read(p []byte) (int, error) {
	if len(i.rest) == 0 && i.err == nil {
		i.fill()
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	if len(i.rest) == 0 {
		return n, i.err
	}
	return n, nil
}

func (i *interruptible) fill() {
	if !i.waiting {
		i.waiting = true
		go func() {
			n, err := i.r.Read(i.buf)
			i.reads <- readResult{n, err}
		}()
	}
	select {
	case <-i.ctx.Done():
		i.err = i.ctx.Err()
	case read := <-i.reads:
		i.waiting, i.rest, i.err = false, i.buf[:read.n], read.err
	}
}
