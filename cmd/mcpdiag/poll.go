package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

const defaultTrace = "mcpdiag-trace.ndjson"

func newPollCmd(a *app) *cobra.Command {
	var conn connection
	var from sourceFlags
	var cfg poll.Config
	var alerts []string
	var output, listen, announce string
	var format choice
	cmd := &cobra.Command{
		Use:   "poll [TARGET…]",
		Short: "Take snapshots of servers, second by second, into a trace",
		Long: `poll asks each target for its snapshot at every interval and appends the answers
to a trace, one a line. On a terminal it shows what the servers are doing now.

Alerts watch ` + "heap, rss, sessions, session-age, streams, calls, queue, queue.NAME,\noldest (the age of the oldest call), latency and failures (in a row)." + `
One that was crossed makes the exit code 3.`,
		Example: `  mcpdiag poll
  mcpdiag poll node1:3100 node2:3100 --interval 5s --duration 10m
  mcpdiag poll --alert 'heap>500MB' --alert 'oldest>30s' --until-alert
  mcpdiag poll -o - --count 1 | jq .heapUsedMB`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if cfg.Alerts, err = parseAlerts(alerts); err != nil {
				return err
			}
			if cfg.UntilAlert && len(alerts) == 0 {
				return usagef("--until-alert needs an --alert")
			}
			if cfg.Interval < time.Millisecond {
				return usagef("--interval is at least 1ms")
			}
			if cfg.Source, err = from.source(); err != nil {
				return err
			}
			if len(args) == 0 {
				if conn.url, err = a.defaultTarget(cmd.Context(), conn.url); err != nil {
					return err
				}
			}
			if cfg.Targets, err = conn.targets(args, cfg.Source.Path()); err != nil {
				return err
			}
			if err := distinct(cfg.Targets); err != nil {
				return err
			}
			see := func(poll.Event) {}
			if listen != "" {
				exporter, end, err := a.export(cmd.Context(), listen, announce)
				if err != nil {
					return err
				}
				defer end()
				see = exporter.Add
				if !cmd.Flags().Changed("output") {
					output = os.DevNull // it may run for months: who watches keeps the figures
				}
			}
			return runPoll(cmd, a, &conn, cfg, output, format, see)
		},
	}
	fs := cmd.Flags()
	durationVar(fs, &cfg.Interval, "interval", time.Second, "time from one poll to the next")
	limitVar(fs, &cfg.Count, "count", "end after this many polls of each target")
	durationVar(fs, &cfg.Duration, "duration", 0, "end after this long")
	limitVar(fs, &cfg.FailAfter, "fail-after", "end with an error when a target fails this many times in a row")
	fs.StringArrayVar(&alerts, "alert", nil, "watch a condition such as 'heap>500MB'; repeatable")
	fs.BoolVar(&cfg.UntilAlert, "until-alert", false, "end when an alert is crossed")
	fs.StringVarP(&output, "output", "o", defaultTrace, "append the trace to this file, - for standard output")
	choiceVar(cmd, fs, &format, "format", "how the summary is written", "text", "json")
	fs.StringVar(&listen, "listen", "", "serve what is polled for Prometheus here, at /metrics, such as :9464; then a trace is written only with -o")
	fs.StringVar(&announce, "announce", "", "write the URL of --listen and the PID to this file")
	from.addFlags(cmd, fs)
	conn.addFlags(fs, 5*time.Second)
	return cmd
}

// distinct refuses a target that is named twice: the trace could not tell them apart.
func distinct(targets []*url.URL) error {
	seen := map[string]bool{}
	for _, t := range targets {
		if seen[t.String()] {
			return usagef("%s is named twice", client.RedactURL(t))
		}
		seen[t.String()] = true
	}
	return nil
}

func parseAlerts(texts []string) ([]poll.Alert, error) {
	var alerts []poll.Alert
	for _, text := range texts {
		alert, err := poll.ParseAlert(text)
		if err != nil {
			return nil, usageError{err}
		}
		alerts = append(alerts, alert)
	}
	return alerts, nil
}

func runPoll(cmd *cobra.Command, a *app, conn *connection, cfg poll.Config, output string, format choice, see func(poll.Event)) error {
	c, err := conn.open(a, cfg.Targets, len(cfg.Targets))
	if err != nil {
		return err
	}
	if info, err := os.Stat(output); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		a.note("appending to %s, which holds polls already", output)
	}
	trace, closeTrace, err := a.appendTrace(output)
	if err != nil {
		return err
	}
	watch := newPollView(a, cfg.Targets)
	res, err := poll.Run(cmd.Context(), cfg, c, func(e poll.Event) error {
		if err := trace.Write(e.Snapshot); err != nil {
			return fmt.Errorf("writing trace %s: %w", output, bareCause(err))
		}
		see(e)
		watch.show(e)
		return nil
	})
	watch.end()
	err = errors.Join(err, closeTrace())
	a.warn(res.Warnings...)
	if len(res.Targets) > 0 && res.Targets[0].Polls > 0 {
		err = errors.Join(err, a.pollSummary(res, output, format, err == nil))
	}
	if err == nil && res.Verdict == poll.VerdictAlert {
		return errFinding
	}
	return err
}

// appendTrace opens the trace to append to; "-" is standard output.
func (a *app) appendTrace(path string) (*snapshot.Writer, func() error, error) {
	if path == "-" {
		return snapshot.NewWriter(report.NewJSONWriter(a.stdout)), func() error { return nil }, nil
	}
	f, err := snapshot.OpenTrace(path)
	if err != nil {
		return nil, nil, err
	}
	return snapshot.NewWriter(a.guard(f)), f.Close, nil
}

// bareCause takes the file's name off an error that will be told with it.
func bareCause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// pollSummary writes the result to standard output, or to standard error where
// standard output carries the trace. wrote says whether the trace is whole.
func (a *app) pollSummary(res *poll.Result, output string, format choice, wrote bool) error {
	w := a.stdout
	if output == "-" {
		w = a.stderr
	}
	if format.value == "json" {
		return writeJSON(w, res)
	}
	if err := res.Text(w, a.painter(w)); err != nil {
		return err
	}
	if output == "-" || output == os.DevNull || res.Answered() == 0 || !wrote {
		return nil
	}
	_, err := fmt.Fprintf(w, "trace %s; next: mcpdiag flame%s > flame.svg, mcpdiag diff %s\n", quoted(output), flameOperand(output), quoted(output))
	return err
}

func flameOperand(trace string) string {
	if trace == defaultTrace {
		return ""
	}
	return " " + quoted(trace)
}

// quoted is a path as one types it into a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t'\"$&;()<>|*?`!#") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// writeJSON writes a result as JSON that is safe to show on a terminal.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(report.NewJSONWriter(w))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// pollView shows a run: a live view on a terminal, a line a poll elsewhere. It
// draws in a goroutine of its own, since a terminal can be paused.
type pollView struct {
	a      *app
	screen *screen // nil where standard error is no terminal
	ended  chan struct{}

	mu   sync.Mutex // guards live
	live *poll.Live
	news chan struct{} // there is something that was not drawn
}

func newPollView(a *app, targets []*url.URL) *pollView {
	v := &pollView{a: a, live: poll.NewLive(targets), news: make(chan struct{}, 1), ended: make(chan struct{})}
	if a.live() {
		v.screen = &screen{a: a}
		go v.follow()
	}
	return v
}

func (v *pollView) show(e poll.Event) {
	if v.screen == nil {
		v.a.note("%s", e.Line())
		for _, line := range e.Lines() {
			v.a.warn(line)
		}
		return
	}
	v.mu.Lock()
	v.live.Add(e)
	v.mu.Unlock()
	select {
	case v.news <- struct{}{}:
	default: // the frame before was not drawn yet: it will show this too
	}
}

func (v *pollView) follow() {
	defer close(v.ended)
	for range v.news {
		v.draw()
	}
}

func (v *pollView) draw() {
	v.screen.draw(func(w io.Writer, paint report.Painter, width, height int) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.live.Write(w, paint, width, height, time.Now())
	})
}

// end draws the last state. No poll is shown after it.
func (v *pollView) end() {
	if v.screen == nil {
		return
	}
	close(v.news)
	<-v.ended
	v.screen.drawn = time.Time{}
	v.draw()
}
