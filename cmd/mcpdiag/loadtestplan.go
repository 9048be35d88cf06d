package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// planFlags are the flags that override a plan.
type planFlags struct {
	a     *app
	file  string
	stage plan.Stage
	rate  string

	rounds        int
	delay, warmup time.Duration
	protocol      choice
	end           choice
	session       string
	noStream      bool
	think         string

	tools  []string
	args   string
	choice plan.Choice
	fail   []string
}

func (f *planFlags) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.file, "plan", "", "plan file in YAML; flags override it")
	positiveVar(fs, &f.stage.Users, "users", 40, "virtual users; with --rate, the most calls in flight")
	positiveVar(fs, &f.stage.Calls, "calls", 10, "calls of each user, per round")
	durationVar(fs, &f.stage.Duration, "duration", 0, "run for this duration instead of --calls")
	fs.StringVar(&f.rate, "rate", "", "open-loop rate, independent of response times, for --duration (30s): 200/s, 90/m")
	durationVar(fs, &f.stage.RampUp, "ramp-up", 0, "grow the users or the rate linearly over this time")
	durationVar(fs, &f.warmup, "warmup", 0, "make uncounted calls for this time first")
	positiveVar(fs, &f.rounds, "rounds", 1, "rounds, each with new sessions")
	durationVar(fs, &f.delay, "delay", 10*time.Second, "time between rounds")
	fs.StringVar(&f.think, "think", "", "time between the calls of a user: 1s, 0.1s..2s, lognormal:1s,0.5")
	fs.StringArrayVar(&f.tools, "tool", nil, "tool to call, NAME or NAME=WEIGHT; repeatable (default: all suitable tools)")
	fs.StringVar(&f.args, "args", "", "arguments of the tool, a JSON object or @file (default: made up from the input schema)")
	fs.BoolVar(&f.choice.Destructive, "destructive", false, "without --tool: also tools that are declared destructive or open to the world")
	fs.BoolVar(&f.choice.ReadOnly, "read-only", false, "without --tool: only tools that are declared read-only")
	fs.StringVar(&f.session, "session", "user", "one session per user, per call, or per N calls: user, call, N; over stdio also shared: one process for all users")
	fs.BoolVar(&f.noStream, "no-stream", false, "do not open the standalone GET stream of each session, which official clients open")
	choiceVar(cmd, fs, &f.end, "end", "how a session ends", "delete", "abandon", "keep")
	choiceVar(cmd, fs, &f.protocol, "protocol", "MCP revision", append([]string{"auto"}, mcp.Revisions...)...)
	fs.StringArrayVar(&f.fail, "fail", nil, "exit 3 unless this holds: 'p99<500ms', 'errors<1%', 'tool.NAME.p95<2s'; repeatable")
	group(fs, loadGroup, "plan", "users", "calls", "duration", "rate", "ramp-up", "warmup", "rounds", "delay", "think")
	group(fs, callGroup, "tool", "args", "destructive", "read-only")
	group(fs, sessionGroup, "session", "end", "no-stream", "protocol")
	group(fs, verdictGroup, "fail")
	foundMaySet(fs, "users", "calls", "duration", "rate", "ramp-up", "warmup", "rounds", "delay", "think", "session", "end", "no-stream", "protocol", "read-only", "fail")
	paths(fs, "plan")
}

// plan returns the plan of the file with the flags applied.
func (f *planFlags) plan(cmd *cobra.Command) (*plan.Plan, error) {
	p := &plan.Plan{Seed: 1, Grace: plan.DefaultGrace, Delay: f.delay}
	if f.file != "" {
		var err error
		if p, err = plan.Read(f.a.ctx, f.file); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, err
		} else if err != nil {
			return nil, usageError{err}
		}
	}
	// With a file, only the flags on the command line count.
	given := func(names ...string) bool {
		for _, name := range names {
			if f.file == "" || cmd.Flags().Changed(name) {
				return true
			}
		}
		return false
	}
	for _, set := range []func(*plan.Plan, func(...string) bool) error{f.setLoad, f.setSessions, f.setSteps, f.setThresholds} {
		if err := set(p, given); err != nil {
			return nil, usageError{err}
		}
	}
	if cmd.Flags().Changed("calls") && f.stage.Duration > 0 {
		return nil, usagef("--calls and --duration exclude each other: each of them ends the run")
	}
	return p, nil
}

// override sets a value of the plan if its flag was given.
func override[T any](given func(...string) bool, flag string, to *T, v T) {
	if given(flag) {
		*to = v
	}
}

// rateDuration is the default duration of a rate.
const rateDuration = 30 * time.Second

// setLoad sets the number of users, the duration and the rate.
func (f *planFlags) setLoad(p *plan.Plan, given func(...string) bool) (err error) {
	if given("users", "calls", "duration", "rate", "ramp-up") {
		s := f.stage
		if f.rate != "" {
			if s.Rate, err = plan.ParseRate(f.rate); err != nil {
				return fmt.Errorf("--rate: %w", err)
			}
			if s.Duration == 0 {
				s.Duration = rateDuration
			}
		}
		if s.Duration > 0 {
			s.Calls = 0
		}
		if err := s.Check(); err != nil {
			return err
		}
		p.Stages = []plan.Stage{s}
	}
	override(given, "rounds", &p.Rounds, f.rounds)
	override(given, "delay", &p.Delay, f.delay)
	override(given, "warmup", &p.Warmup, f.warmup)
	if given("think") && f.think != "" {
		if p.Think, err = plan.ParseThink(f.think); err != nil {
			return fmt.Errorf("--think: %w", err)
		}
	}
	return nil
}

// sharedSession is the value of --session for one process that all users share.
const sharedSession = "shared"

// setSessions sets how sessions begin and end.
func (f *planFlags) setSessions(p *plan.Plan, given func(...string) bool) (err error) {
	if given("session") && f.session != sharedSession {
		if p.SessionCalls, err = plan.ParseSession(f.session); err != nil {
			return fmt.Errorf("--session: %w, nor %s, for a server over stdio", err, sharedSession)
		}
	}
	override(given, "end", &p.End, plan.End(f.end.value))
	override(given, "no-stream", &p.NoStream, f.noStream)
	override(given, "protocol", &p.Protocol, strings.TrimPrefix(f.protocol.value, "auto"))
	return nil
}

// setSteps sets the calls.
func (f *planFlags) setSteps(p *plan.Plan, given func(...string) bool) error {
	override(given, "destructive", &p.Choice.Destructive, f.choice.Destructive)
	override(given, "read-only", &p.Choice.ReadOnly, f.choice.ReadOnly)
	if p.Choice.Destructive && p.Choice.ReadOnly {
		return errors.New("--destructive and --read-only exclude each other")
	}
	if given("tool") {
		p.Steps = nil
	}
	for _, tool := range f.tools {
		name, weight := weighted(tool)
		p.Steps = append(p.Steps, plan.Step{Kind: plan.CallTool, Name: name, Weight: weight})
	}
	return f.setArguments(p)
}

// weighted splits NAME=WEIGHT. A name may contain =.
func weighted(tool string) (name string, weight int) {
	if i := strings.LastIndexByte(tool, '='); i > 0 {
		if w, err := strconv.Atoi(tool[i+1:]); err == nil && w > 0 {
			return tool[:i], w
		}
	}
	return tool, 1
}

// setArguments sets the arguments of the only tool.
func (f *planFlags) setArguments(p *plan.Plan) error {
	switch {
	case f.args == "":
		return nil
	case len(f.tools) > 1:
		return errors.New("--args is for one --tool; a --plan has arguments for each")
	}
	data, err := f.a.argumentsOf(f.args)
	if err != nil {
		return err
	}
	args, err := plan.ParseArgs(data)
	if err != nil {
		return fmt.Errorf("--args: %w", err)
	}
	if len(f.tools) == 0 {
		return errors.New("--args needs --tool")
	}
	p.Steps[0].Args = args
	return nil
}

// setThresholds adds the thresholds of the flags to those of the file.
func (f *planFlags) setThresholds(p *plan.Plan, _ func(...string) bool) error {
	for _, text := range f.fail {
		t, err := plan.ParseThreshold(text)
		if err != nil {
			return fmt.Errorf("--fail: %w", err)
		}
		p.Thresholds = append(p.Thresholds, t)
	}
	return nil
}
