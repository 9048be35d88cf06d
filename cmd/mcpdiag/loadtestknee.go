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

// kneeFlags are the flags of the search for where the server bends.
type kneeFlags struct {
	find     bool
	maxUsers int
	slo      string
	step     time.Duration
}

func (k *kneeFlags) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&k.find, "find-knee", false, "let the users, or the --rate, grow until the server bends")
	positiveVar(fs, &k.maxUsers, "max-users", 1000, "with --find-knee: the most users, or calls in flight")
	fs.StringVar(&k.slo, "slo", "", "with --find-knee: find the most load at which this holds: 'p99<500ms,errors<1%'")
	durationVar(fs, &k.step, "step", 2*time.Second, "with --find-knee: the least time at each load, up to ten times that until there is enough to see")
	group(fs, "Capacity", "find-knee", "max-users", "slo", "step")
	foundMaySet(fs, "find-knee", "max-users", "slo", "step")
}

// most is how many users there are at most.
func (k *kneeFlags) most() int {
	if k.find {
		return k.maxUsers
	}
	return 0
}

// Of a level of the search: how many calls make a 99th percentile, and how
// steady it must be.
const (
	levelCalls  = 200
	levelSteady = 0.1
	levelMost   = 10 // times --step
)

// config is what the flags say, nil where no search is wanted.
func (k *kneeFlags) config(cmd *cobra.Command) (*knee.Config, error) {
	if !k.find {
		for _, name := range []string{"max-users", "slo", "step"} {
			if cmd.Flags().Changed(name) {
				return nil, usagef("--%s goes with --find-knee", name)
			}
		}
		return nil, nil //nolint:nilnil // nothing is searched
	}
	for _, name := range []string{"users", "calls", "duration", "rounds", "ramp-up", "warmup", "fail"} {
		if cmd.Flags().Changed(name) {
			return nil, usagef("--find-knee decides the load itself: it does not go with --%s", name)
		}
	}
	cfg := &knee.Config{MaxUsers: k.maxUsers, Text: k.slo}
	if k.maxUsers > plan.MaxUsers {
		return nil, usagef("--max-users is at most %d", plan.MaxUsers)
	}
	if k.step < 100*time.Millisecond {
		return nil, usagef("--step is at least 100ms")
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

// findKnee searches and writes what it found.
func (l *loader) findKnee(ctx context.Context, runner *engine.Runner, cfg *knee.Config) error {
	if stages := runner.Plan().Stages; len(stages) > 0 {
		cfg.Rate = stages[0].Rate
	}
	cfg.Measured = func(s knee.Step) {
		l.view.clear()
		l.a.note("%s", s.Line())
	}
	if l.a.live() {
		cfg.Starting = func(level result.Level) { l.live.At(level.String()) }
	}
	k, err := knee.Find(ctx, runner.RunStep, *cfg)
	l.view.clear()
	if err != nil {
		return err
	}
	k.Describe(runner.Describe())
	l.a.warn(k.Warnings...)
	return l.a.conclude(l.output, l.format.value, k)
}
