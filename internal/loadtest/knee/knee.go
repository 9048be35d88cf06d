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

// Schema names the form of the JSON of a Knee.
const Schema = "mcpdiag.loadtest.knee/1"

// Knee is where a server bends: what each level of load measured, and what that comes to.
type Knee struct {
	Schema    string         `json:"schema"`
	StartedAt time.Time      `json:"startedAt"`
	Verdict   result.Verdict `json:"verdict"`
	Reasons   []string       `json:"reasons,omitempty"`
	URL       string         `json:"url"`
	Server    string         `json:"server,omitempty"`
	Protocol  string         `json:"protocol"`
	Tool      string         `json:"tool"`

	Steps       []Step     `json:"steps"` // in the order of their load
	Objective   *Objective `json:"objective,omitempty"`
	Plateau     *Plateau   `json:"plateau,omitempty"` // absent where throughput kept growing
	Interrupted bool       `json:"interrupted,omitempty"`
	Warnings    []string   `json:"warnings,omitempty"`
}

// Step is a level and what it showed.
type Step struct {
	result.StepResult
	Little  float64  `json:"little"`            // throughput × mean latency over calls in flight: 1 where the generator counts right
	Crossed []string `json:"crossed,omitempty"` // objectives
}

// Objective is what the server holds of a service objective.
type Objective struct {
	Text         string        `json:"text"`
	LastPassing  *result.Level `json:"lastPassing,omitempty"`  // absent where even the least load failed
	FirstFailing *result.Level `json:"firstFailing,omitempty"` // absent where none did
}

// Plateau is where more load gave no more throughput.
type Plateau struct {
	At         result.Level `json:"at"`         // the first level on it
	Why        string       `json:"why"`        // which of the rules said so
	Throughput float64      `json:"throughput"` // calls a second, the most there is
	Knee       float64      `json:"knee"`       // users at which a server that served them unhindered would reach it
	Low        result.Level `json:"low"`        // the knee lies between these two levels
	High       result.Level `json:"high"`
}

// Config says how to look for the knee.
type Config struct {
	MaxUsers   int
	Rate       float64 // the first rate, calls a second; 0 is growing users
	Objectives []plan.Threshold
	Text       string // of the objectives
	Enough     result.Sampling
	Progress   func(level result.Level, done []Step)
}

// levels after the first one on the plateau that must be on it too: noise is no plateau.
const confirm = 2

// Find grows the load until it makes no difference any more, or to the
// most users, and narrows down where an objective begins to fail.
func Find(ctx context.Context, s Measure, cfg Config) (*Knee, error) {
	k := &Knee{Schema: Schema, StartedAt: time.Now()}
	if err := k.grow(ctx, s, &cfg); err != nil {
		return k, err
	}
	if len(cfg.Objectives) > 0 {
		k.Objective = &Objective{Text: cfg.Text}
		if err := errors.Join(k.recheck(ctx, s, &cfg), k.bisect(ctx, s, &cfg), k.recheck(ctx, s, &cfg)); err != nil {
			return k, err
		}
		k.Objective.LastPassing, k.Objective.FirstFailing = k.bracket()
	}
	k.Interrupted = ctx.Err() != nil
	k.judge()
	return k, nil
}

// grow tries levels until the plateau is sure and, where there are objectives,
// one of them has failed.
func (k *Knee) grow(ctx context.Context, s Measure, cfg *Config) error {
	level := result.Level{Users: 1}
	if cfg.Rate > 0 {
		level = result.Level{Users: cfg.MaxUsers, Rate: cfg.Rate}
	}
	if err := warm(ctx, s, cfg, level); err != nil {
		return err
	}
	for ctx.Err() == nil {
		step, err := k.try(ctx, s, cfg, level)
		if err != nil {
			return err
		}
		failed := len(cfg.Objectives) == 0 || len(step.Crossed) > 0
		if p := k.plateau(); p >= 0 && len(k.Steps)-p > confirm && failed || step.Limit || hopeless(step) {
			return nil
		}
		next, ok := level.Next(cfg.MaxUsers)
		if !ok {
			return nil
		}
		level = next
	}
	return nil
}

// warm has the server meet the first level, uncounted: what it loads and compiles
// at its first calls would have the least load look slow.
func warm(ctx context.Context, s Measure, cfg *Config, level result.Level) error {
	if _, err := s(ctx, level, result.Sampling{Least: cfg.Enough.Least / 2, Most: cfg.Enough.Least / 2}); err != nil {
		return fmt.Errorf("warming up at %s: %w", level, err)
	}
	return nil
}

// contradicted are levels that crossed an objective which a greater load held.
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

// recheck measures the levels that contradict greater ones again.
func (k *Knee) recheck(ctx context.Context, s Measure, cfg *Config) error {
	for _, level := range k.contradicted() {
		before := slices.Clone(k.Steps)
		k.Steps = slices.DeleteFunc(k.Steps, func(s Step) bool { return s.Level == level })
		measured := len(k.Steps)
		if _, err := k.try(ctx, s, cfg, level); err != nil {
			return err
		}
		if len(k.Steps) == measured {
			k.Steps = before // the run ended in it
		}
	}
	return nil
}

// hopeless reports whether nothing can be learnt from still more load.
func hopeless(s Step) bool { return s.ErrorShare > 0.5 }

// try measures one level; one that crosses an objective, or that the generator
// could not make, gets a second chance: a single bad moment is not a limit.
func (k *Knee) try(ctx context.Context, s Measure, cfg *Config, level result.Level) (Step, error) {
	var step Step
	for range 2 {
		if cfg.Progress != nil {
			cfg.Progress(level, k.Steps)
		}
		r, err := s(ctx, level, cfg.Enough)
		if err != nil {
			return step, fmt.Errorf("at %s: %w", level, err)
		}
		step = newStep(r, cfg.Objectives)
		if len(step.Crossed) == 0 && !step.Limit || ctx.Err() != nil {
			break
		}
	}
	if step.Calls > 0 && !step.Interrupted {
		k.Steps = append(k.Steps, step)
		slices.SortStableFunc(k.Steps, func(a, b Step) int { return a.Compare(b.Level) })
	}
	return step, nil
}

func newStep(r result.StepResult, objectives []plan.Threshold) Step {
	step := Step{StepResult: r}
	if r.InFlight > 0 {
		step.Little = r.Throughput * r.Mean / 1000 / (1 - r.ErrorShare) / r.InFlight
	}
	for _, o := range objectives {
		if !o.Holds(r.Metric(o.Metric)) {
			step.Crossed = append(step.Crossed, o.Text)
		}
	}
	return step
}

// between is the level in the middle of two, and whether they are far enough apart for one.
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

// bisect narrows down where the objectives begin to fail.
func (k *Knee) bisect(ctx context.Context, s Measure, cfg *Config) error {
	for ctx.Err() == nil {
		pass, fail := k.bracket()
		if pass == nil || fail == nil {
			break
		}
		level, ok := between(*pass, *fail)
		if !ok {
			break
		}
		if _, err := k.try(ctx, s, cfg, level); err != nil {
			return err
		}
	}
	return nil
}

// bracket is the last level before the first one that failed, and that one.
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

// Line is what a level showed, on a line.
func (s *Step) Line() string {
	return fmt.Sprintf("%14s  %10.1f calls/s  p50 %s  p99 %s  errors %s", s.Level, s.Throughput, report.Millis(s.P50), report.Millis(s.P99), report.Percent(s.ErrorShare))
}

// Describe copies the server's name and address from res.
func (k *Knee) Describe(res *result.Result) {
	k.URL, k.Server, k.Protocol, k.Tool = res.URL, res.Server, res.Protocol, res.Tool
	k.Warnings = append(res.Warnings, k.Warnings...)
}

// Measure measures one level of a search.
type Measure func(ctx context.Context, level result.Level, enough result.Sampling) (result.StepResult, error)
