package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// maxPlan bounds a plan file.
const maxPlan = 8 << 20

// Read reads the plan file at path. Its feeds lie beside it.
func Read(path string) (*Plan, error) {
	data, err := readBounded(path, maxPlan)
	if err != nil {
		return nil, fmt.Errorf("reading plan %s: %w", path, bare(err))
	}
	return Parse(data, path, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return readBounded(name, maxFeed)
	})
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d MB", most>>20)
	}
	return data, err
}

// bare is err without the operation and the path, which the caller names.
func bare(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// planParser reads one plan file.
type planParser struct {
	name  string
	read  func(feed string) ([]byte, error)
	plan  Plan
	feeds []*Feed
	nodes int // that were read; aliases count each time
}

// Parse reads a plan. Errors say the file, the line and the key.
func Parse(data []byte, name string, read func(feed string) ([]byte, error)) (*Plan, error) {
	p := &planParser{name: name, read: read}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: the plan is empty; \"mcpdiag loadtest init URL\" writes one", name)
	}
	if err := p.mapping(doc.Content[0], "", p.topFields()); err != nil {
		return nil, err
	}
	p.plan.Defaults()
	return &p.plan, nil
}

// The bounds of what a run may be asked for.
const (
	MaxUsers  = 100_000
	maxWeight = 1_000_000
)

// defaults fills in what a plan leaves open.
func (p *Plan) Defaults() {
	p.Rounds = max(p.Rounds, 1)
	p.End = cmp.Or(p.End, EndDelete)
	if len(p.Stages) == 0 {
		p.Stages = []Stage{{Users: defaultUsers, Calls: defaultCalls}}
	}
	for i := range p.Stages {
		p.Stages[i].defaults()
	}
}

// What a plan does that does not say it.
const (
	defaultUsers = 40
	defaultCalls = 10
)

// defaults lets a stage with a rate have as many calls in flight as start in a second.
func (s *Stage) defaults() {
	if s.Users == 0 && s.Rate > 0 {
		s.Users = min(max(int(s.Rate+0.5), 10), 1000)
	}
	if s.Users == 0 {
		s.Users = defaultUsers
	}
	if s.Calls == 0 && s.Duration == 0 {
		s.Calls = defaultCalls
	}
}

// Check finds what cannot be in a stage.
func (s *Stage) Check() error {
	switch {
	case s.Users < 0 || s.Users > MaxUsers:
		return fmt.Errorf("users is 1 to %d", MaxUsers)
	case s.Rate > 0 && s.Calls > 0:
		return errors.New("a rate wants a duration, not calls: it is about all users together")
	case s.Rate > 0 && s.Duration == 0:
		return errors.New("a rate wants a duration")
	case s.Calls > 0 && s.Duration > 0:
		return errors.New("calls and duration exclude each other: either ends the stage")
	case s.Duration > 0 && s.RampUp > s.Duration:
		return errors.New("ramp-up is longer than the duration it is part of")
	}
	return nil
}

func (p *planParser) topFields() []field {
	plan := &p.plan
	return []field{
		{"url", scalar(p, &plan.URL, text)},
		{"protocol", scalar(p, &plan.Protocol, protocol)},
		{"seed", scalar(p, &plan.Seed, func(s string) (uint64, error) { return strconv.ParseUint(s, 0, 64) })},
		{"stages", p.list(p.stage)},
		{"rounds", scalar(p, &plan.Rounds, count)},
		{"delay", scalar(p, &plan.Delay, parseTime)},
		{"warmup", scalar(p, &plan.Warmup, parseTime)},
		{"think", scalar(p, &plan.Think, ParseThink)},
		{"burst", scalar(p, &plan.Burst, ParseBurst)},
		{"session", scalar(p, &plan.SessionCalls, ParseSession)},
		{"end", scalar(p, &plan.End, ParseEnd)},
		{"arrivals", scalar(p, &plan.Poisson, ParseArrivals)},
		{"feeds", p.feedFiles},
		{"steps", p.list(p.step)},
		{"destructive", scalar(p, &plan.Destructive, strconv.ParseBool)},
		{"thresholds", p.list(p.threshold)},
		{"abort-on-fail", scalar(p, &plan.AbortOnFail, strconv.ParseBool)},
		{"grace", scalar(p, &plan.Grace, parseTime)},
	}
}

func text(s string) (string, error) { return s, nil }

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of at least 1", s)
	}
	return n, nil
}

func protocol(s string) (string, error) {
	switch {
	case s == "auto":
		return "", nil
	case slices.Contains(mcp.Revisions, s):
		return s, nil
	}
	return "", fmt.Errorf("%q is not one of auto, %s", s, strings.Join(mcp.Revisions, ", "))
}

// ParseSession reads how many calls a session lasts: "user" for all of a user's, "call", or a number.
func ParseSession(s string) (int, error) {
	switch s {
	case "user":
		return 0, nil
	case "call":
		return 1, nil
	}
	if n, err := count(s); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("%q is not user, call or a number of calls", s)
}

// ParseEnd reads what becomes of a session.
func ParseEnd(s string) (End, error) {
	if e := End(s); e == EndDelete || e == EndAbandon || e == EndKeep {
		return e, nil
	}
	return "", fmt.Errorf("%q is not one of delete, abandon, keep", s)
}

// ParseArrivals reads whether arrivals are random.
func ParseArrivals(s string) (poisson bool, err error) {
	switch s {
	case "constant", "poisson":
		return s == "poisson", nil
	}
	return false, fmt.Errorf("%q is not one of constant, poisson", s)
}

func (p *planParser) stage(n *yaml.Node, path string) error {
	var s Stage
	err := p.mapping(n, path, []field{
		{"users", scalar(p, &s.Users, count)},
		{"rate", scalar(p, &s.Rate, ParseRate)},
		{"ramp-up", scalar(p, &s.RampUp, parseTime)},
		{"duration", scalar(p, &s.Duration, parseTime)},
		{"calls", scalar(p, &s.Calls, count)},
	})
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return p.errorf(n, path, "%w", err)
	}
	p.plan.Stages = append(p.plan.Stages, s)
	return nil
}

func (p *planParser) step(n *yaml.Node, path string) error {
	s := Step{Weight: 1}
	var args *yaml.Node
	err := p.mapping(n, path, []field{
		{"tool", p.stepName(&s, CallTool)},
		{"resource", p.stepName(&s, ReadResource)},
		{"prompt", p.stepName(&s, GetPrompt)},
		{"weight", scalar(p, &s.Weight, count)},
		{"args", func(n *yaml.Node, _ string) error { args = n; return nil }},
	})
	switch {
	case err != nil:
		return err
	case s.Kind == "":
		return p.errorf(n, path, "it calls nothing; it wants one of tool, resource, prompt")
	case s.Weight > maxWeight:
		return p.errorf(n, path+".weight", "it is at most %d", maxWeight)
	case args == nil:
	case s.Kind == ReadResource:
		return p.errorf(args, path+".args", "a resource takes no arguments")
	default:
		err = p.args(&s, args, path+".args")
	}
	p.plan.Steps = append(p.plan.Steps, s)
	return err
}

func (p *planParser) stepName(s *Step, kind Kind) setter {
	return func(n *yaml.Node, path string) error {
		if s.Kind != "" {
			return p.errorf(n, path, "a step calls one thing; this one has another")
		}
		s.Kind = kind
		if err := scalar(p, &s.Name, text)(n, path); err != nil {
			return err
		}
		if s.Name == "" {
			return p.errorf(n, path, "it is empty")
		}
		return nil
	}
}

func (p *planParser) args(s *Step, n *yaml.Node, path string) error {
	value, err := p.json(nil, n, path, 0)
	if err != nil {
		return err
	}
	if jsontext.Value(value).Kind() != '{' {
		return p.errorf(n, path, "a mapping of names to values is wanted here")
	}
	if s.Args, err = ParseTemplate(value, p.feeds); err != nil {
		return p.errorf(n, path, "%w", err)
	}
	return nil
}

func (p *planParser) threshold(n *yaml.Node, path string) error {
	var t Threshold
	if err := scalar(p, &t, ParseThreshold)(n, path); err != nil {
		return err
	}
	p.plan.Thresholds = append(p.plan.Thresholds, t)
	return nil
}
