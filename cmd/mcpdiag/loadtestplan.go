package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// planFlags are the flags that say what the users do.
type planFlags struct {
	file  string
	stage plan.Stage
	rate  string

	rounds        int
	delay, warmup time.Duration
	seed          uint64
	protocol      choice
	arrivals      choice
	end           choice
	session       string
	think, burst  string

	tools, resources, prompts []string
	args                      string
	destructive               bool

	fail        []string
	abortOnFail bool
	grace       time.Duration
}

func (f *planFlags) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.file, "plan", "", "what the users do, a YAML file; flags override it (\"mcpdiag loadtest init\" writes one)")
	positiveVar(fs, &f.stage.Users, "users", 40, "virtual users; with --rate, the most calls in flight")
	positiveVar(fs, &f.stage.Calls, "calls", 10, "calls of each user, in each round")
	durationVar(fs, &f.stage.Duration, "duration", 0, "let the users make calls for so long, instead of --calls")
	fs.StringVar(&f.rate, "rate", "", "start so many calls a second, whatever the answers do, for --duration (30s): 200/s, 90/m")
	choiceVar(cmd, fs, &f.arrivals, "arrivals", "with --rate: calls come evenly or at random", "constant", "poisson")
	durationVar(fs, &f.stage.RampUp, "ramp-up", 0, "let the users, or the rate, grow for so long")
	durationVar(fs, &f.warmup, "warmup", 0, "make calls for so long that are not counted, first")
	positiveVar(fs, &f.rounds, "rounds", 1, "rounds")
	durationVar(fs, &f.delay, "delay", 10*time.Second, "time between rounds")
	fs.StringVar(&f.think, "think", "", "how long a user waits between calls: 1s, 0.1s..2s, lognormal:1s,0.5")
	fs.StringVar(&f.burst, "burst", "", "a user makes calls without waiting, then rests: 10/30s")
	fs.StringVar(&f.session, "session", "user", "a session lasts for all calls of a user, for a call, or for so many calls: user, call or a number")
	choiceVar(cmd, fs, &f.end, "end", "what becomes of a session that is over", "delete", "abandon", "keep")
	choiceVar(cmd, fs, &f.protocol, "protocol", "MCP revision to speak", append([]string{"auto"}, mcp.Revisions...)...)
	fs.StringArrayVar(&f.tools, "tool", nil, "a tool to call, NAME or NAME=WEIGHT; repeatable (all that the server offers)")
	fs.StringVar(&f.args, "args", "", "arguments of the tool, a JSON object or @file (made from the tool's input schema)")
	fs.StringArrayVar(&f.resources, "resource", nil, "a resource to read, its URI; repeatable")
	fs.StringArrayVar(&f.prompts, "prompt", nil, "a prompt to get; repeatable")
	fs.BoolVar(&f.destructive, "destructive", false, "without --tool: also the tools that the server calls destructive or open to the world")
	fs.Uint64Var(&f.seed, "seed", 1, "seed of all that is drawn: steps, arguments, think times, arrivals")
	fs.StringArrayVar(&f.fail, "fail", nil, "a threshold, else exit code 3: 'p99<500ms', 'errors<1%', 'tool.NAME.p95<2s'; repeatable")
	fs.BoolVar(&f.abortOnFail, "abort-on-fail", false, "end the run when a threshold is crossed")
	durationVar(fs, &f.grace, "grace", 5*time.Second, "with --abort-on-fail: but not before so much was measured")
	group(fs, "Load", "plan", "users", "calls", "duration", "rate", "arrivals", "ramp-up", "warmup", "rounds", "delay", "think", "burst", "seed")
	group(fs, "Sessions", "session", "end", "protocol")
	group(fs, "Calls", "tool", "args", "resource", "prompt", "destructive")
	group(fs, "Thresholds and comparison", "fail", "abort-on-fail", "grace")
	foundMaySet(fs, "users", "calls", "duration", "rate", "arrivals", "ramp-up", "warmup", "rounds", "delay", "think", "burst", "seed",
		"session", "end", "protocol", "fail", "abort-on-fail", "grace")
	paths(fs, "plan")
}

// plan is what the file says, with what the flags say in its place.
func (f *planFlags) plan(cmd *cobra.Command) (*plan.Plan, error) {
	p := &plan.Plan{}
	if f.file != "" {
		var err error
		if p, err = plan.Read(f.file); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, err
		} else if err != nil {
			return nil, usageError{err}
		}
	}
	// A flag that nobody gave says nothing where there is a file.
	given := func(names ...string) bool {
		for _, name := range names {
			if f.file == "" || cmd.Flags().Changed(name) {
				return true
			}
		}
		return false
	}
	for _, set := range []func(*plan.Plan, func(...string) bool) error{f.load, f.manner, f.steps, f.thresholds} {
		if err := set(p, given); err != nil {
			return nil, usageError{err}
		}
	}
	if stages := cmd.Flags().Changed("calls") && f.stage.Duration > 0; stages {
		return nil, usagef("--calls and --duration exclude each other: either ends the run")
	}
	return p, nil
}

// rateDuration is how long calls come at a rate that does not say it.
const rateDuration = 30 * time.Second

// load sets how many users there are, for how long, or the rate.
func (f *planFlags) load(p *plan.Plan, given func(...string) bool) (err error) {
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
	if given("rounds") {
		p.Rounds = f.rounds
	}
	if given("delay") {
		p.Delay = f.delay
	}
	if given("warmup") {
		p.Warmup = f.warmup
	}
	return nil
}

// manner sets how the users go about it.
func (f *planFlags) manner(p *plan.Plan, given func(...string) bool) (err error) {
	if given("think") && f.think != "" {
		if p.Think, err = plan.ParseThink(f.think); err != nil {
			return fmt.Errorf("--think: %w", err)
		}
	}
	if given("burst") && f.burst != "" {
		if p.Burst, err = plan.ParseBurst(f.burst); err != nil {
			return fmt.Errorf("--burst: %w", err)
		}
	}
	if given("session") {
		if p.SessionCalls, err = plan.ParseSession(f.session); err != nil {
			return fmt.Errorf("--session: %w", err)
		}
	}
	if given("end") {
		p.End = plan.End(f.end.value)
	}
	if given("arrivals") {
		p.Poisson = f.arrivals.value == "poisson"
	}
	if given("seed") {
		p.Seed = f.seed
	}
	if given("protocol") {
		p.Protocol = strings.TrimPrefix(f.protocol.value, "auto")
	}
	return nil
}

// steps sets what is called.
func (f *planFlags) steps(p *plan.Plan, given func(...string) bool) error {
	if given("destructive") {
		p.Destructive = f.destructive
	}
	if given("tool", "resource", "prompt") {
		p.Steps = nil
	}
	for _, tool := range f.tools {
		name, weight := weighted(tool)
		p.Steps = append(p.Steps, plan.Step{Kind: plan.CallTool, Name: name, Weight: weight})
	}
	for _, uri := range f.resources {
		p.Steps = append(p.Steps, plan.Step{Kind: plan.ReadResource, Name: uri, Weight: 1})
	}
	for _, name := range f.prompts {
		p.Steps = append(p.Steps, plan.Step{Kind: plan.GetPrompt, Name: name, Weight: 1})
	}
	return f.arguments(p)
}

// weighted takes apart NAME=WEIGHT. A name may have = in it.
func weighted(tool string) (name string, weight int) {
	if i := strings.LastIndexByte(tool, '='); i > 0 {
		if w, err := strconv.Atoi(tool[i+1:]); err == nil && w > 0 {
			return tool[:i], w
		}
	}
	return tool, 1
}

// arguments gives the only tool what --args says.
func (f *planFlags) arguments(p *plan.Plan) error {
	if f.args == "" {
		return nil
	}
	if len(f.tools)+len(f.prompts) > 1 {
		return errors.New("--args is for one --tool or --prompt; a --plan has arguments for each")
	}
	data := []byte(f.args)
	if file, ok := strings.CutPrefix(f.args, "@"); ok {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return fmt.Errorf("reading --args: %w", err)
		}
	}
	args, err := plan.ParseArgs(data)
	if err != nil {
		return fmt.Errorf("--args: %w", err)
	}
	if len(f.tools)+len(f.prompts) == 0 {
		return errors.New("--args wants --tool")
	}
	for i := range p.Steps {
		if p.Steps[i].Kind != plan.ReadResource {
			p.Steps[i].Args = args
		}
	}
	return nil
}

// thresholds adds those of the flags to those of the file.
func (f *planFlags) thresholds(p *plan.Plan, given func(...string) bool) error {
	for _, text := range f.fail {
		t, err := plan.ParseThreshold(text)
		if err != nil {
			return fmt.Errorf("--fail: %w", err)
		}
		p.Thresholds = append(p.Thresholds, t)
	}
	if given("abort-on-fail") {
		p.AbortOnFail = f.abortOnFail
	}
	if given("grace") {
		p.Grace = f.grace
	}
	return nil
}
