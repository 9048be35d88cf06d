package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// write writes a result to path, "-" being standard output, and says so of a file, which
// appears whole or not at all.
func (a *app) write(path string, write func(io.Writer) error) error {
	if err := a.writeFile(path, write); err != nil {
		return err
	}
	if path != "" && path != "-" {
		a.note("wrote %s", path)
	}
	return nil
}

// writeFile is write without a note.
func (a *app) writeFile(path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		if err := write(a.stdout); err != nil {
			return fmt.Errorf("writing standard output: %w", err)
		}
		return nil
	}
	f, err := a.create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	guarded := a.guard(f)
	if err := errors.Join(write(guarded), guarded.Flush()); err != nil {
		return fmt.Errorf("writing %s: %w", path, report.Cause(err))
	}
	return f.Close()
}

// refuseLink refuses the default folder of a command if it is a symbolic link: a link in
// a cloned repository may lead anywhere. A folder that the user names may be a link.
func refuseLink(cmd *cobra.Command, folder string) error {
	if info, err := os.Lstat(folder); err == nil && info.Mode()&fs.ModeSymlink != 0 && !cmd.Flags().Changed("output") {
		return fmt.Errorf("%s is a symbolic link, and mcpdiag does not follow one that you did not name: name the folder with -o", folder)
	}
	return nil // other faults of the folder show when it is written to
}

var errStdinTwice = usagef("standard input can be read once, and - is given twice")

// inputName returns the name of a file for messages.
func inputName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// openInput opens a file to read, "-" being standard input. On a terminal it shows how
// far a file has been read, after a second.
func (a *app) openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		if a.stdinRead.Swap(true) {
			return nil, errStdinTwice
		}
		return io.NopCloser(report.Interruptible(a.ctx, a.stdin)), nil
	}
	in, err := report.Open(a.ctx, path)
	if f, ok := in.(*os.File); ok && a.live() {
		if info, err := f.Stat(); err == nil {
			in = a.newReading(f, path, info.Size())
		}
	}
	return in, err
}

// readInput returns what read makes of a file, "-" being standard input. Its errors name
// the file.
func readInput[T any](a *app, path string, read func(io.Reader) (T, error)) (result T, err error) {
	in, err := a.openInput(path)
	if err != nil {
		return result, err
	}
	defer in.Close() //nolint:errcheck // only read
	if result, err = read(in); err != nil {
		return result, fmt.Errorf("reading %s: %w", inputName(path), err)
	}
	return result, nil
}

// parseInput is readInput for a file that is parsed as a whole, of at most limit bytes.
func parseInput[T any](a *app, path string, limit int64, parse func([]byte) (T, error)) (T, error) {
	return readInput(a, path, func(in io.Reader) (result T, err error) {
		data, err := report.ReadAtMost(in, limit)
		if err != nil {
			return result, err
		}
		return parse(data)
	})
}

// readBytes returns the contents of a file of at most limit bytes, "-" being standard input.
func (a *app) readBytes(path string, limit int64) ([]byte, error) {
	return readInput(a, path, func(in io.Reader) ([]byte, error) { return report.ReadAtMost(in, limit) })
}

// maxArguments is the size of the largest file of --args.
const maxArguments = 8 << 20

// argumentsOf returns the text of --args, which may be that of a file: @FILE.
func (a *app) argumentsOf(text string) ([]byte, error) {
	file, ok := strings.CutPrefix(text, "@")
	if !ok {
		return []byte(text), nil
	}
	data, err := a.readBytes(file, maxArguments)
	if err != nil {
		return nil, fmt.Errorf("--args: %w", err)
	}
	return data, nil
}

// readerPatience is how long an interrupted run waits for the reader of a pipe.
const readerPatience = time.Second

// create is [report.Create] for a file that the user named: it waits for the reader of a
// pipe until the run is interrupted. A run that was interrupted before writes its result.
func (a *app) create(path string) (*report.File, error) { return a.await(path, report.Create) }

// stream is create for [report.Stream].
func (a *app) stream(path string) (*report.File, error) { return a.await(path, report.Stream) }

func (a *app) await(path string, create func(string) (*report.File, error)) (*report.File, error) {
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return create(path)
	}
	ctx := a.ctx
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), readerPatience)
		defer cancel()
	}
	f, err := report.Await(ctx, func() (*report.File, error) { return create(path) })
	if err != nil && errors.Is(err, ctx.Err()) {
		return nil, fmt.Errorf("writing %s: interrupted, and nobody reads this pipe", path)
	}
	return f, err
}

// appendTrace opens the trace to append to; "-" is standard output.
func (a *app) appendTrace(path string) (*snapshot.Writer, func() error, error) {
	if path == "-" {
		return snapshot.NewWriter(report.NewJSONWriter(a.stdout)), func() error { return nil }, nil
	}
	f, err := snapshot.OpenTrace(a.ctx, path)
	if err != nil {
		return nil, nil, err
	}
	return snapshot.NewWriter(a.guard(f)), f.Close, nil
}

// writeResult writes a result to path in one of the formats of its command.
func (a *app) writeResult(path, format string, res finding.Result) error {
	return a.write(path, func(w io.Writer) error { return a.render(w, format, res) })
}

// render writes res to w.
func (a *app) render(w io.Writer, format string, res finding.Result) error {
	return a.renderReport(w, format, res, res.Report())
}

// renderReport writes res, whose report is rep, to w. Only commands whose results are
// pages offer html.
func (a *app) renderReport(w io.Writer, format string, res finding.Result, rep *finding.Report) error {
	switch format {
	case "json":
		return report.WriteJSON(w, res)
	case "markdown":
		return rep.Markdown(w)
	case shortFormat:
		return rep.Short(w)
	case "junit":
		return rep.JUnit(w)
	case "github":
		return rep.GitHub(w)
	case "html":
		if p, ok := res.(page); ok {
			return p.HTML(w)
		}
		return fmt.Errorf("the format html is not available for %s", rep.Command)
	}
	return res.Text(w, a.painter(w))
}
