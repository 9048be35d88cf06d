package knee

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config configures a search.
type Config struct {
	MaxUsers   int
	Rate       float64 // first rate, in calls per second; 0 grows the users
	Objectives []plan.Threshold
	Text       string // of the objectives
	Sampling   result.Sampling
	// Starting, if set, is called before each measurement.
	Starting func(level result.Level)
	// Measured, if set, is called after each measurement.
	Measured func(step Step)
}

// Measure measures one level.
type Measure func(ctx context.Context, level result.Level, sampling result.Sampling) (result.StepResult, error)

// confirmations is how many levels after the first one on the plateau must be on it
// too, so that noise is not taken for a plateau.
const confirmations = 2

// search is a search in progress.
type search struct {
	*Knee
	cfg     *Config
	measure Measure
}

// Find grows the load until throughput no longer grows, or up to the most users,
// and narrows down the load at which an objective begins to fail.
func Find(ctx context.Context, measure Measure, cfg Config) (*Knee, error) {
	s := &search{Knee: &Knee{Schema: Schema, StartedAt: time.Now()}, cfg: &cfg, measure: measure}
	if err := s.grow(ctx); err != nil {
		return s.Knee, err
	}
	if len(cfg.Objectives) > 0 {
		s.Objective = &Objective{Text: cfg.Text}
		if err := errors.Join(s.recheck(ctx), s.bisect(ctx), s.recheck(ctx)); err != nil {
			return s.Knee, err
		}
		s.Objective.LastPassing, s.Objective.FirstFailing = s.bracket()
	}
	s.Interrupted = ctx.Err() != nil
	s.judge()
	return s.Knee, nil
}

// grow measures levels until the plateau is confirmed and, if there are objectives,
// one of them has failed.
func (s *search) grow(ctx context.Context) error {
	level := result.Level{Users: 1}
	if s.cfg.Rate > 0 {
		level = result.Level{Users: s.cfg.MaxUsers, Rate: s.cfg.Rate}
	}
	if err := s.warmUp(ctx, level); err != nil {
		return err
	}
	for more := true; more && ctx.Err() == nil; {
		step, err := s.try(ctx, level)
		if err != nil {
			return err
		}
		failed := len(s.cfg.Objectives) == 0 || len(step.Crossed) > 0
		if p, _ := s.plateauStart(); p >= 0 && len(s.Steps)-p > confirmations && failed || step.Limit || mostFailed(&step) {
			return nil
		}
		level, more = level.Next(s.cfg.MaxUsers)
	}
	return nil
}

// warmUp runs the first level without counting it: loading and compiling code in the
// first calls would make the lowest load look slow.
func (s *search) warmUp(ctx context.Context, level result.Level) error {
	d := s.cfg.Sampling.Least / 2
	r, err := s.measure(ctx, level, result.Sampling{Least: d, Most: d})
	if err != nil {
		return fmt.Errorf("warming up at %s: %w", level, err)
	}
	if r.Interrupted {
		s.Unfinished = &Step{StepResult: r}
	}
	return nil
}

// mostFailed reports whether so many calls failed that more load shows nothing.
func mostFailed(s *Step) bool { return s.ErrorShare > 0.5 }

// contradicted returns the levels that failed an objective which a higher load held.
func (k *Knee) contradicted() []result.Level {
	var found []result.Level
	held := false
	for _, s := range slices.Backward(k.Steps) {
		if len(s.Crossed) > 0 && held {
			found = append(found, s.Level)
		}
		held = held || len(s.Crossed) == 0
	}
	return found
}

// recheck measures contradicted levels again.
func (s *search) recheck(ctx context.Context) error {
	for _, level := range s.contradicted() {
		before := slices.Clone(s.Steps)
		s.Steps = slices.DeleteFunc(s.Steps, func(s Step) bool { return s.Level == level })
		measured := len(s.Steps)
		if _, err := s.try(ctx, level); err != nil {
			return err
		}
		if len(s.Steps) == measured {
			s.Steps = before // the run ended during the measurement
		}
	}
	return nil
}

// try measures one level. A level that fails an objective, or that the generator
// could not produce, is measured twice: a single bad moment is not a limit.
func (s *search) try(ctx context.Context, level result.Level) (Step, error) {
	var step Step
	for range 2 {
		if s.cfg.Starting != nil {
			s.cfg.Starting(level)
		}
		r, err := s.measure(ctx, level, s.cfg.Sampling)
		if err != nil {
			return step, fmt.Errorf("at %s: %w", level, err)
		}
		step = newStep(r, s.cfg.Objectives)
		if len(step.Crossed) == 0 && !step.Limit || ctx.Err() != nil {
			break
		}
	}
	if step.Interrupted {
		s.Unfinished = &step
	}
	if step.Calls > 0 && !step.Interrupted {
		s.Steps = append(s.Steps, step)
		slices.SortStableFunc(s.Steps, func(a, b Step) int { return a.Compare(b.Level) })
		if s.cfg.Measured != nil {
			s.cfg.Measured(step)
		}
	}
	return step, nil
}

func newStep(r result.StepResult, objectives []plan.Threshold) Step {
	step := Step{StepResult: r}
	if r.InFlight > 0 && r.ErrorShare < 1 {
		step.Little = r.Throughput * r.Mean / 1000 / (1 - r.ErrorShare) / r.InFlight
	}
	for _, o := range objectives {
		if !o.Holds(r.Metric(o.Metric)) {
			step.Crossed = append(step.Crossed, o.Text)
		}
	}
	return step
}

// bisect narrows down the load at which the objectives begin to fail.
func (s *search) bisect(ctx context.Context) error {
	for ctx.Err() == nil {
		pass, fail := s.bracket()
		if pass == nil || fail == nil {
			return nil
		}
		level, ok := between(*pass, *fail)
		if !ok {
			return nil
		}
		if _, err := s.try(ctx, level); err != nil {
			return err
		}
	}
	return nil
}

// between returns the level in the middle of two, and whether they are far enough
// apart for one.
func between(a, b result.Level) (result.Level, bool) {
	const near = 0.05
	if b.Load()-a.Load() <= near*b.Load() {
		return result.Level{}, false
	}
	if a.Rate > 0 {
		return result.Level{Users: a.Users, Rate: (a.Rate + b.Rate) / 2}, true
	}
	return result.Level{Users: (a.Users + b.Users) / 2}, b.Users-a.Users > 1
}

// bracket returns the first level that failed, and the last one before it.
func (k *Knee) bracket() (pass, fail *result.Level) {
	for _, s := range k.Steps {
		level := s.Level
		if len(s.Crossed) > 0 {
			return pass, &level
		}
		pass = &level
	}
	return pass, nil
}

// Line formats the step on one line.
func (s *Step) Line() string {
	return fmt.Sprintf("%14s  %10.1f calls/s  p50 %s  p99 %s  errors %s", s.Level, s.Throughput, report.Millis(s.P50), report.Millis(s.P99), report.Percent(s.ErrorShare))
}
