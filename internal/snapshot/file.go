package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// OpenTrace opens the trace at path for appending, and creates it with mode 0600 if
// necessary. It ends a torn last line with a newline. A symbolic link is refused. It
// stops waiting for the reader of a pipe when ctx ends.
func OpenTrace(ctx context.Context, path string) (*os.File, error) {
	f, err := report.Await(ctx, func() (*os.File, error) { return openTrace(path) })
	if err != nil && errors.Is(err, ctx.Err()) {
		return nil, fmt.Errorf("opening trace %s: %w", path, err)
	}
	return f, err
}

func openTrace(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("opening trace %s: it is a symbolic link; name the file it points to", path)
	}
	flags := os.O_RDWR
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		flags = os.O_WRONLY // a pipe or a device
	}
	f, err := os.OpenFile(path, flags|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, fmt.Errorf("opening trace %s: %w; name another with -o", path, err)
	}
	if flags == os.O_WRONLY {
		return f, nil
	}
	if err := closeLastLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("opening trace %s: %w", path, err), f.Close())
	}
	return f, nil
}

func closeLastLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	_, err = f.WriteString("\n")
	return err
}
