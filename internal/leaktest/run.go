package leaktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/poll"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// run is the state of one Run.
type run struct {
	cfg    *Config
	start  time.Time
	res    *Result
	out    *folder
	log    *loadLog
	server *server
	load   *load
	watch  *watch

	current *Phase
	nth, of int
	share   time.Time // until when the phase may be extended
	full    bool      // the memory limit was reached

	snapshot bool // the server has a snapshot endpoint
}

// Run tests a server. The result is there even when an error is, where the
// server was ready once: it holds what was seen until then. A command that was
// started has ended when Run returns, and all that it started.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	todo, err := factorsOf(cfg.Factors)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, start: time.Now()}
	r.res = &Result{Schema: Schema, StartedAt: r.start, Warnings: []string{}, Command: cfg.Repeat, Series: []Reading{}}
	if r.out, err = openFolder(cfg.Folder, r.start, len(cfg.Command) > 0); err != nil {
		return nil, err
	}
	defer r.out.abort()
	r.out.guard = cfg.Guard
	r.log = &loadLog{w: r.out.guarded(r.out.load), start: r.start}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(r.out.said(err), r.out.drop())
	}
	defer r.server.stop()
	r.phases(ctx, todo)
	return r.finish(ctx)
}

// prepare has a server that is ready, watched, and known how to speak to.
func (r *run) prepare(ctx context.Context) (err error) {
	r.tell("start")
	if r.cfg.MaxMemory == 0 {
		system, err := process.ReadSystem()
		if err != nil {
			return fmt.Errorf("reading the memory of the machine: %w", err)
		}
		r.cfg.MaxMemory = int64(system.Available / 2)
	}
	if r.server, err = attach(ctx, r.cfg, r.out.serverLog()); err != nil {
		return err
	}
	if r.load, err = newLoad(ctx, r.cfg, r.server.line); err != nil {
		r.server.stop()
		return fmt.Errorf("speaking MCP to %s: %w", where(r.cfg), err)
	}
	if r.load.warning != "" {
		r.warn("%s", r.load.warning)
	}
	r.watch = newWatch(r.start, r.cfg.MaxMemory)
	r.watch.follow(ctx, r.server.info.PID, r.out.memory)
	r.snapshots(ctx)
	r.describe()
	if r.cfg.started != nil {
		r.cfg.started(r.server.info.PID)
	}
	return nil
}

// snapshots polls the snapshot endpoint where there is one.
func (r *run) snapshots(ctx context.Context) {
	if r.cfg.Snapshot == nil || r.cfg.Stdio {
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
		Transport: "http", Server: r.load.era.Server, Protocol: r.load.era.Version, Tool: r.load.tool.Name,
		PID: r.server.info.PID, Command: r.server.info.Command(), Started: r.server.child != nil, Env: r.server.env,
	}
	if r.cfg.Stdio {
		r.res.Target.Transport = "stdio"
	} else {
		r.res.Target.URL = client.RedactURL(r.cfg.URL)
	}
	r.res.Environment = map[string]string{
		"mcpdiag": r.cfg.Version, "system": runtime.GOOS + "/" + runtime.GOARCH, "processors": fmt.Sprint(runtime.NumCPU()),
		"settle": r.cfg.Settle.String(), "memory limit": Bytes(float64(r.cfg.MaxMemory)),
	}
	if system, err := process.ReadSystem(); err == nil {
		r.res.Environment["machine memory"] = Bytes(float64(system.Total))
	}
	if r.cfg.Expiry > 0 {
		r.res.Environment["expiry"] = r.cfg.Expiry.String()
	}
	if r.cfg.GCSignal != "" {
		r.res.Environment["collector"] = "asked with " + r.cfg.GCSignal
	}
	if r.cfg.GCURL != nil {
		r.res.Environment["collector"] = "asked at " + client.RedactURL(r.cfg.GCURL)
	}
}

// phases loads the server with one factor after the other. One that stands for
// several is taken apart when it leaks.
func (r *run) phases(ctx context.Context, todo []factor) {
	for i := 0; i < len(todo) && ctx.Err() == nil; i++ {
		f := &todo[i]
		r.nth, r.of = i+1, len(todo)
		if why := f.applies(r.load); why != "" {
			r.warn("%s was not tried: %s", f.id, why)
			continue
		}
		left := r.cfg.MaxTime - time.Since(r.start)
		if left < 0 && i > 0 || r.full {
			r.warn("%s was not tried: %s", f.id, r.over())
			continue
		}
		r.share = time.Now().Add(left / time.Duration(len(todo)-i))
		p := r.phase(ctx, f)
		if len(p.Rounds) > 0 {
			r.res.Phases = append(r.res.Phases, p)
		}
		if why := r.server.end(); why != "" {
			if words := r.out.complained(); words != "" && r.server.endedByItself() {
				why += "; it said: " + words
			}
			p.Ended, r.res.Ended = why, why
			p.judge(r.cfg.Expiry > 0)
			r.warn("%s", why)
			r.untried(todo[i+1:])
			return
		}
		if p.Trend.Verdict != "no-leak" {
			todo = append(todo, splitsOf(f, todo)...)
		}
	}
	if ctx.Err() != nil {
		r.warn("the run was interrupted")
		r.untried(todo[r.nth:])
	}
}

// untried names the factors that the run did not come to.
func (r *run) untried(rest []factor) {
	var ids []string
	for _, f := range rest {
		ids = append(ids, f.id)
	}
	if len(ids) > 0 {
		r.warn("not tried any more: %s", strings.Join(ids, ", "))
	}
}

func (r *run) over() string {
	if r.full {
		return "the server had reached the memory limit of " + Bytes(float64(r.cfg.MaxMemory)) + "; --max-memory allows more"
	}
	return "the time was over; --max-time allows more"
}

func splitsOf(f *factor, todo []factor) []factor {
	var parts []factor
	for _, id := range f.splits {
		known := false
		for _, t := range todo {
			known = known || t.id == id
		}
		if part, err := factorsOf([]string{id}); err == nil && !known {
			parts = append(parts, part...)
		}
	}
	return parts
}

func (r *run) warn(format string, args ...any) {
	r.res.Warnings = append(r.res.Warnings, fmt.Sprintf(format, args...))
}

// finish stops all that runs and puts the result together.
func (r *run) finish(ctx context.Context) (*Result, error) {
	r.watch.end()
	r.server.stop()
	res := r.res
	res.Interrupted = ctx.Err() != nil
	res.DurationS = r.elapsed()
	res.Series = r.watch.readings()
	res.remember(r.watch)
	if r.full {
		r.warn("the load was stopped when the server held %s, the limit of the test", Bytes(float64(r.cfg.MaxMemory)))
	}
	if mon := r.watch.mon; mon != nil {
		for _, w := range mon.Warnings {
			if !strings.HasPrefix(w, "undecided") { // its verdict is on memory over time, which is not ours
				res.Warnings = append(res.Warnings, w)
			}
		}
	}
	res.conclude()
	res.check(r.cfg)
	err := r.out.finish(res)
	if r.watch.err != nil {
		err = errors.Join(r.watch.err, err)
	}
	if err == nil && len(res.Phases) == 0 && !res.Interrupted && res.Ended == "" {
		err = errors.New("nothing of what was asked for could be tried on this server")
	}
	return res, err
}

func (r *Result) remember(w *watch) {
	r.Memory = Memory{InitialMB: w.first, FinalMB: w.now, PeakMB: w.peak, GrowthMB: w.now - w.first}
	if w.first > 0 {
		r.Memory.GrowthPercent = 100 * r.Memory.GrowthMB / w.first
	}
}

// tell reports the progress.
func (r *run) tell(state string) {
	if r.cfg.Progress == nil {
		return
	}
	p := Progress{Nth: r.nth, Of: r.of, State: state, Elapsed: time.Since(r.start), Rounds: r.usual()}
	if r.cfg.Rounds > 0 {
		p.Rounds = r.cfg.Rounds
	}
	if c := r.current; c != nil {
		p.Phase, p.Round = c.ID, max(0, len(c.Rounds)-1)
		p.Rounds = max(p.Rounds, p.Round)
		if p.Round > leastRounds {
			p.Latest = c.Sentence()
		}
	}
	if r.watch != nil {
		p.MB = r.watch.memory()
	}
	r.cfg.Progress(p)
}

// collect asks the collector of the runtime to run, where a person said how.
func (r *run) collect(ctx context.Context) {
	if r.cfg.GCSignal != "" {
		if err := process.Signal(r.server.info.ID, r.cfg.GCSignal); err != nil {
			r.once(fmt.Sprintf("asking the collector: sending %s to process %d: %v", r.cfg.GCSignal, r.server.info.PID, err))
		}
	}
	if r.cfg.GCURL == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := r.load.send(ctx, http.MethodGet, r.cfg.GCURL.String(), "", nil); err != nil {
		r.once("asking the collector: " + err.Error())
	}
}

func (r *run) once(warning string) {
	if slices.Contains(r.res.Warnings, warning) {
		return
	}
	r.res.Warnings = append(r.res.Warnings, warning)
}
