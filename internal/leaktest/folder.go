package leaktest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/flame/picture"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// The names of files in the folder of a run.
const (
	VerdictFile = "verdict.json"
	ReportFile  = "report.html"
	loadFile    = "load.json"
	roundsFile  = "rounds.csv"
	traceFile   = "trace.ndjson"
	flameFile   = "flame.svg"
	pictureFile = "memory.svg"
)

// folder is the folder that a run writes to.
type folder struct {
	dir          string
	made         bool // by this run
	files        Files
	memory, load *report.File
	server       *report.File // nil if no command is started
	trace        *report.File // nil without a snapshot endpoint
	guard        func(io.Writer) io.Writer

	loadLog, serverLog io.Writer // with secrets blanked
}

func openFolder(cfg *Config, at time.Time) (*folder, error) {
	_, missing := os.Stat(cfg.Folder)
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the run: %w", err)
	}
	stamp := at.Format("20060102_150405")
	o := &folder{dir: cfg.Folder, made: missing != nil, guard: cfg.Guard,
		files: Files{Folder: cfg.Folder, Memory: "memory_" + stamp + ".csv", LoadLog: "load_test_" + stamp + ".log"}}
	var err error
	if o.memory, err = o.create(o.files.Memory, report.Stream); err != nil {
		return nil, err
	}
	if o.load, err = o.create(o.files.LoadLog, report.Stream); err != nil {
		o.abort()
		return nil, err
	}
	o.loadLog = o.guarded(o.load)
	if len(cfg.Command) > 0 {
		o.files.Server = "server_" + stamp + ".log"
		if o.server, err = o.create(o.files.Server, report.Stream); err != nil {
			o.abort()
			return nil, err
		}
		o.serverLog = o.guarded(o.server.File)
	}
	return o, nil
}

// guarded returns w, with secrets blanked if there is a guard.
func (o *folder) guarded(w io.Writer) io.Writer {
	if o.guard == nil {
		return w
	}
	return o.guard(w)
}

// flush writes the bytes that a guard holds back.
func flush(w io.Writer) error {
	if g, ok := w.(interface{ Flush() error }); ok {
		return g.Flush()
	}
	return nil
}

func (o *folder) path(name string) string { return filepath.Join(o.dir, name) }

// create creates a file of the folder. The folder may come from others: a pipe or a device
// in it is not written to.
func (o *folder) create(name string, create func(string) (*report.File, error)) (*report.File, error) {
	path := o.path(name)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, fmt.Errorf("writing %s: it is a pipe or a device; remove it", path)
	}
	return create(path)
}

// traceWriter opens the trace. It returns nil if the trace cannot be written: the run goes on without.
func (o *folder) traceWriter() *snapshot.Writer {
	f, err := o.create(traceFile, report.Stream)
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
	err := errors.Join(flush(o.loadLog), flush(o.serverLog))
	for _, f := range o.open() {
		err = errors.Join(err, f.Close())
	}
	return err
}

// drop closes the files of a run that never began and removes the empty ones, and the
// folder if that leaves nothing in it.
func (o *folder) drop() error {
	err := o.close()
	for _, f := range o.open() {
		if info, statErr := os.Stat(f.Name()); statErr == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}
	if o.made {
		_ = os.Remove(o.dir) // it stays if there is something in it
	}
	return err
}

// finish writes the result in all its forms.
func (o *folder) finish(res *Result) error {
	err := o.close()
	o.flame(res)
	for i, p := range res.Phases {
		name := roundsFile
		if i > 0 {
			name = roundsName(res.Phases[:i], p)
		}
		o.files.Rounds = append(o.files.Rounds, name)
		err = errors.Join(err, o.write(name, func(w io.Writer) error { return writeRounds(w, p) }))
	}
	res.Files = o.files
	return errors.Join(err, o.write(loadFile, res.writeLoad), o.write(VerdictFile, func(w io.Writer) error { return report.WriteJSON(w, res) }),
		o.write(pictureFile, res.picture().WriteSVG),
		o.write(ReportFile, func(w io.Writer) error { return res.HTML(w, o.dir) }))
}

// roundsName returns the name of the rounds of p, unlike that of an earlier phase.
func roundsName(before []*judge.Phase, p *judge.Phase) string {
	nth := 1
	for _, other := range before {
		if other.ID == p.ID {
			nth++
		}
	}
	if nth > 1 {
		return fmt.Sprintf("rounds-%s-%d.csv", p.ID, nth)
	}
	return "rounds-" + p.ID + ".csv"
}

func (o *folder) write(name string, write func(io.Writer) error) error {
	f, err := o.create(name, report.Create)
	if err != nil {
		return err
	}
	defer f.Abort()
	w := o.guarded(f)
	if err := errors.Join(write(w), flush(w)); err != nil {
		return fmt.Errorf("writing %s: %w", o.path(name), err)
	}
	return f.Close()
}

// flame draws a flame graph if the trace contains a call.
func (o *folder) flame(res *Result) {
	if o.trace == nil {
		return
	}
	in, err := os.Open(o.path(traceFile))
	if err != nil {
		return // no picture without a trace
	}
	defer in.Close() //nolint:errcheck // only read
	var c flame.Collector
	if err := c.Read(in, traceFile); err != nil {
		return // no poll was answered
	}
	drawn, err := o.draw(&c, flameFile, "")
	if err != nil {
		res.Warnings = append(res.Warnings, err.Error())
	}
	if drawn {
		o.files.Flame = flameFile
	}
}

// draw draws what was collected into the file name, with a title of its own if it is not
// "". It reports whether there was anything to draw, and it is written.
func (o *folder) draw(c *flame.Collector, name, title string) (drawn bool, err error) {
	p, err := c.Profile()
	if err != nil {
		return false, nil //nolint:nilerr // nothing is in it
	}
	tree := p.Tree()
	if tree.Total() == 0 {
		return false, nil
	}
	pic := p.Picture(p.Facts(tree))
	pic.Title = cmp.Or(title, pic.Title)
	err = o.write(name, func(w io.Writer) error { return picture.SVG(w, tree, pic, picture.MaxFrames) })
	return err == nil, err
}
