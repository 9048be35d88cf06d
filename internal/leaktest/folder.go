package leaktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/flame"
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

// said is err with what the command said before it happened.
func (o *folder) said(err error) error {
	if _, ok := errors.AsType[*unreadyError](err); !ok {
		return err
	}
	words := o.lastWords()
	if words == "" {
		return fmt.Errorf("%w; it said nothing", err)
	}
	return fmt.Errorf("%w; %s; all that it said is in %s", err, words, o.path(o.files.Server))
}

// complaint is the last that the command complained of, "" where it did not.
func (o *folder) complaint() string {
	words := o.lastWords()
	if !complaint.MatchString(strings.TrimPrefix(words, "it said: ")) {
		return ""
	}
	return words
}

// lastWords is what of its log is likely to say why a server ended.
func (o *folder) lastWords() string {
	if o.server == nil {
		return ""
	}
	data, err := os.ReadFile(o.server.Name())
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	return "it said: " + report.Cell(lastWords(data), 200)
}

// complaint is how a line begins that says what went wrong, whatever the language.
var complaint = regexp.MustCompile(`(?i)^\s*[\w.: \[\]-]{0,60}(error|exception|panic|fatal)[\w ]*[:\]]`)

// lastWords is the last line of a log that complains, or else the last one.
func lastWords(log []byte) string {
	last := ""
	for line := range strings.Lines(string(log[max(0, len(log)-64<<10):])) {
		line = strings.TrimSpace(line)
		if line != "" && (last == "" || complaint.MatchString(line) || !complaint.MatchString(last)) {
			last = line
		}
	}
	return last
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
	if err := o.write(flameFile, func(w io.Writer) error { return tree.SVG(w, p.Picture(tree), flame.MaxFrames) }); err != nil {
		res.Warnings = append(res.Warnings, err.Error())
		return
	}
	o.files.Flame = flameFile
}

// JSON writes the result as a document.
func (r *Result) JSON(w io.Writer) error {
	enc := json.NewEncoder(report.NewJSONWriter(w))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// writeLoad writes what the load met: a line of load.json is a phase.
func (r *Result) writeLoad(w io.Writer) error {
	type phase struct {
		ID         string            `json:"id"`
		Does       string            `json:"does"`
		Operations int64             `json:"operations"`
		Failed     int64             `json:"failed"`
		Refused    int64             `json:"refused"`
		Errors     map[string]string `json:"errors,omitempty"`
		Rounds     []Round           `json:"rounds"`
	}
	all := []phase{}
	for _, p := range r.Phases {
		all = append(all, phase{p.ID, p.Does, p.Operations, p.Failed, p.Refused, p.Errors, p.Rounds})
	}
	enc := json.NewEncoder(report.NewJSONWriter(w))
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"schema": Schema, "phases": all})
}

// WriteRounds writes the settled values as a file that --judge reads.
func (p *Phase) WriteRounds(w io.Writer) error {
	var b strings.Builder
	b.WriteString("round,ops_total,rss_root_kb,rss_tree_kb,nproc,fds,sockets,sessions,heap_mb,failed,p50_ms,p99_ms\n")
	for _, r := range p.Rounds {
		fmt.Fprintf(&b, "%d,%d,%.0f,%.0f,%d,%s,%s,%s,%s,%d,", r.Number, r.Operations, r.RootMB*1024, r.TreeMB*1024, r.Processes,
			optional(r.Files), optional(r.Sockets), optional(r.Sessions), optional(r.HeapMB), r.Failed)
		if r.Latency != nil {
			fmt.Fprintf(&b, "%.3f,%.3f", r.Latency.P50, r.Latency.P99)
		} else {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// optional leaves the cell of an absent figure empty.
func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// loadLog says what the load did, a line a round.
type loadLog struct {
	w     io.Writer
	start time.Time
}

func (l *loadLog) round(p *Phase, r *Round, b *batch) {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s round %d: %d operations in %.2f s, %d failed", time.Now().Format(time.RFC3339), p.ID, r.Number, b.done, b.took.Seconds(), b.failed)
	if r.Latency != nil {
		fmt.Fprintf(&line, ", p50 %.2f ms, p99 %.2f ms", r.Latency.P50, r.Latency.P99)
	}
	for kind, example := range b.errors {
		fmt.Fprintf(&line, "; %s: %s", kind, report.Cell(example, 200))
	}
	_, _ = fmt.Fprintln(l.w, line.String()) // the result says it too
}

// Load reads the verdict of a run from its folder, or from the file itself.
func Load(path string) (*Result, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, VerdictFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the verdict of a run: %w", err)
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, nil
}

func decode(data []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("it is no verdict of mcpdiag leaktest, or one of another version (schema %q, want %q)", report.Cell(r.Schema, 40), Schema)
	}
	r.Phases = slices.DeleteFunc(r.Phases, func(p *Phase) bool { return p == nil })
	return &r, nil
}

// Remake writes the report of a run again.
func Remake(dir string, res *Result) error {
	o := &folder{dir: dir}
	return o.write(ReportFile, func(w io.Writer) error { return res.HTML(w, dir) })
}
