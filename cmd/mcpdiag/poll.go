package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

const defaultTrace = "mcpdiag-trace.ndjson"

// poller is a run of the poll command.
type poller struct {
	a    *app
	conn connection
	from sourceFlags
	cfg  poll.Config

	alerts           []string
	output           string
	listen, announce string
	format           choice
}

func newPollCmd(a *app) *cobra.Command {
	p := &poller{a: a}
	cmd := &cobra.Command{
		Use:   "poll [TARGET…]",
		Short: "Take snapshots of servers, second by second, into a trace",
		Long: `poll requests a snapshot of each target at every interval and appends it to a trace,
one per line. On a terminal it shows what the servers are doing now. --once prints
the calls in flight, the oldest first: which calls hang.

Alerts watch ` + strings.Join(poll.AlertMetrics(), ", ") + `.
oldest is the age of the oldest call, failures counts failed polls in a row. The exit
code is 3 if an alert was crossed.`,
		Example: `  mcpdiag poll
  mcpdiag poll --once
  mcpdiag poll node1:3100 node2:3100 --interval 5s --duration 10m
  mcpdiag poll --alert 'heap>500MB' --alert 'oldest>30s' --until-alert
  mcpdiag poll -o - --count 1 | jq .heapUsedMB`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.cfg.Once && (cmd.Flags().Changed("count") || p.listen != "") {
				return usagef("--once is a single poll; it excludes --count and --listen")
			}
			if err := p.options(cmd.Context(), args); err != nil {
				return err
			}
			if (p.listen != "" || p.cfg.Once) && !a.given(cmd, "output") {
				p.output = os.DevNull
			}
			return p.run(cmd.Context())
		},
	}
	p.addFlags(cmd, cmd.Flags())
	return cmd
}

func (p *poller) addFlags(cmd *cobra.Command, fs *pflag.FlagSet) {
	durationVar(fs, &p.cfg.Interval, "interval", time.Second, "time between polls")
	fs.BoolVar(&p.cfg.Once, "once", false, "poll each target once and print the calls in flight; a trace is written only with -o")
	limitVar(fs, &p.cfg.Count, "count", "end after this many polls of each target")
	durationVar(fs, &p.cfg.Duration, "duration", 0, "end after this long")
	limitVar(fs, &p.cfg.FailAfter, "fail-after", "end with an error when a target fails this many times in a row")
	fs.StringArrayVar(&p.alerts, "alert", nil, "watch a condition such as 'heap>500MB'; repeatable")
	fs.BoolVar(&p.cfg.UntilAlert, "until-alert", false, "end when an alert is crossed")
	fs.StringVarP(&p.output, "output", "o", defaultTrace, "append the trace to this file, - for standard output")
	choiceVar(cmd, fs, &p.format, "format", "format of the summary", resultFormats...)
	shortVar(fs, &p.format)
	fs.StringVar(&p.listen, "listen", "", "export metrics for Prometheus at this address, such as :9464; a trace is written only with -o")
	fs.StringVar(&p.announce, "announce", "", "write the URL of --listen and the PID to this file")
	p.from.addFlags(cmd, fs)
	p.conn.addFlags(fs, 5*time.Second)
	p.conn.addTokenCommand(fs)
	complete(cmd, "alert", alertBeginnings)
	p.a.completeServers(cmd)
	group(fs, "Schedule", "once", "interval", "count", "duration", "fail-after")
	group(fs, "Alerts", "alert", "until-alert")
	group(fs, "Output", "output", "format", "listen", "announce")
	foundMaySet(fs, "url", "interval", "count", "duration", "fail-after", "alert", "until-alert", "format")
	paths(fs, "output", "announce")
}

// options checks the command line and fills the configuration.
func (p *poller) options(ctx context.Context, args []string) (err error) {
	cfg := &p.cfg
	if cfg.Alerts, err = poll.ParseAlerts(p.alerts); err != nil {
		return usageError{err}
	}
	if cfg.Once {
		cfg.Count = 1
	}
	switch {
	case cfg.UntilAlert && len(p.alerts) == 0:
		return usagef("--until-alert needs an --alert")
	case cfg.Interval < time.Millisecond:
		return usagef("--interval is at least 1ms")
	}
	if cfg.Source, err = p.from.source(); err != nil {
		return err
	}
	if len(args) == 0 {
		if p.conn.url, err = p.a.defaultTarget(ctx, p.conn.url); err != nil {
			return err
		}
	}
	if cfg.Targets, err = p.conn.targets(args, cfg.Source.Path()); err != nil {
		return err
	}
	for i, target := range cfg.Targets {
		cfg.Targets[i] = p.a.besideMCP(target, cfg.Source.Path())
	}
	return distinct(cfg.Targets)
}

// distinct refuses a target that is named twice: a trace could not distinguish them.
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

// run polls until the run ends, and writes the summary.
func (p *poller) run(ctx context.Context) error {
	exported := func(poll.Event) {}
	if p.listen != "" {
		exporter, end, err := p.a.export(ctx, p.listen, p.announce)
		if err != nil {
			return err
		}
		defer end()
		exported = exporter.Add
	}
	c, err := p.conn.open(p.a, p.cfg.Targets, len(p.cfg.Targets))
	if err != nil {
		return err
	}
	if info, err := os.Stat(p.output); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		p.a.note("appending to %s, which holds polls already", p.output)
	}
	trace, closeTrace, err := p.a.appendTrace(p.output)
	if err != nil {
		return err
	}
	view := newPollView(p.a, p.cfg.Targets, endOf(p.cfg.Duration, p.cfg.Count, p.cfg.Interval))
	res, err := poll.Run(ctx, p.cfg, c, func(e poll.Event) error {
		if err := trace.Write(e.Snapshot); err != nil {
			return fmt.Errorf("writing trace %s: %w", p.output, report.Cause(err))
		}
		exported(e)
		view.show(e)
		return nil
	})
	view.end()
	if failed, ok := errors.AsType[*poll.FailedError](err); ok && view.printed() {
		err = fmt.Errorf("no poll of %s was answered", failed.URL) // the lines have said why
	}
	return p.result(res, errors.Join(err, closeTrace()))
}

// result writes the summary and returns the outcome; failed is the error that ended the
// run, if any.
func (p *poller) result(res *poll.Result, failed error) error {
	p.a.warn(res.Warnings...)
	if slices.ContainsFunc(res.Targets, func(t *poll.Target) bool { return t.Polls > 0 }) {
		failed = errors.Join(failed, p.summarize(res, failed == nil))
	}
	if failed != nil {
		return failed
	}
	return outcomeOf(res.Report())
}

// summarize writes the result to standard output, or to standard error if standard output
// carries the trace. wrote reports whether the trace is whole.
func (p *poller) summarize(res *poll.Result, wrote bool) error {
	w := p.a.beside(p.output)
	written := wrote && p.output != "-" && p.output != os.DevNull && res.Answered() > 0
	if p.format.value != "text" {
		if written {
			defer p.a.note("wrote %s", p.output)
		}
		return p.a.render(w, p.format.value, res)
	}
	if len(res.Targets) == 1 && res.Answered() == 0 && len(res.Alerts) == 0 {
		return nil // the error says it all
	}
	if err := res.Text(w, p.a.painter(w)); err != nil {
		return err
	}
	if !written {
		return nil
	}
	trace := report.ShellWord(p.output)
	_, err := fmt.Fprintf(w, "trace %s; next: mcpdiag flame%s > flame.svg, mcpdiag diff %s\n", trace, flameOperand(p.output), trace)
	return err
}

func flameOperand(trace string) string {
	if trace == defaultTrace {
		return ""
	}
	return " " + report.ShellWord(trace)
}
