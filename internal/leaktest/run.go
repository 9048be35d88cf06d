package leaktest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/live"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// run is the state of one Run.
type run struct {
	cfg       *Config
	start     time.Time
	res       *Result
	out       *folder
	log       *loadLog
	server    *server
	load      *load.Load
	watch     *watch
	heap      *live.Heap
	conductor *conduct.Conductor

	snapshot bool   // the server has a snapshot endpoint
	deaths   uint64 // out-of-memory kills on this machine before the run
}

// Run tests a server. If the server was ready once, there is a result beside any
// error, made of the readings so far. When Run returns, a command that it started has
// ended, and so have all its descendants.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	todo, err := load.Find(cfg.Factors)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, start: time.Now(), deaths: outOfMemoryKills()}
	r.res = &Result{Schema: Schema, StartedAt: r.start, Warnings: []string{}, Command: cfg.Repeat, Series: []Reading{}}
	if r.out, err = openFolder(&cfg, r.start); err != nil {
		return nil, err
	}
	defer r.out.abort()
	r.log = &loadLog{w: r.out.loadLog}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(r.out.said(err), r.out.drop())
	}
	defer r.server.stop()
	r.conductor.Conduct(ctx, r.start, r.tasks(todo), r.parts)
	return r.finish(ctx)
}

// prepare starts or attaches to the server, waits until it is ready, and begins to
// watch it.
func (r *run) prepare(ctx context.Context) (err error) {
	r.report(conduct.Progress{State: "start"})
	if r.cfg.MaxMemory == 0 {
		system, err := process.ReadSystem()
		if err != nil {
			return fmt.Errorf("reading the memory of the machine: %w", err)
		}
		r.cfg.MaxMemory = int64(system.Available / 2)
	}
	if r.server, err = attach(ctx, r.cfg, r.out.serverLog); err != nil {
		return err
	}
	if err := r.server.here(); err != nil {
		r.server.stop()
		return err
	}
	if r.load, err = load.Open(ctx, r.loadConfig()); err != nil {
		r.server.stop()
		return fmt.Errorf("speaking MCP to %s: %w", where(r.cfg), err)
	}
	for _, text := range r.load.Warnings() {
		r.warn(text)
	}
	r.watch = newWatch(r.start, r.cfg.MaxMemory)
	r.watch.follow(ctx, r.server.info.PID, r.out.memory)
	r.snapshots(ctx)
	r.describe()
	r.openHeap(ctx)
	r.conductor = r.newConductor()
	if r.cfg.started != nil {
		r.cfg.started(r.server.info.PID)
	}
	return nil
}

func (r *run) loadConfig() load.Config {
	cfg := load.Config{Client: r.cfg.Client, URL: r.cfg.URL, Session: r.server.session,
		Protocol: r.cfg.Protocol, Tools: r.cfg.Tools, Args: r.cfg.Args, Harmless: r.cfg.Harmless, Users: r.cfg.Users}
	if r.cfg.Fixed {
		cfg.Calls = r.cfg.Calls
	}
	return cfg
}

// snapshots polls the snapshot endpoint if there is one.
func (r *run) snapshots(ctx context.Context) {
	if r.cfg.Snapshot == nil {
		return
	}
	if _, err := poll.Once(ctx, r.cfg.Client, r.cfg.Snapshot); err != nil {
		return // most servers have none
	}
	r.snapshot = true
	if out := r.out.traceWriter(); out != nil {
		r.watch.poll(ctx, r.cfg, r.cfg.Snapshot, out)
	}
}

func (r *run) describe() {
	r.res.Target = Target{
		Transport: r.load.Transport(), Server: r.load.Server(), Protocol: r.load.Protocol(), Tool: strings.Join(r.load.Tools(), ", "),
		PID: r.server.info.PID, Command: r.server.info.Command(), Started: r.server.child != nil, Env: r.server.env,
	}
	if !r.cfg.Stdio {
		r.res.Target.URL = client.RedactURL(r.cfg.URL)
	}
	env := map[string]string{
		"mcpdiag": r.cfg.Version, "system": runtime.GOOS + "/" + runtime.GOARCH, "processors": fmt.Sprint(runtime.NumCPU()),
		"settle": r.cfg.Settle.String(), "memory limit": judge.Bytes(float64(r.cfg.MaxMemory)),
	}
	if system, err := process.ReadSystem(); err == nil {
		env["machine memory"] = judge.Bytes(float64(system.Total))
	}
	if r.cfg.Expiry > 0 {
		env["expiry"] = r.cfg.Expiry.String()
	}
	if r.cfg.GCSignal != "" {
		env["collector"] = "asked with " + r.cfg.GCSignal
	}
	if r.cfg.GCURL != nil {
		env["collector"] = "asked at " + client.RedactURL(r.cfg.GCURL)
	}
	r.res.Environment = env
}

// tasks returns a task for each operation that applies to the server, or several if
// it calls several tools.
func (r *run) tasks(todo []load.Operation) []conduct.Task {
	var tasks []conduct.Task
	tools := r.load.Tools()
	for _, op := range todo {
		if why := r.load.Applies(&op); why != "" {
			if !op.Has(load.Unasked) {
				r.warn(op.ID + " was not tried: " + why)
			}
			continue
		}
		for nth, tool := range tools {
			if nth > 0 && !op.Has(load.CallsTool) {
				break
			}
			t := conduct.Task{Operation: op, Per: op.PerTool(tool), Does: r.load.Describe(&op), Asked: len(r.cfg.Factors) > 0 && !r.cfg.Attribute}
			if op.Has(load.CallsTool) {
				t.Tool, t.Select = tool, func() { r.load.Select(nth) }
			}
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// parts returns the operations that t can be split into.
func (r *run) parts(t *conduct.Task, todo []conduct.Task) []conduct.Task {
	known := make([]load.Operation, len(todo))
	for i := range todo {
		known[i] = todo[i].Operation
	}
	return r.tasks(load.PartsOf(&t.Operation, known))
}

// warn adds a warning to the result. How the server ended is an error of its own.
func (r *run) warn(text string) {
	if slices.Contains(r.res.Warnings, text) {
		return
	}
	r.res.Warnings = append(r.res.Warnings, text)
	if r.cfg.Warn != nil && (r.conductor == nil || text != r.conductor.Ended) {
		r.cfg.Warn(text)
	}
}

// finish ends all that runs and completes the result.
func (r *run) finish(ctx context.Context) (*Result, error) {
	r.explain(ctx)
	r.profileCPU(ctx)
	r.watch.end()
	r.closeHeap(ctx)
	r.server.stop()
	res := r.res
	res.Interrupted = ctx.Err() != nil
	res.DurationS = conduct.Seconds(time.Since(r.start))
	res.Series = r.watch.readings()
	res.Phases, res.Ended = r.conductor.Phases, r.conductor.Ended
	res.remember(r.watch)
	if r.conductor.Full {
		r.warn(fmt.Sprintf("the load was stopped when the server held %s, the limit of the test", judge.Bytes(float64(r.cfg.MaxMemory))))
	}
	r.res.Warnings = append(r.res.Warnings, r.watch.warnings()...)
	r.checkArguments()
	res.conclude()
	res.check(r.cfg)
	err := r.out.finish(res)
	if r.watch.err != nil {
		err = errors.Join(r.watch.err, err)
	}
	switch {
	case err != nil || len(res.Phases) > 0 || res.Ended != "":
	case res.Interrupted:
		err = errors.New("interrupted before anything was measured")
	default:
		err = errors.New("none of the loads applies to this server")
	}
	return res, err
}

// checkArguments warns if many calls failed in the tool, whose arguments were made up.
func (r *run) checkArguments() {
	for _, p := range r.res.Phases {
		if p.MeantToFail || p.Errors[load.ToolError] == "" || p.Failed < p.Operations/10 || len(r.cfg.Args) > 0 {
			continue
		}
		r.warn(fmt.Sprintf("%s of %s operations of %s failed in the tool: its arguments were made from its input schema; --args gives real ones",
			report.Count(p.Failed), report.Count(p.Operations), report.Cell(p.Tool, maxToolName)))
	}
}

// maxToolName bounds the name of a tool in a warning, in characters.
const maxToolName = 60

// report reports the progress.
func (r *run) report(p conduct.Progress) {
	if r.cfg.Progress == nil {
		return
	}
	full := Progress{Progress: p, Elapsed: time.Since(r.start)}
	if r.watch != nil {
		full.MB = r.watch.memory()
	}
	r.cfg.Progress(full)
}
