package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiag/mcpdiag/internal/loadtest"
	"github.com/mcpdiag/mcpdiag/internal/report"
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
func (k *kneeFlags) config(cmd *cobra.Command) (*loadtest.KneeConfig, error) {
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
	cfg := &loadtest.KneeConfig{MaxUsers: k.maxUsers, Text: k.slo}
	if k.maxUsers > loadtest.MaxUsers {
		return nil, usagef("--max-users is at most %d", loadtest.MaxUsers)
	}
	if k.step < 100*time.Millisecond {
		return nil, usagef("--step is at least 100ms")
	}
	cfg.Enough = loadtest.Sampling{Settle: k.step / 4, Least: k.step, Most: levelMost * k.step, Calls: levelCalls, Relative: levelSteady}
	if k.slo != "" {
		var err error
		if cfg.Objectives, err = loadtest.ParseObjectives(k.slo); err != nil {
			return nil, usagef("--slo: %w", err)
		}
	}
	return cfg, nil
}

// findKnee searches and writes what it found.
func (l *loader) findKnee(ctx context.Context, runner *loadtest.Runner, cfg *loadtest.KneeConfig) error {
	if stages := runner.Plan().Stages; len(stages) > 0 {
		cfg.Rate = stages[0].Rate
	}
	if l.a.live() {
		cfg.Progress = l.level()
	}
	knee, err := loadtest.FindKnee(ctx, runner, *cfg)
	l.view.clear()
	if err != nil {
		return err
	}
	runner.Describe(knee)
	l.a.warn(knee.Warnings...)
	if err := l.a.writeResult(l.output, l.format.value, knee); err != nil {
		return err
	}
	switch knee.Verdict {
	case loadtest.VerdictFailed:
		return errors.New("no call succeeded")
	case loadtest.VerdictCrossed:
		return errFinding
	case loadtest.VerdictWithheld:
		return errors.New("no verdict: " + strings.Join(knee.Reasons, "; "))
	case loadtest.VerdictOK:
	}
	return nil
}

// level returns what shows the level that is tried and those that were.
func (l *loader) level() func(loadtest.Level, []loadtest.KneeStep) {
	shown := 0
	return func(level loadtest.Level, done []loadtest.KneeStep) {
		l.live.At(level)
		if len(done) > shown {
			shown = len(done)
			l.view.clear()
			for i := range done {
				if done[i].Level == l.tried {
					fmt.Fprintln(l.a.stderr, report.Line(done[i].Line()))
				}
			}
		}
		l.tried = level
	}
}
