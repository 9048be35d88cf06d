package leaktest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Names in the folder of a run.
const (
	VerdictFile = "verdict.json"
	ReportFile  = "report.html"
	loadFile    = "load.json"
	roundsFile  = "rounds.csv"
	traceFile   = "trace.ndjson"
	flameFile   = "flame.svg"
)

// folder is where a run writes to.
type folder struct {
	dir          string
	files        Files
	memory, load *report.File
	server       *report.File // nil where no command is started
	trace        *report.File // nil without a snapshot endpoint
	guard        func(io.Writer) io.Writer
}

// guarded is w, with secrets blanked where a guard was given.
func (o *folder) guarded(w io.Writer) io.Writer {
	if o.guard == nil {
		return w
	}
	return o.guard(w)
}

func openFolder(dir string, at time.Time, started bool) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the run: %w", err)
	}
	stamp := at.Format("20060102_150405")
	o := &folder{dir: dir, files: Files{Folder: dir, Memory: "memory_" + stamp + ".csv", LoadLog: "load_test_" + stamp + ".log"}}
	var err error
	if o.memory, err = report.Stream(o.path(o.files.Memory)); err != nil {
		return nil, err
	}
	if o.load, err = report.Stream(o.path(o.files.LoadLog)); err != nil {
		o.abort()
		return nil, err
	}
	if started {
		o.files.Server = "server_" + stamp + ".log"
		if o.server, err = report.Stream(o.path(o.files.Server)); err != nil {
			o.abort()
			return nil, err
		}
	}
	return o, nil
}

func (o *folder) path(name string) string { return filepath.Join(o.dir, name) }

func (o *folder) serverLog() io.Writer {
	if o.server == nil {
		return nil
	}
	return o.server.File
}

// traceWriter begins the trace; nil where it cannot be written, which the run survives.
func (o *folder) traceWriter() *snapshot.Writer {
	f, err := report.Stream(o.path(traceFile))
	if err != nil {
		return nil
	}
	o.trace, o.files.Trace = f, traceFile
	return snapshot.NewWriter(o.guarded(f))
}

func (o *folder) open() []*report.File {
	var all []*report.File
	for _, f := range []*report.File{o.memory, o.load, o.server, o.trace} {
		if f != nil {
			all = append(all, f)
		}
	}
	return all
}

func (o *folder) abort() {
	for _, f := range o.open() {
		f.Abort()
	}
}

func (o *folder) close() error {
	var err error
	for _, f := range o.open() {
		err = errors.Join(err, f.Close())
	}
	return err
}

// drop ends a run that never began: no file is left that holds nothing.
func (o *folder) drop() error {
	err := o.close()
	for _, f := range o.open() {
		if info, statErr := os.Stat(f.Name()); statErr == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}
	return err
}

// finish writes what the run amounts to.
func (o *folder) finish(res *Result) error {
	err := o.close()
	o.flame(res)
	for i, p := range res.Phases {
		name := roundsFile
		if i > 0 {
			name = "rounds-" + p.ID + ".csv"
		}
		o.files.Rounds = append(o.files.Rounds, name)
		err = errors.Join(err, o.write(name, p.WriteRounds))
	}
	res.Files = o.files
	return errors.Join(err, o.write(loadFile, res.writeLoad), o.write(VerdictFile, res.JSON),
		o.write(ReportFile, func(w io.Writer) error { return res.HTML(w, o.dir) }))
}

func (o *folder) write(name string, write func(io.Writer) error) error {
	f, err := report.Create(o.path(name))
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(o.guarded(f)); err != nil {
		return fmt.Errorf("writing %s: %w", o.path(name), err)
	}
	return f.Close()
}

// flame draws where the time went, where the trace saw a call.
func (o *folder) flame(res *Result) {
	if o.trace == nil {
		return
	}
	in, err := os.Open(o.path(traceFile))
	if err != nil {
		return // there is no picture without it
	}
	defer in.Close() //nolint:errcheck // only read
	var c flame.Collector
	if err := c.Read(in, traceFile); err != nil {
		return // no poll was answered
	}
	p, err := c.Profile()
	if err != nil {
		return
	}
	tree := p.Tree()
	if tree.Total() == 0 {
		return // no call was in flight in any poll
	}
	if err := o.write(flameFile, func(w io.Writer) error { return picture.SVG(w, tree, p.Picture(p.Facts(tree)), picture.MaxFrames) }); err != nil {
		res.Warnings = append(res.Warnings, err.Error())
		return
	}
	o.files.Flame = flameFile
}
