package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

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

	transport choice
	format    choice
	output    string
	log       string
	compare   string
	tolerance float64
	dryRun    bool
	force     bool // of init: replace a file

	view  screen
	live  *engine.Live
	calls *engine.CallLog
}

func newLoadtestCmd(a *app) *cobra.Command {
	l := &loader{a: a, view: screen{a: a}}
	cmd := &cobra.Command{
		SuggestFor: []string{"load", "bench", "stress"},
		Use:        "loadtest [URL] [-- COMMAND…]",
		Short:      "Make many virtual users call a server's tools",
		Long: `loadtest has each virtual user open an MCP session, make calls one after the other and
end the session. It speaks every revision, over HTTP or stdio, and finds out which the
server wants. With --rate calls come when they are due, whatever the answers do.

Without --tool it calls the tools that the server offers, with arguments made from their
schemas, except those that it calls destructive or open to the world (--destructive takes
both) and those that run as tasks only. --dry-run shows one call of each.
A plan file (--plan) says more: stages, weights, templates, data from CSV files.

A call has failed if there was no answer, an HTTP error, a JSON-RPC error or a result
with isError. Where a --fail threshold is crossed, or the run is worse than the one it
is compared with, the exit code is 3.`,
		Example: `  mcpdiag loadtest
  mcpdiag loadtest http://localhost:9901/mcp --users 40 --calls 10 --rounds 3 --delay 10
  mcpdiag loadtest --tool search --args '{"query": "leak {{iter}}"}' --fail 'p99<500ms' --fail 'errors<1%'
  mcpdiag loadtest --rate 200/s --duration 30s --format html -o load.html
  mcpdiag loadtest --find-knee --slo 'p99<500ms,errors<1%'
  mcpdiag loadtest -- npx some-mcp-server`,
		Args: func(cmd *cobra.Command, args []string) error {
			if operands, _ := splitDash(cmd, args); len(operands) > 1 {
				return usagef("%q: one server is loaded at a time; its address stands alone, a command after --", operands[1])
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

// resultFormats are the ways in which a result is written.
var resultFormats = []string{"text", "json", "markdown", "junit", "github", "html"}

func (l *loader) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	l.plan.addFlags(cmd)
	l.knee.addFlags(fs)
	choiceVar(cmd, fs, &l.transport, "transport", "how the server is reached", "http", "stdio")
	fs.BoolVar(&l.opts.Shared, "shared", false, "over stdio: one process for all users (each has its own)")
	fs.IntVar(&l.opts.Connections, "connections", 0, "over HTTP: connections, shared by all users (one for each)")
	fs.BoolVar(&l.opts.RespectRetryAfter, "respect-retry-after", false, "after 429 or 503 a user waits as long as the server asks")
	fs.BoolVar(&l.opts.Check, "check", false, "check answers whole, instead of as far as the verdict on the call needs")
	fs.BoolVar(&l.dryRun, "dry-run", false, "show one call of each step and make none")
	fs.StringVar(&l.compare, "compare", "", "compare with this older result, a JSON file")
	fs.Float64Var(&l.tolerance, "tolerance", 100*result.DefaultTolerance, "with --compare: the least change that matters, in per cent")
	fs.StringVar(&l.log, "log", "", "write a row for each call to this CSV file")
	fs.StringVarP(&l.output, "output", "o", "-", "write the result to this file")
	choiceVar(cmd, fs, &l.format, "format", "how the result is written", resultFormats...)
	l.conn.addFlags(fs, 30*time.Second)
	group(fs, "Transport", "transport", "shared", "connections", "respect-retry-after")
	group(fs, "Thresholds and comparison", "compare", "tolerance", "check")
	group(fs, "Output", "output", "format", "log", "dry-run")
	foundMaySet(fs, "transport", "shared", "connections", "respect-retry-after", "check", "dry-run", "tolerance", "format")
	paths(fs, "output", "log", "compare")
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
	if err := l.check(search != nil, operands); err != nil {
		return err
	}
	before, err := l.before()
	if err != nil {
		return err
	}
	runner, err := l.prepare(cmd.Context(), p, operands)
	if err != nil {
		return err
	}
	defer runner.Close()
	defer thrifty(max(p.Most(), l.knee.most()))()
	switch {
	case l.dryRun:
		return l.a.write(l.output, runner.Plan().DryRun)
	case search != nil:
		return l.findKnee(cmd.Context(), runner, search)
	}
	return l.measure(cmd.Context(), runner, before)
}

// From manyUsers on, what they hold is most of the memory, and garbage is collected
// when there is a fourth as much of it: 2,000 users then take 72 MB instead of 89. A
// call leaves next to none behind, so that this costs nothing.
const (
	manyUsers     = 500
	littleGarbage = 25 // per cent
)

// thrifty saves memory where there are many users, until it is taken back. GOGC says otherwise.
func thrifty(users int) (restore func()) {
	if users < manyUsers || os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(littleGarbage)
	return func() { debug.SetGCPercent(before) }
}

// check finds flags that exclude each other.
func (l *loader) check(knee bool, operands []string) error {
	switch stdio := len(l.opts.Command) > 0; {
	case l.transport.value == "stdio" && !stdio:
		return usagef("--transport stdio wants the server's command after --")
	case stdio && len(operands) > 0:
		return usagef("a server is either at a URL or a command after --")
	case l.opts.Shared && !stdio:
		return usagef("--shared is for a server that is started after --")
	case l.opts.Connections < 0 || l.opts.Connections > plan.MaxUsers:
		return usagef("--connections is 0 to %d", plan.MaxUsers)
	case l.opts.Connections > 0 && stdio:
		return usagef("--connections is for servers over HTTP")
	case knee && (l.compare != "" || l.log != ""):
		return usagef("--find-knee makes many runs: --compare and --log are for one")
	case !(l.tolerance >= 0 && l.tolerance < 1000):
		return usagef("--tolerance is a per cent value such as 10")
	}
	return nil
}

// before reads the result to compare with, nil where there is none.
func (l *loader) before() (*result.Result, error) {
	if l.compare == "" {
		return nil, nil //nolint:nilnil // there is nothing to compare with
	}
	return readResult(l.a, l.compare)
}

func readResult(a *app, path string) (*result.Result, error) {
	in, name, err := a.openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	res, err := result.Read(in)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return res, nil
}

// prepare finds out how to speak to the server and what to call.
func (l *loader) prepare(ctx context.Context, p *plan.Plan, operands []string) (*engine.Runner, error) {
	cfg := engine.Config{Plan: *p, Options: l.opts, Timeout: l.conn.timeout}
	cfg.Watch = result.Watcher(p)
	if l.a.live() {
		l.live = engine.NewLive(p)
		cfg.Progress = l.draw
	}
	if l.log != "" {
		cfg.Log = func(c engine.Call) { l.calls.Add(c) }
	}
	if err := l.connect(&cfg, operands); err != nil {
		return nil, err
	}
	runner, err := engine.Prepare(ctx, cfg)
	if errors.Is(err, plan.ErrUnknownStep) {
		return nil, usageError{err}
	}
	return runner, err
}

// connect says where the server is, if it is not started.
func (l *loader) connect(cfg *engine.Config, operands []string) error {
	if len(operands) == 0 && cfg.Plan.URL != "" {
		operands = []string{cfg.Plan.URL}
	}
	if len(l.opts.Command) > 0 {
		cfg.Endpoint.MaxMessage = l.conn.maxBody
		return nil
	}
	targets, err := l.conn.targets(operands, mcpPath)
	if err != nil {
		return err
	}
	most := l.opts.Connections
	l.conn.maxConns = most
	if most == 0 {
		most = max(cfg.Plan.Most(), l.knee.most())
	}
	c, err := l.conn.open(l.a, targets, most)
	if err != nil {
		return err
	}
	cfg.Client, cfg.Timeout = c, c.Timeout()
	cfg.Endpoint = mcp.Endpoint{HTTP: c.HTTP(), URL: targets[0].String(), MaxMessage: c.MaxBody()}
	return nil
}

func (l *loader) draw(p engine.Progress) {
	l.live.Add(p)
	l.view.draw(func(w io.Writer, paint report.Painter, width, _ int) error { return l.live.Write(w, paint, width) })
}

// measure runs the plan and writes what it comes to.
func (l *loader) measure(ctx context.Context, runner *engine.Runner, before *result.Result) error {
	closeLog, err := l.openLog(runner.Plan().Steps)
	if err != nil {
		return err
	}
	res, err := runner.Run(ctx)
	l.view.clear()
	if err := errors.Join(err, closeLog()); err != nil {
		return err
	}
	res.Judge(runner.Plan().Thresholds)
	if before != nil {
		res.Compare(before, l.compare, l.tolerance/100)
	}
	return l.conclude(res)
}

// openLog begins the log of calls, where one is wanted.
func (l *loader) openLog(steps []plan.Step) (done func() error, err error) {
	if l.log == "" {
		return func() error { return nil }, nil
	}
	f, err := report.Create(l.log)
	if err != nil {
		return nil, err
	}
	l.calls = engine.NewCallLog(l.a.guard(f), steps)
	return func() error {
		defer f.Abort()
		if err := l.calls.Close(); err != nil {
			return fmt.Errorf("writing %s: %w", l.log, err)
		}
		return f.Close()
	}, nil
}

func (l *loader) conclude(res *result.Result) error {
	l.a.warn(res.Warnings...)
	if res.Comparison != nil {
		l.a.warn(res.Comparison.Warnings...)
	}
	return l.a.conclude(l.output, l.format.value, res)
}
