package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Source is one stream of log lines.
type Source struct {
	Name     string
	Modified time.Time
	Size     int64 // 0 if unknown

	open   func(ctx context.Context) (io.ReadCloser, error)
	follow bool
}

// maxFiles bounds how many files of a folder are read.
const maxFiles = 10000

// Find returns the sources that paths name: files, "-" for stdin, and folders, of
// which every file that looks like a log is read. Symbolic links in folders are not followed.
// A file that is named twice, or is in a folder that is named, is one source.
func Find(paths []string, stdin io.Reader) ([]*Source, error) {
	var sources []*Source
	for _, path := range paths {
		if path == "-" {
			sources = append(sources, FromReader("standard input", stdin))
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", path, report.Cause(err))
		case !info.IsDir():
			sources = append(sources, file(path, info))
			continue
		}
		found, err := inFolder(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("reading %s: no file in it looks like a log (*.log, *.jsonl, *.ndjson, *.json, *.txt, *.out, *.err, rotated or compressed); name the files", path)
		}
		sources = append(sources, found...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(sources, func(s *Source) bool {
		name := filepath.Clean(s.Name)
		twice := seen[name]
		seen[name] = true
		return twice
	}), nil
}

// FindIn is Find for names that come from a document or a program: of files and folders
// in folder. No name leads out of it, neither by ".." nor by a symbolic link.
func FindIn(folder string, names []string) ([]*Source, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, report.Cause(err))
	}
	defer root.Close() //nolint:errcheck // only read
	var sources []*Source
	for _, name := range names {
		info, err := root.Stat(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", name, report.Cause(err))
		case info.Mode().IsRegular():
			sources = append(sources, inRoot(folder, name, info))
			continue
		case !info.IsDir():
			return nil, fmt.Errorf("reading %s: neither a file nor a folder", name)
		}
		found, err := logsIn(root, folder, name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("reading %s: no file in it looks like a log; name the files", name)
		}
		sources = append(sources, found...)
	}
	return sources, nil
}

// FromReader returns a source that reads r once.
func FromReader(name string, r io.Reader) *Source {
	return &Source{Name: name, Modified: time.Now(), open: func(ctx context.Context) (io.ReadCloser, error) {
		return io.NopCloser(report.Interruptible(ctx, r)), nil
	}}
}

func file(path string, info fs.FileInfo) *Source {
	return &Source{Name: path, Modified: info.ModTime(), Size: info.Size(), open: func(ctx context.Context) (io.ReadCloser, error) {
		return report.Open(ctx, path)
	}}
}

// inFolder lists the logs of a folder and the folders in it, opened through os.Root.
func inFolder(path string) ([]*Source, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, report.Cause(err))
	}
	defer root.Close() //nolint:errcheck // only read
	return logsIn(root, path, ".")
}

// logsIn lists the logs below a folder of root, which is at path.
func logsIn(root *os.Root, path, folder string) ([]*Source, error) {
	var sources []*Source
	err := fs.WalkDir(root.FS(), filepath.ToSlash(filepath.Clean(folder)), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isLog(name) {
			return nil //nolint:nilerr // a folder that cannot be read is left out
		}
		if len(sources) == maxFiles {
			return fmt.Errorf("reading %s: more than %d files; name fewer", path, maxFiles)
		}
		info, err := entry.Info()
		if err == nil {
			sources = append(sources, inRoot(path, name, info))
		}
		return nil
	})
	slices.SortFunc(sources, func(a, b *Source) int { return a.Modified.Compare(b.Modified) })
	return sources, err
}

func inRoot(folder, name string, info fs.FileInfo) *Source {
	full := filepath.Join(folder, filepath.FromSlash(name))
	return &Source{Name: full, Modified: info.ModTime(), Size: info.Size(), open: func(context.Context) (io.ReadCloser, error) {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", full, report.Cause(err))
		}
		f, err := root.Open(name)
		if err != nil {
			err = fmt.Errorf("reading %s: %w", full, report.Cause(err))
		}
		return f, errors.Join(err, root.Close())
	}}
}

// isLog reports whether a file's name is that of a log, perhaps rotated (.1, -20261125) or compressed.
func isLog(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	if isCompressed(base) {
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	base = strings.TrimRight(base, "0123456789-.")
	switch filepath.Ext(base) {
	case ".log", ".jsonl", ".ndjson", ".json", ".txt", ".out", ".err":
		return true
	}
	return false
}

func isCompressed(name string) bool {
	return slices.Contains([]string{".gz", ".zst"}, strings.ToLower(filepath.Ext(name)))
}

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 8 << 20
