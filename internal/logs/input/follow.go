package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// pollEvery is how often a followed file is looked at for more.
const pollEvery = 200 * time.Millisecond

// Follow returns s as a source that does not end: it waits for more, and survives
// rotation (another file under the same name) and truncation. A source that is no
// file, such as standard input, is returned as it is but yields lines at once. A compressed
// file does not grow.
func Follow(s *Source) *Source {
	if isCompressed(s.Name) {
		return s
	}
	f := *s
	f.follow = true
	if s.Size > 0 || isFile(s.Name) {
		f.open = func(ctx context.Context) (io.ReadCloser, error) { return newFollower(ctx, s.Name) }
	}
	return &f
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// follower reads a file as it grows.
type follower struct {
	ctx  context.Context //nolint:containedctx // Read takes none
	path string
	file *os.File
	at   int64
	idle bool // the last read found nothing
}

func newFollower(ctx context.Context, path string) (*follower, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, report.Cause(err))
	}
	return &follower{ctx: ctx, path: path, file: file}, nil
}

// Read returns 0 bytes and no error each time that the file has not grown.
func (f *follower) Read(p []byte) (int, error) {
	if f.idle {
		select {
		case <-f.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollEvery):
		}
	}
	n, err := f.file.Read(p)
	f.at += int64(n)
	f.idle = n == 0
	if n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	return 0, f.reopen()
}

// reopen goes on with the new file after a rotation, from the start after a truncation.
func (f *follower) reopen() error {
	now, err := os.Stat(f.path)
	if err != nil || !now.Mode().IsRegular() {
		return nil //nolint:nilerr // between the two steps of a rotation there is no file
	}
	here, err := f.file.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(now, here) {
		if now.Size() >= f.at {
			return nil
		}
		f.at = 0
		_, err = f.file.Seek(0, io.SeekStart)
		return err
	}
	if here.Size() > f.at {
		return nil // written between the last read and the rotation
	}
	next, err := os.Open(f.path)
	if err != nil {
		return nil //nolint:nilerr // tried again at the next read
	}
	_ = f.file.Close()
	f.file, f.at, f.idle = next, 0, false
	return nil
}

func (f *follower) Close() error { return f.file.Close() }
