package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/monitor"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func newMonitorCmd(a *app) *cobra.Command {
	var cfg monitor.Config
	var output string
	var match, format choice
	cmd := &cobra.Command{
		Use:   "monitor (--pid N | --name NAME)",
		Short: "Watch the memory of a process and its descendants",
		Long: `monitor samples a process and all its descendants at every interval, writes a row
each to a CSV file, and sums up when the process ends or on Ctrl-C.

--name looks into process names, executables and arguments, so that "--name uvicorn"
finds "python3 /usr/bin/uvicorn app:main".`,
		Example: `  mcpdiag monitor --name uvicorn
  mcpdiag monitor --pid 12345 --interval 100ms --duration 10m -o memory.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (cfg.PID != 0) == (cfg.Name != "") {
				return usagef("name the process with one of --pid and --name")
			}
			if cfg.Interval < monitor.MinInterval {
				return usagef("--interval is at least %v", monitor.MinInterval)
			}
			if match.value != matchOne {
				cfg.Match = process.Match(match.value)
			}
			return runMonitor(cmd, a, cfg, output, format)
		},
	}
	fs := cmd.Flags()
	positiveVar(fs, &cfg.PID, "pid", 0, "watch the process with this PID")
	fs.StringVar(&cfg.Name, "name", "", "watch the process whose name, executable or arguments contain this")
	choiceVar(cmd, fs, &match, "match", "which process, when --name means several", append([]string{matchOne}, process.Matches()...)...)
	durationVar(fs, &cfg.Interval, "interval", time.Second, "time from one sample to the next")
	durationVar(fs, &cfg.Duration, "duration", 0, "end after this long")
	fs.IntVar(&cfg.Count, "count", 0, "end after this many samples")
	fs.StringVarP(&output, "output", "o", "", "write the samples to this CSV file, - for standard output (default memory_YYYYMMDD_HHMMSS.csv)")
	choiceVar(cmd, fs, &format, "format", "how the summary is written", "text", "json")
	return cmd
}

const matchOne = "one" // several are an error

func runMonitor(cmd *cobra.Command, a *app, cfg monitor.Config, output string, format choice) error {
	if output == "" {
		output = monitor.DefaultOutput(time.Now())
	}
	samples := &lateFile{a: a, path: output}
	res, err := monitor.Run(cmd.Context(), cfg, samples, nil)
	err = errors.Join(err, samples.close())
	if several := new(process.AmbiguousError); errors.As(err, &several) {
		a.listProcesses(several.Found)
	}
	if res == nil {
		return err
	}
	res.File = output
	a.warn(res.Warnings...)
	return errors.Join(err, a.monitorSummary(res, output, format))
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
		f, err := report.Stream(l.path)
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	n, err := l.f.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing %s: %w", l.path, bareCause(err))
	}
	return n, nil
}

func (l *lateFile) close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// listProcesses shows the processes among which one must be chosen.
func (a *app) listProcesses(found []process.Info) {
	table := report.Table{Indent: "  ", Right: map[int]bool{0: true}}
	table.Styled(report.Bold, "PID", "started", "command")
	width, _ := a.size(a.stderr)
	for _, p := range found {
		table.Row(strconv.Itoa(p.PID), p.Started.Format(time.DateTime), report.Cell(p.Command(), max(20, width-32)))
	}
	_ = table.Write(a.stderr, a.painter(a.stderr)) // the error that follows says the same
}

// monitorSummary writes the result to standard output, or to standard error
// where standard output carries the samples.
func (a *app) monitorSummary(res *monitor.Result, output string, format choice) error {
	var w = a.stdout
	if output == "-" {
		w = a.stderr
	}
	if format.value == "json" {
		return writeJSON(w, res)
	}
	return res.Text(w)
}
