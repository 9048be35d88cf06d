package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/knee"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// kneeFlags are the flags of the search for the knee.
type kneeFlags struct {
	find     bool
	maxUsers int
	slo      string
	step     time.Duration
}

func (k *kneeFlags) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&k.find, "find-knee", false, "grow the users, or the --rate, until throughput stops growing")
	positiveVar(fs, &k.maxUsers, "max-users", 1000, "with --find-knee: the most users, or calls in flight")
	fs.StringVar(&k.slo, "slo", "", "with --find-knee: find the highest load at which this holds: 'p99<500ms,errors<1%'")
	durationVar(fs, &k.step, "step", 2*time.Second, "with --find-knee: shortest measurement per load; up to ten times that for enough calls")
	group(fs, "Capacity", "find-knee", "max-users", "slo", "step")
	foundMaySet(fs, "max-users", "slo", "step")
}

// most returns the largest number of users of a search, 0 without one.
func (k *kneeFlags) most() int {
	if k.find {
		return k.maxUsers
	}
	return 0
}

// Sampling of a level: enough calls for a 99th percentile, and steadiness.
const (
	levelCalls  = 200
	levelSteady = 0.1
	levelMost   = 10 // times --step
	minStep     = 100 * time.Millisecond
)

// config returns the configuration of the search, nil without --find-knee.
func (k *kneeFlags) config(cmd *cobra.Command) (*knee.Config, error) {
	if !k.find {
		for _, name := range []string{"max-users", "slo", "step"} {
			if cmd.Flags().Changed(name) {
				return nil, usagef("--%s needs --find-knee", name)
			}
		}
		return nil, nil //nolint:nilnil // there is no search
	}
	for _, name := range []string{"users", "calls", "duration", "rounds", "ramp-up", "warmup", "fail"} {
		if cmd.Flags().Changed(name) {
			return nil, usagef("--find-knee sets the load itself: it excludes --%s", name)
		}
	}
	cfg := &knee.Config{MaxUsers: k.maxUsers, Text: k.slo}
	if k.maxUsers > plan.MaxUsers {
		return nil, usagef("--max-users must be at most %d", plan.MaxUsers)
	}
	if k.step < minStep {
		return nil, usagef("--step must be at least %s", minStep)
	}
	cfg.Sampling = result.Sampling{Settle: k.step / 4, Least: k.step, Most: levelMost * k.step, Calls: levelCalls, Relative: levelSteady}
	if k.slo != "" {
		var err error
		if cfg.Objectives, err = plan.ParseObjectives(k.slo); err != nil {
			return nil, usagef("--slo: %w", err)
		}
	}
	return cfg, nil
}

// findKnee searches for the knee and writes the result. Each measured level is
// printed on standard error.
func (l *loader) findKnee(ctx context.Context, runner *engine.Runner, cfg *knee.Config) error {
	if stages := runner.Plan().Stages; len(stages) > 0 {
		cfg.Rate = stages[0].Rate
	}
	cfg.Starting = func(level result.Level) { l.live.At(level.String()) }
	cfg.Measured = func(s knee.Step) {
		l.view.clear()
		l.a.note("%s", s.Line())
	}
	k, err := knee.Find(ctx, runner.RunStep, *cfg)
	l.view.clear()
	if err != nil {
		return err
	}
	l.a.warn(k.Warnings...)
	k.Describe(runner.Describe())
	return l.a.conclude(l.output, l.format.value, k)
}
