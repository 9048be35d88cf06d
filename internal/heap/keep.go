package heap

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/heap/graph"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Keep stores the heaps that are read from a running process. A nil Keep stores nothing.
type Keep struct {
	Dir    string
	Prefix string // of the names of files
	Scrub  bool   // replace the contents of strings in snapshots
	// Note, if set, receives a line for each file.
	Note  func(format string, args ...any)
	Files []string
}

// Source returns s, whose contents are stored in the file name when they are read.
func (k *Keep) Source(s Source, name string) Source {
	if k == nil {
		return s
	}
	return Source{Name: s.Name, Open: func() (io.ReadCloser, error) {
		in, err := s.Open()
		if err != nil {
			return nil, err
		}
		c, err := k.copyOf(in, name)
		if err != nil {
			return nil, errors.Join(err, in.Close())
		}
		return c, nil
	}}
}

// copyOf returns in with a file that receives the data as it is read.
func (k *Keep) copyOf(in io.ReadCloser, name string) (*kept, error) {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(k.Dir, k.Prefix+name)
	f, err := report.Create(path)
	if err != nil {
		return nil, err
	}
	c := &kept{in: in, file: f, path: path, keep: k}
	if c.snapshot = strings.HasSuffix(name, ".heapsnapshot"); !c.snapshot || !k.Scrub {
		c.Reader = io.TeeReader(in, f)
		return c, nil
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(graph.Scrub(io.MultiWriter(f, w), in)) }() // it returns nil
	c.Reader, c.scrubbed = r, r
	return c, nil
}

// kept is a heap that is read and stored.
type kept struct {
	io.Reader
	in       io.ReadCloser
	file     *report.File
	path     string
	keep     *Keep
	snapshot bool
	scrubbed *io.PipeReader // nil if the contents are stored as they are
}

// Close stores the file if it could be read to its end.
func (c *kept) Close() error {
	defer c.file.Abort()
	_, err := io.Copy(io.Discard, c.Reader)
	if c.scrubbed != nil {
		_ = c.scrubbed.Close() // it returns nil
	}
	if err = errors.Join(err, c.in.Close()); err != nil {
		return err
	}
	if err := c.file.Close(); err != nil {
		return err
	}
	c.keep.Files = append(c.keep.Files, c.path)
	if c.keep.Note != nil {
		c.keep.Note("kept %s: %s", c.path, c.contents())
	}
	return nil
}

// contents describes the data of the process in the file.
func (c *kept) contents() string {
	switch {
	case !c.snapshot:
		return "names of functions, files and classes"
	case c.keep.Scrub:
		return "names of classes, functions and properties; contents of strings are replaced by their length"
	}
	return "all strings of the process, its secrets among them"
}
