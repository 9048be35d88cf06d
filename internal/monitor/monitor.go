// Package monitor watches the memory of processes over time: a row per tick, a
// summary and a verdict at the end.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// Config is the configuration of a run.
type Config struct {
	process.Target                 // the running process to watch
	Command        *launch.Command // started and watched, in place of a Target

	Interval time.Duration
	Duration time.Duration // 0: until the process ends
	Count    int           // number of samples; 0: no limit
	// RestartWait is how long a process that has ended may take to come back
	// under the same Name or Port.
	RestartWait time.Duration
	// Unjudged leaves the verdict to the caller, which knows the load.
	Unjudged bool
}

// MinInterval is the shortest interval; a shorter one would measure mcpdiag.
const MinInterval = 10 * time.Millisecond

// Run samples until ctx is done, the time is over, or all processes have ended.
// It writes each sample to csv and passes it to each; both may be nil. The result
// holds all samples until an error. A command that was started has ended when Run
// returns, and so has everything that it started.
func Run(ctx context.Context, cfg Config, csv io.Writer, each func(*Sample)) (*Result, error) {
	if cfg.Interval < MinInterval {
		return nil, fmt.Errorf("interval %v: the shortest is %v", cfg.Interval, MinInterval)
	}
	r := &run{cfg: cfg, out: newCSV(csv), each: each, start: time.Now()}
	err := r.readSystem(r.start)
	if err != nil {
		return nil, fmt.Errorf("reading the memory of the machine: %w", err)
	}
	defer r.close()
	if err := r.begin(); err != nil {
		return nil, err
	}
	err = r.out.header()
	if err == nil {
		err = r.loop(ctx)
	}
	r.end()
	return r.result(), err
}

// run is one run of the monitor.
type run struct {
	cfg   Config
	out   *csvWriter
	each  func(*Sample)
	start time.Time
	child *launch.Child // when it started the command

	system   process.System
	systemAt time.Time

	targets    []*target // the living ones
	all        []*Process
	endedAt    time.Time // when the last one ended that may be restarted
	searchedAt time.Time
	ticks      int
	missed     int
	notes      []string
}

// begin finds or starts the processes to watch.
func (r *run) begin() error {
	found, err := r.find()
	if err != nil {
		return err
	}
	for _, info := range found {
		if _, err := r.follow(info); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) find() ([]process.Info, error) {
	if r.cfg.Command == nil {
		return r.cfg.Find()
	}
	child, err := launch.Start(*r.cfg.Command)
	if err != nil {
		return nil, err
	}
	r.child = child
	return []process.Info{child.Info}, nil
}

func (r *run) follow(info process.Info) (*target, error) {
	t := &target{summary: newProcess(info, r.start)}
	tree, err := process.Open(info.ID)
	switch {
	case err == nil:
		t.tree = tree
		r.targets = append(r.targets, t)
	case r.child == nil: // the exit status of a command explains that it ended at once
		return nil, err
	}
	r.all = append(r.all, t.summary)
	return t, nil
}

// loop takes a sample at the start and at each multiple of the interval after
// it: a late sample does not delay the next one. Missed ticks are skipped and
// counted.
func (r *run) loop(ctx context.Context) error {
	if r.cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, r.start.Add(r.cfg.Duration))
		defer cancel()
	}
	first := r.firstTick()
	timer := time.NewTimer(first)
	defer timer.Stop()
	for due := int(first / r.cfg.Interval); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-r.childDone():
			return nil
		case <-timer.C:
		}
		if err := r.tick(time.Now()); err != nil {
			return err
		}
		if r.finished() {
			return nil
		}
		next, wait := nextTick(time.Since(r.start), r.cfg.Interval)
		r.missed += next - due - 1
		due = next
		timer.Reset(wait)
	}
}

// firstTick returns the time to the first tick. A command gets a moment to become the program that it runs.
func (r *run) firstTick() time.Duration {
	if r.child == nil {
		return 0
	}
	return min(r.cfg.Interval, 200*time.Millisecond)
}

func (r *run) childDone() <-chan struct{} {
	if r.child == nil {
		return nil
	}
	return r.child.Done()
}

// finished reports whether there is nothing left to sample.
func (r *run) finished() bool {
	if r.ticks == r.cfg.Count {
		return true
	}
	return len(r.targets) == 0 && (r.endedAt.IsZero() || time.Since(r.endedAt) >= r.cfg.RestartWait)
}

// lastTick reports whether no tick follows the one at now, unless something else ends
// the run before.
func (r *run) lastTick(now time.Time) bool {
	elapsed := now.Sub(r.start)
	_, wait := nextTick(elapsed, r.cfg.Interval)
	return r.ticks == r.cfg.Count || r.cfg.Duration > 0 && elapsed+wait >= r.cfg.Duration
}

// nextTick returns the next multiple of interval after elapsed, and the time until then.
func nextTick(elapsed, interval time.Duration) (tick int, wait time.Duration) {
	return int(elapsed/interval) + 1, interval - elapsed%interval
}

// tick samples each living process.
func (r *run) tick(now time.Time) error {
	r.ticks++
	if err := r.readSystem(now); err != nil {
		return fmt.Errorf("reading the memory of the machine: %w", err)
	}
	r.findRestarted(now)
	living, last := r.targets[:0], r.lastTick(now)
	for _, t := range r.targets {
		s, err := t.sample(now, r.system, last)
		switch {
		case errors.Is(err, process.ErrEnded):
			r.drop(t, now)
			continue
		case err != nil:
			return err
		}
		living = append(living, t)
		if err := r.emit(s); err != nil {
			return err
		}
	}
	r.targets = living
	return r.out.flush()
}

func (r *run) emit(s *Sample) error {
	if err := r.out.write(s); err != nil {
		return err
	}
	if r.each != nil {
		r.each(s)
	}
	return nil
}

// systemEvery is how often the memory of the machine is read.
const systemEvery = time.Second

func (r *run) readSystem(now time.Time) (err error) {
	if now.Sub(r.systemAt) < systemEvery {
		return nil
	}
	r.systemAt = now
	r.system, err = process.ReadSystem()
	return err
}
