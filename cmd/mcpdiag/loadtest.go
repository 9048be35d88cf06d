package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// loader is one run of loadtest.
type loader struct {
	a    *app
	conn connection
	plan planFlags
	opts engine.Options
	knee kneeFlags
	held heldFlags
	cpu  live.Profiler

	format    choice
	output    string
	log       string
	baseline  string
	tolerance float64
	dryRun    bool
	profile   bool // the CPU of the server
	force     bool // of init: replace a file

	view  screen
	live  *engine.Live
	noted time.Duration // elapsed time of the last progress line
	calls *engine.CallLog
}

func newLoadtestCmd(a *app) *cobra.Command {
	l := &loader{a: a, plan: planFlags{a: a}, view: screen{a: a}, cpu: live.Profiler{Note: a.note, Warn: a.warn}}
	cmd := &cobra.Command{
		SuggestFor: []string{"load", "bench", "stress"},
		Use:        "loadtest [URL] [-- COMMAND…]",
		Short:      "Load a server with virtual users and find its limit",
		Long: `loadtest simulates users: each opens an MCP session, makes calls one after the other
and ends the session. It speaks every revision, over HTTP or stdio, and negotiates the
newest one. With --rate calls start at a rate, independent of response times.

Without --tool it calls the tools of the server with arguments made up from their
schemas, except tools that are declared destructive or open to the world. --read-only
restricts it to tools that are declared read-only; --dry-run shows the calls.
A plan file (--plan) can say more: stages, weights, resources, prompts, data from CSV
files, bursts, arrivals, when to abort. "mcpdiag loadtest init" writes one.

A call fails if it gets no answer, an HTTP error, a JSON-RPC error or a result with
isError. The exit code is 3 if a --fail threshold is crossed or the run is worse than
its --baseline.`,
		Example: `  mcpdiag loadtest
  mcpdiag loadtest http://localhost:9901/mcp --users 40 --calls 10 --rounds 3 --delay 10
  mcpdiag loadtest --tool search --args '{"query": "leak {{iter}}"}' --fail 'p99<500ms' --fail 'errors<1%'
  mcpdiag loadtest --rate 200/s --duration 30s --format html -o load.html
  mcpdiag loadtest --find-knee --slo 'p99<500ms,errors<1%'
  mcpdiag loadtest -- npx some-mcp-server`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := refuseNothing(cmd, args); err != nil {
				return err
			}
			operands, command := splitDash(cmd, args)
			if err := errors.Join(refuseMistyped(cmd, operands), refusePort(cmd, command)); err != nil {
				return err
			}
			if len(operands) > 1 {
				return usagef("unexpected argument %q: loadtest takes one URL, or a command after --", operands[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			operands, command := splitDash(cmd, args)
			l.opts.Command = command
			return l.run(cmd, operands)
		},
	}
	l.addFlags(cmd)
	cmd.AddCommand(newLoadtestInitCmd(a), newLoadtestMergeCmd(a), newLoadtestExportCmd(a), newLoadtestSchemaCmd())
	return cmd
}

// Headings of the help that several functions use.
const (
	loadGroup    = "Load"
	callGroup    = "Calls"
	sessionGroup = "Sessions"
	verdictGroup = "Verdict"
)

func (l *loader) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	l.plan.addFlags(cmd)
	fs.BoolVar(&l.dryRun, "dry-run", false, "print one call of each step without making it")
	fs.BoolVar(&l.opts.Check, "check", false, "validate answers completely, and fail those that official clients reject")
	fs.StringVar(&l.baseline, "baseline", "", "compare with this older result, a JSON file")
	fs.Float64Var(&l.tolerance, "tolerance", 100*result.DefaultTolerance, "with --baseline: the smallest change that matters, in per cent")
	l.knee.addFlags(fs)
	l.held.addFlags(fs)
	fs.StringVarP(&l.output, "output", "o", "-", "write the result to this file")
	formatVar(cmd, fs, &l.format, "html")
	cpuProfileVar(fs, &l.profile)
	fs.StringVar(&l.log, "log", "", "write one row per call to this CSV file")
	fs.StringVar(&l.baseline, "compare", "", "")
	fs.BoolVar(&l.opts.Shared, "shared", false, "")
	for _, old := range []string{"compare", "shared"} { // now --baseline and --session shared
		_ = fs.MarkHidden(old) // the flag exists
	}
	l.conn.addFlags(fs, 30*time.Second)
	l.conn.addTokenCommand(fs)
	l.a.completeServers(cmd)
	l.a.completeTools(cmd, &l.conn)
	group(fs, callGroup, "dry-run")
	group(fs, sessionGroup, "shared")
	group(fs, verdictGroup, "check", "baseline", "compare", "tolerance")
	group(fs, "Output", "output", "format", "log")
	foundMaySet(fs, "shared", "check", "dry-run", "tolerance", "format")
	paths(fs, "output", "log", "baseline", "compare")
}

func (l *loader) run(cmd *cobra.Command, operands []string) error {
	p, err := l.plan.plan(cmd)
	if err != nil {
		return err
	}
	search, err := l.knee.config(cmd)
	if err != nil {
		return err
	}
	l.opts.Shared = l.opts.Shared || l.plan.session == sharedSession
	if err := l.check(search != nil, operands); err != nil {
		return err
	}
	before, err := l.readBaseline()
	if err != nil {
		return err
	}
	runner, err := l.prepare(cmd, p, operands)
	if err != nil {
		return err
	}
	defer runner.Close()
	l.a.warn(runner.Warnings()...)
	switch {
	case l.dryRun:
		return l.a.write(l.output, runner.Plan().DryRun)
	case search != nil:
		return l.findKnee(cmd.Context(), runner, search)
	}
	return l.measure(cmd.Context(), runner, before)
}

// check finds flags that exclude each other.
func (l *loader) check(knee bool, operands []string) error {
	switch stdio := len(l.opts.Command) > 0; {
	case stdio && len(operands) > 0:
		return usagef("a URL and a command after -- exclude each other")
	case l.opts.Shared && !stdio:
		return usagef("--session %s is for a server that is started: it needs a command after --", sharedSession)
	case knee && (l.baseline != "" || l.log != "" || l.held != heldFlags{} || l.profile):
		return usagef("--find-knee makes many runs: it excludes --baseline, --log, --cpu-profile, --postgres and --redis")
	case !(l.tolerance >= 0 && l.tolerance < 1000):
		return usagef("--tolerance must be 0 to 1000, in per cent")
	}
	return nil
}

// readBaseline reads the result to compare with, nil without one.
func (l *loader) readBaseline() (*result.Result, error) {
	if l.baseline == "" {
		return nil, nil //nolint:nilnil // there is nothing to compare with
	}
	return readInput(l.a, l.baseline, result.Read)
}

// prepare connects to the server and fits the plan to it.
func (l *loader) prepare(cmd *cobra.Command, p *plan.Plan, operands []string) (*engine.Runner, error) {
	if l.profile && len(l.opts.Command) > 0 {
		l.opts.Env, l.opts.Started, l.opts.Ending = live.Environment(nil, nil), l.cpu.Started, l.cpu.Ending
	}
	cfg := engine.Config{Plan: *p, Options: l.opts, Timeout: l.conn.timeout}
	cfg.Watch = result.Watcher(p)
	l.live = engine.NewLive(p)
	cfg.Progress = l.progress
	if l.log != "" {
		cfg.Log = func(c engine.Call) { l.calls.Add(c) }
	}
	if err := l.connect(cmd, &cfg, operands); err != nil {
		return nil, err
	}
	runner, err := engine.Prepare(cmd.Context(), cfg)
	if errors.Is(err, plan.ErrUnknownStep) {
		return nil, usageError{err}
	}
	return runner, err
}

// connect sets the address of the server, unless a command starts it. A URL on the
// command line or in the environment takes precedence over the plan's, which gets no
// credentials: plans are shared and copied.
func (l *loader) connect(cmd *cobra.Command, cfg *engine.Config, operands []string) error {
	if len(l.opts.Command) > 0 {
		cfg.Endpoint.MaxMessage = l.conn.maxBody
		return nil
	}
	if named := l.a.given(cmd, "url") && !l.a.foundURL; len(operands) == 0 && !named && cfg.Plan.URL != "" {
		operands = []string{cfg.Plan.URL}
		l.conn.fromPlan = true
	}
	targets, err := l.conn.targets(operands, mcpPath)
	if err != nil {
		return err
	}
	most := cfg.Plan.Connections
	l.conn.maxConns = most
	if most == 0 {
		most = max(cfg.Plan.Most(), l.knee.most())
	}
	c, err := l.conn.open(l.a, targets, most)
	if err != nil {
		return err
	}
	cfg.Client, cfg.Timeout = c, c.Timeout()
	l.cpu.Target, l.cpu.Client = targets[0], c
	cfg.Endpoint = mcp.EndpointOver(c, targets[0])
	return nil
}

// noteInterval is the time between progress lines off a terminal.
const noteInterval = 10 * time.Second

// progress shows how far the run is: a live view on a terminal, else a line from
// time to time. A search prints a line per level instead.
func (l *loader) progress(p engine.Progress) {
	l.live.Add(p)
	switch {
	case l.a.live():
		l.view.draw(func(w io.Writer, paint report.Painter, width, _ int) error { return l.live.Write(w, paint, width) })
	case !l.knee.find && p.Elapsed-l.noted >= noteInterval:
		l.noted = p.Elapsed
		l.a.note("%s", l.live.Line())
	}
}

// countHeld plays the plan, and reads the counts of the databases that were named before
// and after it.
func (l *loader) countHeld(ctx context.Context, runner *engine.Runner) (*result.Result, error) {
	read, err := l.held.reader(ctx, l.a, l.conn.tls)
	if err != nil {
		return nil, err
	}
	if read == nil {
		return runner.Run(ctx)
	}
	before, err := read(ctx)
	if err != nil {
		return nil, err
	}
	res, err := runner.Run(ctx)
	if err != nil {
		return nil, err
	}
	after, err := read(context.WithoutCancel(ctx)) // also after an interrupt
	if err != nil {
		l.a.warn(err.Error())
	}
	res.Held = heldPerCall(before, after, res.Calls)
	return res, nil
}

// profiled plays the plan, while the CPU of the server is profiled on request.
func (l *loader) profiled(ctx context.Context, runner *engine.Runner) (res *result.Result, err error) {
	if !l.profile {
		return l.countHeld(ctx, runner)
	}
	hot, err := l.cpu.Around(ctx, func(ctx context.Context) (err error) {
		res, err = l.countHeld(ctx, runner)
		return err
	})
	if err == nil {
		res.CPU = hot
	}
	return res, err
}

// measure runs the plan, judges the result and writes it.
func (l *loader) measure(ctx context.Context, runner *engine.Runner, before *result.Result) error {
	closeLog, err := l.openLog(runner.Plan().Steps)
	if err != nil {
		return err
	}
	res, err := l.profiled(ctx, runner)
	l.view.clear()
	if err := errors.Join(err, closeLog()); err != nil {
		return err
	}
	res.Judge(runner.Plan().Thresholds)
	if before != nil {
		res.Compare(before, l.baseline, l.tolerance/100)
		l.a.warn(res.Comparison.Warnings...)
	}
	l.a.warn(res.Warnings[len(runner.Warnings()):]...)
	return l.a.conclude(l.output, l.format.value, res)
}

// openLog starts the log of calls, if one is requested.
func (l *loader) openLog(steps []plan.Step) (done func() error, err error) {
	if l.log == "" {
		return func() error { return nil }, nil
	}
	f, err := l.a.create(l.log)
	if err != nil {
		return nil, err
	}
	l.calls = engine.NewCallLog(l.a.guard(f), steps)
	return func() error {
		defer f.Abort()
		if err := l.calls.Close(); err != nil {
			return fmt.Errorf("writing %s: %w", l.log, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
		l.a.note("wrote %s", l.log)
		return nil
	}, nil
}
