package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/flame"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
	"github.com/mcpdiag/mcpdiag/internal/stacks/read"
)

// flamer is one run of flame.
type flamer struct {
	a *app
	flameFlags
	running runningFlags
	chosen  string // the flag that names a running process
	empty   bool   // standard input is, and would have been the input

	onlyFindings bool // and no picture
	duration     time.Duration
}

func newFlameCmd(a *app) *cobra.Command {
	f := &flamer{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"flamegraph", "graph", "svg"},
		Use:        "flame [FILE…]",
		Short:      "Draw where the time goes, as a flame graph",
		Long: `flame draws where the time goes: each box is a tool call or a function, above its
caller, as wide as the time spent in it.

It reads the traces of mcpdiag poll, snapshots, folded stacks, profiles of pprof,
Go's /debug/pprof text, V8 (.cpuprofile, .heapprofile), speedscope, perf script and
the Firefox Profiler, Chrome trace events, distributed traces (OTLP, Jaeger, Zipkin), and
the pictures it drew, plain or compressed. It recognizes them by their content. Several
inputs add up, - is standard input, a folder stands for the files in it. Without an
input it reads a pipe on standard input, or else mcpdiag-trace.ndjson.

In a trace, a call stands for half of the time to the poll before and half of the
time to the poll after, so widths are time, whatever the interval was.

A running server is recorded for --duration and drawn at once: Node.js by its inspector
(--pid, --inspect), Go by its /debug/pprof/profile (--url).

Findings report what stands out and what to do about it; --fail-on makes the exit code 3.`,
		Example: `  mcpdiag flame > flame.svg
  mcpdiag flame --by target,session --palette state -o flame.svg
  mcpdiag flame --base before.svg after.ndjson -o change.svg
  mcpdiag flame cpu.pb.gz --format text
  mcpdiag flame app.cpuprofile --sandwich handleRequest -o handle.svg
  mcpdiag flame --pid 4711 --attach --duration 30s -o cpu.svg
  mcpdiag flame --url http://localhost:6060 --duration 30s -o cpu.svg
  py-spy record --format raw -o stacks.txt --pid 4711 && mcpdiag flame stacks.txt -o flame.svg`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if f.chosen, err = f.running.choose(cmd); err != nil {
				return err
			}
			if f.chosen != "" && len(args) > 0 {
				return usagef("--%s is drawn instead of files", f.chosen)
			}
			if f.chosen == "" && cmd.Flags().Changed("duration") {
				return usagef("--duration is for a running process: name it with --pid, --inspect or --url")
			}
			f.onlyFindings = f.findings && !a.given(cmd, "output") && !a.given(cmd, "format") && f.format.value != shortFormat
			f.given = func(flag string) bool { return a.given(cmd, flag) }
			return f.run(args)
		},
	}
	f.add(cmd)
	f.completeFrames(cmd, "sandwich")
	f.completeFrames(cmd, "focus")
	durationVar(cmd.Flags(), &f.duration, "duration", 30*time.Second, "record a running process for this time")
	f.running.add(cmd, "Node.js", "record a CPU profile, close the inspector")
	group(cmd.Flags(), "Running process", "duration")
	return cmd
}

func (f *flamer) run(args []string) error {
	if f.format.value == "svg" && f.output == "-" && !f.onlyFindings && f.a.isTerminal(f.a.stdout) {
		return usagef("the picture would go to the terminal; write it to a file with -o flame.svg, or see it here with --format text")
	}
	p, err := f.profile(args)
	if err != nil {
		return err
	}
	f.warnIgnored(p)
	tree := p.Tree()
	findings, err := p.Findings(tree)
	if err != nil {
		return err
	}
	if tree.Total() == 0 && tree.BaseTotal() == 0 {
		return f.undrawn(p, tree, findings)
	}
	if f.reverse && f.sandwich == "" {
		if p, err = p.Reversed(); err != nil {
			return err
		}
		tree = p.Tree()
	}
	f.a.warn(p.Warnings...)
	for _, detail := range p.Details {
		f.a.debug("%s", detail)
	}
	result := f.result(p, tree, findings)
	return f.conclude(p, tree, result)
}

// warnIgnored warns of flags and base weights that have no effect on this input or format.
func (f *flamer) warnIgnored(p *flame.Profile) {
	if set := f.among("from", "to", "weight", "by", "parallel"); p.Watch == nil && len(set) > 0 {
		p.Warn("only a trace tells when calls were in flight, and this input has stacks alone: %s is ignored", strings.Join(set, ", "))
	}
	if f.sandwich != "" && f.reverse {
		p.Warn("--sandwich shows callers and callees: --reverse is ignored")
	}
	switch format := f.format.value; {
	case format == "chrome", format == "svg" && f.flamechart:
		if set := f.among("focus", "ignore", "hide", "fold-recursion", "reverse", "base"); len(set) > 0 {
			p.Warn("in the order of time all calls are shown: %s is ignored", strings.Join(set, ", "))
		}
	case f.sandwich != "" && p.TwoColumns:
		p.Warn("callers and callees are those of the input: the base is left out")
	case p.TwoColumns && (format == "pprof" || format == "speedscope"):
		p.Warn("the format %s has one weight for each stack: those of the base are left out", format)
	}
}

// conclude writes the result, and returns its outcome.
func (f *flamer) conclude(p *flame.Profile, tree *stacks.Tree, result *flame.Result) error {
	if err := f.emit(p, tree, result); err != nil {
		return err
	}
	if result.Report().Outcome == finding.Found {
		return errFinding
	}
	return nil
}

// emit writes the picture, and the findings to standard error; or the findings alone.
func (f *flamer) emit(p *flame.Profile, tree *stacks.Tree, result *flame.Result) error {
	if f.onlyFindings {
		if len(result.Findings) == 0 {
			f.a.note("%s", result.Report().Headline)
		}
		return rules.Write(f.a.stdout, f.a.painter(f.a.stdout), result.Findings, true)
	}
	if err := f.a.write(f.output, func(w io.Writer) error { return f.render(w, p, tree, result) }); err != nil {
		return err
	}
	return f.printFindings(result.Findings)
}

// profile reads the inputs, and the base to compare with, and shapes them.
func (f *flamer) profile(args []string) (*flame.Profile, error) {
	p, err := f.input(args)
	if err != nil {
		return nil, err
	}
	shape := flame.Shape{Focus: f.focus, Ignore: f.ignore, Hide: f.hide, FoldRecursion: f.foldRecursion}
	p = p.Reshape(shape)
	if f.order.value == "heaviest" {
		p.Order = stacks.Heaviest
	}
	switch {
	case f.base != "":
		base, err := f.read([]string{f.base})
		if err != nil {
			return nil, err
		}
		if err := p.Compare(base.Reshape(shape), f.normalize); err != nil {
			return nil, err
		}
	case f.normalize && p.TwoColumns:
		p.Normalize()
	case f.normalize:
		return nil, usagef("--normalize needs something to compare with: --base OLD, or stacks with two columns")
	}
	return p, nil
}

// input reads the inputs, or records a running process.
func (f *flamer) input(args []string) (*flame.Profile, error) {
	switch {
	case f.chosen != "":
		return f.record(f.a.ctx)
	case len(args) == 0:
		args = []string{f.defaultInput()}
	}
	return f.read(args)
}

// silentStdin is how long standard input may be silent without a word.
const silentStdin = 2 * time.Second

// defaultInput is standard input if that is a pipe, a socket or a file with content,
// else the trace that poll writes.
func (f *flamer) defaultInput() string {
	in, ok := f.a.stdin.(*os.File)
	if !ok {
		return defaultTrace
	}
	info, err := in.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 && !info.Mode().IsRegular() {
		return defaultTrace
	}
	slow := time.AfterFunc(silentStdin, func() { f.a.note("waiting for a profile or trace on standard input; a file can be named instead") })
	defer slow.Stop()
	content := bufio.NewReader(report.Interruptible(f.a.ctx, in))
	if _, err := content.Peek(1); err != nil && f.a.ctx.Err() == nil {
		f.empty = true
		return defaultTrace
	}
	f.a.stdin = content
	return "-"
}

func (f *flamer) read(args []string) (*flame.Profile, error) {
	c, err := f.collector()
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		if err := f.readArgument(c, arg); err != nil {
			return nil, err
		}
	}
	return c.Profile()
}

// collector returns a collector with the options of the command line.
func (f *flamer) collector() (*flame.Collector, error) {
	options, err := f.foldOptions()
	return &flame.Collector{Options: options, Choose: read.Options{Profile: f.profileName, Sample: f.sample}}, err
}

// readArgument reads a file, or those files of a folder that are profiles or traces.
func (f *flamer) readArgument(c *flame.Collector, arg string) error {
	info, err := os.Stat(arg)
	if arg == "-" || err != nil || !info.IsDir() {
		return f.readFile(c, arg)
	}
	files, err := filesIn(arg)
	if err != nil {
		return err
	}
	var skipped []string
	for _, file := range files {
		err := f.readFile(c, file)
		if errors.Is(err, read.ErrUnknown) {
			skipped = append(skipped, filepath.Base(file))
			continue
		}
		if err != nil {
			return err
		}
	}
	switch {
	case len(files) == 0:
		return fmt.Errorf("reading %s: there is no file in this folder", arg)
	case len(skipped) == len(files):
		return fmt.Errorf("reading %s: this folder holds no profile or trace: not %s", arg, few(skipped))
	case len(skipped) > 0:
		f.a.warn(fmt.Sprintf("reading %s: skipped %s, which is not a profile or trace of a known format", arg, few(skipped)))
	}
	return nil
}

// few lists names, at most five of them.
func few(names []string) string {
	const most = 5
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (f *flamer) readFile(c *flame.Collector, file string) error {
	in, err := f.a.openInput(file)
	if errors.Is(err, os.ErrNotExist) && file == defaultTrace {
		if f.empty {
			err = fmt.Errorf("standard input is empty, and %w", err)
		}
		return fmt.Errorf(`%w; "mcpdiag poll" writes it`, err)
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	if f.empty {
		f.a.note("standard input is empty: reading %s", file)
	}
	return c.Read(in, inputName(file))
}

// filesIn lists the files in a folder that are not hidden.
func filesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	return files, nil
}

// printFindings writes the findings to standard error: all with --findings, the
// first few to a terminal. Formats that contain them need no repetition.
func (f *flamer) printFindings(findings []rules.Finding) error {
	const few = 3
	if f.format.value == "text" || f.isReport() {
		return nil
	}
	shown := findings
	if !f.findings {
		if f.a.quiet || !f.a.isTerminal(f.a.stderr) {
			return nil
		}
		shown = findings[:min(few, len(findings))]
	}
	if err := rules.Write(f.a.stderr, f.a.painter(f.a.stderr), shown, f.findings); err != nil {
		return err
	}
	if more := len(findings) - len(shown); more > 0 {
		f.a.note("and %d more; --findings shows them", more)
	}
	return nil
}
