package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/monitor/recording"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// watcher is one run of the monitor command.
type watcher struct {
	a      *app
	cfg    monitor.Config
	match  choice
	output string
	plot   string
	read   string
	every  time.Duration
	limit  int64
	log    string
	said   launch.Tail // the end of the command's output
	failOn choice
	format choice
}

func newMonitorCmd(a *app) *cobra.Command {
	w := watcher{a: a}
	cmd := &cobra.Command{
		SuggestFor: []string{"watch", "memory"},
		Use:        "monitor (--pid N | --name NAME | --port N | --read FILE | -- COMMAND…)",
		Short:      "Watch the memory of a process and its descendants",
		Long: `monitor samples a process and all its descendants at every interval and writes each
sample to a CSV file. When the process ends, or on Ctrl-C, it judges the memory: leak,
no leak, or undecided. It exits 3 on a leak.

--name searches process names, executables and arguments: "--name uvicorn" finds
"python3 /usr/bin/uvicorn app:main". A process that ends and comes back under that name
or port is followed. A command after -- is started; it ends with the monitor, and so
does everything that it started.

--read judges a recording: CSV of mcpdiag or of Python scripts that write
timestamp,pid,rss_mb,…; psrecord and mprof; the log of a loop around kubectl top,
docker stats, ps, pidstat or cat memory.current; the JSON of a Prometheus range query.`,
		Example: `  mcpdiag monitor --name uvicorn
  mcpdiag monitor --pid 12345 --interval 100ms --duration 10m -o memory.csv --plot memory.svg
  mcpdiag monitor -- node server.js
  mcpdiag monitor --port 3000 --duration 10m
  mcpdiag monitor --read kubectl-top.log --every 5s --limit 512MB
  mcpdiag monitor --read memory.csv --fail-on undecided`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseNothing(cmd, args); err != nil {
				return err
			}
			if err := w.target(splitDash(cmd, args)); err != nil {
				return err
			}
			if w.read != "" {
				return w.recorded()
			}
			return w.watch(cmd)
		},
	}
	w.addFlags(cmd)
	return cmd
}

func (w *watcher) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	positiveVar(fs, &w.cfg.PID, "pid", 0, "watch the process with this PID")
	fs.StringVar(&w.cfg.Name, "name", "", "watch the process whose name, executable or arguments contain this")
	positiveVar(fs, &w.cfg.Port, "port", 0, "watch the process that listens on this TCP port")
	choiceVar(cmd, fs, &w.match, "match", "the process to watch when several match --name", append([]string{matchOne}, process.Matches()...)...)
	durationVar(fs, &w.cfg.RestartWait, "restart-wait", 5*time.Second, "wait this long for a process to come back under its --name or --port")
	durationVar(fs, &w.cfg.Interval, "interval", time.Second, "time from one sample to the next, from 10ms")
	durationVar(fs, &w.cfg.Duration, "duration", 0, "end after this long")
	limitVar(fs, &w.cfg.Count, "count", "end after this many samples")
	fs.StringVarP(&w.output, "output", "o", "", "write the samples to this CSV file, - for standard output (default memory_YYYYMMDD_HHMMSS.csv)")
	fs.StringVar(&w.plot, "plot", "", "draw the memory into this SVG file")
	fs.StringVar(&w.read, "read", "", "judge this recorded file; - is standard input")
	durationVar(fs, &w.every, "every", 0, "with --read: the time from one reading to the next, for lines without time stamps")
	sizeVar(fs, &w.limit, "limit", 0, "with --read: the memory limit, to estimate when it is reached")
	fs.StringVar(&w.log, "log", "", "write the output of the command after -- to this file (default standard error; under the live view server_YYYYMMDD_HHMMSS.log)")
	choiceVar(cmd, fs, &w.failOn, "fail-on", "exit 3 on this verdict or worse", "leak", "undecided")
	formatVar(cmd, fs, &w.format)
	group(fs, "Process", "pid", "name", "port", "match", "restart-wait")
	group(fs, "Schedule", "interval", "duration", "count")
	group(fs, "Recording", "read", "every", "limit")
	group(fs, "Verdict", "fail-on")
	group(fs, "Output", "output", "plot", "log", "format")
	foundMaySet(fs, "match", "restart-wait", "interval", "duration", "count", "fail-on", "format")
	paths(fs, "output", "plot", "log", "read")
}

const matchOne = "one" // several are an error

// target checks that the command line names one process or recording.
func (w *watcher) target(operands, command []string) error {
	switch {
	case len(operands) > 0:
		return usagef("%q: put the command to start after --", operands[0])
	case !exactlyOne(w.cfg.PID != 0, w.cfg.Name != "", w.cfg.Port != 0, w.read != "", len(command) > 0):
		return usagef("name the process with one of --pid, --name, --port, --read and a command after --")
	case w.read == "" && (w.every != 0 || w.limit != 0):
		return usagef("--every and --limit need --read")
	case w.cfg.Interval < monitor.MinInterval:
		return usagef("--interval is at least %v", monitor.MinInterval)
	}
	w.cfg.Match = process.Match(strings.TrimPrefix(w.match.value, matchOne))
	if len(command) > 0 {
		w.cfg.Command = &launch.Command{Args: command}
	}
	return nil
}

// exactlyOne reports whether one of the conditions is true, and no other.
func exactlyOne(conditions ...bool) bool {
	first := slices.Index(conditions, true)
	return first >= 0 && !slices.Contains(conditions[first+1:], true)
}

func (w *watcher) recorded() error {
	res, err := readInput(w.a, w.read, func(in io.Reader) (*monitor.Result, error) {
		return recording.Read(in, recording.Options{Every: w.every, Limit: float64(w.limit) / (1 << 20)})
	})
	if err != nil {
		return err
	}
	res.File = inputName(w.read)
	return w.finish(res)
}

func (w *watcher) watch(cmd *cobra.Command) error {
	now := time.Now()
	if w.output == "" {
		w.output = monitor.DefaultOutput(now)
	}
	closeLog, err := w.openLog(now)
	if err != nil {
		return err
	}
	samples, view := &lateFile{a: w.a, path: w.output}, &screen{a: w.a}
	res, err := monitor.Run(cmd.Context(), w.cfg, samples, w.liveView(view))
	view.clear()
	err = errors.Join(err, samples.close(), closeLog())
	if several := new(process.AmbiguousError); errors.As(err, &several) {
		w.a.listProcesses(several.Found)
	}
	if res == nil || err != nil && samples.f == nil && samples.path != "-" {
		return err // nothing was watched, or nothing could be written
	}
	if w.output != "-" {
		res.File = w.output
		if w.format.value != "text" { // which names it
			w.a.note("wrote %s", w.output)
		}
	}
	finding := w.finish(res)
	if err != nil && errors.Is(finding, errFinding) {
		return err
	}
	return errors.Join(err, finding)
}

// openLog decides where the output of a command goes: never to standard
// output, which carries the result, and not across the live view.
func (w *watcher) openLog(now time.Time) (closeLog func() error, err error) {
	none := func() error { return nil }
	if w.cfg.Command == nil {
		return none, nil
	}
	if w.log == "" && w.a.live() {
		w.log = "server_" + now.Format("20060102_150405") + ".log"
		w.a.note("the output of the command goes to %s", w.log)
	}
	if w.log == "" || w.log == "-" {
		out := io.MultiWriter(w.a.stderr, &w.said)
		w.cfg.Command.Stdout, w.cfg.Command.Stderr = out, out
		return none, nil
	}
	f, err := w.a.stream(w.log)
	if err != nil {
		return nil, err
	}
	log := w.a.guard(f)
	out := io.MultiWriter(log, &w.said)
	w.cfg.Command.Stdout, w.cfg.Command.Stderr = out, out
	return func() error { return errors.Join(log.Flush(), f.Close()) }, nil
}

// finish writes the result and the picture, and says whether it is a finding.
func (w *watcher) finish(res *monitor.Result) error {
	res.FailOnUndecided = w.failOn.value == string(trend.Undecided)
	res.Warnings = append(res.Warnings, lastWords("command", w.said.Bytes())...)
	w.a.warn(res.Warnings...)
	if w.plot != "" {
		if err := w.a.write(w.plot, res.Chart().WriteSVG); err != nil {
			return err
		}
	}
	if err := w.summary(res); err != nil {
		return err
	}
	if err := outcomeOf(res.Report()); err != nil {
		return err
	}
	return failed(res)
}

// failed is the error of a command that failed while it was watched.
func failed(res *monitor.Result) error {
	for _, p := range res.Processes {
		if p.Ended && p.Exit != nil && p.Exit.Code != 0 {
			return fmt.Errorf("%s: %s, after %s", report.Cell(p.Command, 60), p.Exit.Text, report.Plural(int64(p.Samples), "sample"))
		}
	}
	return nil
}

// summary writes the result to standard output, or to standard error where
// standard output carries the samples or the picture.
func (w *watcher) summary(res *monitor.Result) error {
	return w.a.render(w.a.beside(w.output, w.plot), w.format.value, res)
}

// listProcesses shows the processes among which one must be chosen.
func (a *app) listProcesses(found []process.Info) {
	table := report.Table{Indent: "  ", Right: map[int]bool{0: true}}
	table.Styled(report.Bold, "PID", "started", "command")
	width := 200
	if a.isTerminal(a.stderr) {
		width, _ = a.size(a.stderr)
	}
	for _, p := range found {
		table.Row(strconv.Itoa(p.PID), p.Started.Format(time.DateTime), report.Cell(p.Command(), max(20, width-32)))
	}
	_ = table.Write(a.stderr, a.painter(a.stderr)) // the error that follows says the same
}

// lateFile is a CSV file that is made when the first row is written: a run
// that finds no process leaves none behind.
type lateFile struct {
	a    *app
	path string
	f    *report.File
}

func (l *lateFile) Write(p []byte) (int, error) {
	if l.path == "-" {
		return l.a.stdout.Write(p)
	}
	if l.f == nil {
		f, err := l.a.stream(l.path)
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	n, err := l.f.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing %s: %w", l.path, report.Cause(err))
	}
	return n, nil
}

func (l *lateFile) close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// liveView returns a function that draws a view after each sample, if there is a terminal.
func (w *watcher) liveView(view *screen) func(*monitor.Sample) {
	if !w.a.live() {
		return func(*monitor.Sample) {}
	}
	live, ends := monitor.Live{}, endOf(w.cfg.Duration, w.cfg.Count, w.cfg.Interval)
	return func(s *monitor.Sample) {
		live.Add(s)
		view.draw(func(w io.Writer, paint report.Painter, width, height int) error {
			return errors.Join(live.Write(w, paint, width, height-1), writeTimeLeft(w, ends))
		})
	}
}
