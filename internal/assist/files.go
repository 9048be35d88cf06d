package assist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// folder is the folder whose files may be read.
type folder struct{ path string }

var errNoFolder = errors.New("no folder was named: start mcpdiag mcp with --root FOLDER to let it read files there")

// check returns an error for a name that cannot be that of a file in the folder.
func (f folder) check(name string) error {
	switch {
	case f.path == "":
		return errNoFolder
	case name == "":
		return errors.New("the name of a file is missing; names are relative to the folder of --root")
	case filepath.IsAbs(name):
		return fmt.Errorf("%s: absolute paths are refused; names are relative to the folder of --root", report.Cell(name, 80))
	}
	return nil
}

// open opens a file of at most limit bytes. Reading it ends with ctx.
func (f folder) open(ctx context.Context, name string, limit int64) (io.ReadCloser, error) {
	if err := f.check(name); err != nil {
		return nil, err
	}
	in, err := report.OpenIn(f.path, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; names are relative to the folder of --root, and links out of it are not followed", report.Cell(name, 80), report.Cause(unwrapAll(err)))
	}
	if info, err := in.Stat(); err != nil || info.Size() > limit {
		return nil, errors.Join(fmt.Errorf("%s is larger than %s, the limit of this tool", report.Cell(name, 80), report.MB(float64(limit)/(1<<20))), err, in.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{&bounded{ctx, in, limit}, in}, nil
}

// unwrapAll returns the innermost error.
func unwrapAll(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// bounded reads at most a number of bytes, until a context ends.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		return 0, errors.New("it grew beyond the limit of this tool")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
