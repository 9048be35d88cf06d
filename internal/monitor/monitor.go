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
)

// Config says what to watch, and how long.
type Config struct {
	PID   int           // the process, or
	Name  string        // what its name, executable or arguments contain
	Match process.Match // which, when Name means several

	Interval time.Duration
	Duration time.Duration // 0: until the process ends
	Count    int           // samples; 0: no limit
}

// MinInterval is the shortest interval; a shorter one would measure mcpdiag.
const MinInterval = 10 * time.Millisecond

// Run samples until ctx is done, the time is over, or all processes have ended.
// Each sample goes to csv, when there is one, and to each, when there is one.
// The result is there even when an error is: it holds what was seen until then.
func Run(ctx context.Context, cfg Config, csv io.Writer, each func(Sample)) (*Result, error) {
	if cfg.Interval < MinInterval {
		return nil, fmt.Errorf("interval %v: the shortest is %v", cfg.Interval, MinInterval)
	}
	system, err := process.ReadSystem()
	if err != nil {
		return nil, fmt.Errorf("reading the memory of the machine: %w", err)
	}
	found, err := cfg.find()
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, out: newCSV(csv), each: each, system: system, start: time.Now()}
	defer r.close()
	for _, info := range found {
		if err := r.follow(info); err != nil {
			return nil, err
		}
	}
	err = r.loop(ctx)
	return r.result(), err
}

func (c Config) find() ([]process.Info, error) {
	if c.PID != 0 {
		info, err := process.Lookup(c.PID)
		return []process.Info{info}, err
	}
	if c.Name == "" {
		return nil, errors.New("which process? name it with --pid or --name")
	}
	found, err := process.Find(c.Name)
	if err != nil {
		return nil, err
	}
	return process.Choose(c.Name, found, c.Match)
}

// run is one run of the monitor.
type run struct {
	cfg     Config
	out     *csvWriter
	each    func(Sample)
	system  process.System
	start   time.Time
	targets []*target // those that live
	all     []*target
	ticks   int
	missed  int
}

// target is one process with its descendants.
type target struct {
	tree    *process.Tree
	summary Process
}

func (r *run) follow(info process.Info) error {
	tree, err := process.Open(info.ID)
	if err != nil {
		return err
	}
	t := &target{tree: tree, summary: Process{Info: info, Command: info.Command()}}
	r.targets = append(r.targets, t)
	r.all = append(r.all, t)
	return nil
}

func (r *run) close() {
	for _, t := range r.targets {
		t.tree.Close()
	}
}

// loop takes a sample at the start and at each multiple of the interval after
// it: a late sample does not move the next one. Ticks that are over already are
// left out and counted.
func (r *run) loop(ctx context.Context) error {
	if r.cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, r.start.Add(r.cfg.Duration))
		defer cancel()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := r.tick(time.Now()); err != nil {
			return err
		}
		if len(r.targets) == 0 || r.ticks == r.cfg.Count {
			return nil
		}
		next, wait := nextTick(time.Since(r.start), r.cfg.Interval)
		r.missed += next - due - 1
		due = next
		timer.Reset(wait)
	}
}

// nextTick says which multiple of interval comes after elapsed, and how long it is until then.
func nextTick(elapsed, interval time.Duration) (tick int, wait time.Duration) {
	return int(elapsed/interval) + 1, interval - elapsed%interval
}

// tick samples each living process.
func (r *run) tick(now time.Time) error {
	r.ticks++
	living := r.targets[:0]
	for _, t := range r.targets {
		s, err := t.sample(now, r.system)
		if errors.Is(err, process.ErrEnded) {
			t.summary.Ended = true
			t.tree.Close()
			continue
		}
		if err != nil {
			return err
		}
		living = append(living, t)
		if err := r.out.write(s); err != nil {
			return err
		}
		if r.each != nil {
			r.each(s)
		}
	}
	r.targets = living
	return r.out.flush()
}

func (t *target) sample(now time.Time, system process.System) (Sample, error) {
	m, err := t.tree.Read()
	if err != nil {
		return Sample{}, err
	}
	s := Sample{
		At: now, PID: t.summary.PID, Children: m.Children,
		RSS: mb(m.Self.RSS), VMS: mb(m.Self.VMS), RSSTotal: mb(m.Total.RSS), VMSTotal: mb(m.Total.VMS),
		Percent: 100 * float64(m.Self.RSS) / float64(system.Total),
	}
	t.summary.add(s)
	return s, nil
}

func mb(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
