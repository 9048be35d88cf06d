package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/yamlfile"
)

// Bounds of the files of a plan.
const (
	maxPlan  = 8 << 20
	maxFeeds = 64 << 20 // bytes of all feeds
	maxCells = 4 << 20  // of all feeds
)

// Read reads the plan file at path, until ctx ends. Its feeds are files in the same
// folder, or in folders below.
func Read(ctx context.Context, path string) (*Plan, error) {
	data, err := report.Read(ctx, path, maxPlan)
	if err != nil {
		return nil, err
	}
	left := int64(maxFeeds)
	return Parse(data, path, func(name string) ([]byte, error) {
		feed, err := openFeed(filepath.Dir(path), name)
		if err != nil {
			return nil, err
		}
		defer feed.Close() //nolint:errcheck // only read
		data, err := io.ReadAll(io.LimitReader(feed, left+1))
		if left -= int64(len(data)); left < 0 {
			return nil, fmt.Errorf("the feeds of a plan are larger than %d MB together", maxFeeds>>20)
		}
		return data, err
	})
}

// parser reads one plan file.
type parser struct {
	*yamlfile.Document
	readFeed func(name string) ([]byte, error)
	plan     Plan
	feeds    []*Feed
	cells    int // of the feeds
}

// Parse parses a plan. Errors name the file, the line and the key.
func Parse(data []byte, name string, readFeed func(name string) ([]byte, error)) (*Plan, error) {
	doc, err := yamlfile.Parse(data, name)
	switch {
	case err != nil:
		return nil, err
	case doc.Root == nil:
		return nil, fmt.Errorf("reading %s: the plan is empty; \"mcpdiag loadtest init URL\" writes one", name)
	}
	p := &parser{Document: doc, readFeed: readFeed, plan: Plan{Grace: DefaultGrace}}
	if err := p.Fields(doc.Root, "", p.topFields()); err != nil {
		return nil, err
	}
	p.plan.Defaults()
	return &p.plan, nil
}

// Bounds of a plan.
const (
	MaxUsers  = 100_000
	maxWeight = 1_000_000
)

// DefaultGrace is the grace period of a plan that states none.
const DefaultGrace = 5 * time.Second

// Defaults of a stage.
const (
	defaultUsers = 40
	defaultCalls = 10
)

// Defaults fills in the parts that a plan leaves open.
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

// Check returns an error if the values of a stage contradict each other.
func (s *Stage) Check() error {
	switch {
	case s.Users < 0 || s.Users > MaxUsers:
		return fmt.Errorf("users must be 1 to %d", MaxUsers)
	case s.Rate > 0 && s.Calls > 0:
		return errors.New("a rate needs a duration, not calls: it is the rate of all users together")
	case s.Rate > 0 && s.Duration == 0:
		return errors.New("a rate needs a duration")
	case s.Calls > 0 && s.Duration > 0:
		return errors.New("calls and duration exclude each other: each of them ends the stage")
	case s.Duration > 0 && s.RampUp > s.Duration:
		return errors.New("ramp-up is longer than the duration, which includes it")
	}
	return nil
}

func (p *parser) topFields() []yamlfile.Field {
	plan := &p.plan
	return []yamlfile.Field{
		{Key: "url", Set: yamlfile.Value(p.Document, &plan.URL, text)},
		{Key: "protocol", Set: yamlfile.Value(p.Document, &plan.Protocol, protocol)},
		{Key: "seed", Set: yamlfile.Value(p.Document, &plan.Seed, func(s string) (uint64, error) { return strconv.ParseUint(s, 0, 64) })},
		{Key: "stages", Set: p.items(p.stage)},
		{Key: "rounds", Set: yamlfile.Value(p.Document, &plan.Rounds, count)},
		{Key: "delay", Set: yamlfile.Value(p.Document, &plan.Delay, parseTime)},
		{Key: "warmup", Set: yamlfile.Value(p.Document, &plan.Warmup, parseTime)},
		{Key: "think", Set: yamlfile.Value(p.Document, &plan.Think, ParseThink)},
		{Key: "burst", Set: yamlfile.Value(p.Document, &plan.Burst, ParseBurst)},
		{Key: "session", Set: yamlfile.Value(p.Document, &plan.SessionCalls, ParseSession)},
		{Key: "end", Set: yamlfile.Value(p.Document, &plan.End, ParseEnd)},
		{Key: "stream", Set: yamlfile.Value(p.Document, &plan.NoStream, func(s string) (bool, error) { on, err := strconv.ParseBool(s); return !on, err })},
		{Key: "connections", Set: yamlfile.Value(p.Document, &plan.Connections, connections)},
		{Key: "respect-retry-after", Set: yamlfile.Value(p.Document, &plan.RespectRetryAfter, strconv.ParseBool)},
		{Key: "arrivals", Set: yamlfile.Value(p.Document, &plan.Poisson, ParseArrivals)},
		{Key: "feeds", Set: p.readFeeds},
		{Key: "steps", Set: p.items(p.step)},
		{Key: "destructive", Set: yamlfile.Value(p.Document, &plan.Choice.Destructive, strconv.ParseBool)},
		{Key: "read-only", Set: yamlfile.Value(p.Document, &plan.Choice.ReadOnly, strconv.ParseBool)},
		{Key: "thresholds", Set: p.items(p.threshold)},
		{Key: "abort-on-fail", Set: yamlfile.Value(p.Document, &plan.AbortOnFail, strconv.ParseBool)},
		{Key: "grace", Set: yamlfile.Value(p.Document, &plan.Grace, parseTime)},
	}
}

func text(s string) (string, error) { return s, nil }

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("invalid value %q: must be a whole number, 1 or more", s)
	}
	return n, nil
}

func connections(s string) (int, error) {
	n, err := count(s)
	if err == nil && n > MaxUsers {
		err = fmt.Errorf("must be 1 to %d", MaxUsers)
	}
	return n, err
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

// ParseSession parses the number of calls per session: "user" (all of a user's calls, 0), "call" (1), or a number.
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

// ParseEnd parses how a session ends.
func ParseEnd(s string) (End, error) {
	if e := End(s); e == EndDelete || e == EndAbandon || e == EndKeep {
		return e, nil
	}
	return "", fmt.Errorf("%q is not one of delete, abandon, keep", s)
}

// ParseArrivals parses whether arrivals are random.
func ParseArrivals(s string) (poisson bool, err error) {
	switch s {
	case "constant", "poisson":
		return s == "poisson", nil
	}
	return false, fmt.Errorf("%q is not one of constant, poisson", s)
}

func (p *parser) stage(n *yaml.Node, path string) error {
	var s Stage
	err := p.Fields(n, path, []yamlfile.Field{
		{Key: "users", Set: yamlfile.Value(p.Document, &s.Users, count)},
		{Key: "rate", Set: yamlfile.Value(p.Document, &s.Rate, ParseRate)},
		{Key: "ramp-up", Set: yamlfile.Value(p.Document, &s.RampUp, parseTime)},
		{Key: "duration", Set: yamlfile.Value(p.Document, &s.Duration, parseTime)},
		{Key: "calls", Set: yamlfile.Value(p.Document, &s.Calls, count)},
	})
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return p.Errorf(n, path, "%w", err)
	}
	p.plan.Stages = append(p.plan.Stages, s)
	return nil
}

func (p *parser) step(n *yaml.Node, path string) error {
	s := Step{Weight: 1}
	var args *yaml.Node
	err := p.Fields(n, path, []yamlfile.Field{
		{Key: "tool", Set: p.stepName(&s, CallTool)},
		{Key: "resource", Set: p.stepName(&s, ReadResource)},
		{Key: "prompt", Set: p.stepName(&s, GetPrompt)},
		{Key: "weight", Set: yamlfile.Value(p.Document, &s.Weight, count)},
		{Key: "args", Set: func(n *yaml.Node, _ string) error { args = n; return nil }},
	})
	switch {
	case err != nil:
		return err
	case s.Kind == "":
		return p.Errorf(n, path, "the step has none of tool, resource, prompt")
	case s.Weight > maxWeight:
		return p.Errorf(n, path+".weight", "must be at most %d", maxWeight)
	case args == nil:
	case s.Kind == ReadResource:
		return p.Errorf(args, path+".args", "a resource takes no arguments")
	default:
		err = p.args(&s, args, path+".args")
	}
	p.plan.Steps = append(p.plan.Steps, s)
	return err
}

func (p *parser) stepName(s *Step, kind Kind) yamlfile.Setter {
	return func(n *yaml.Node, path string) error {
		if s.Kind != "" {
			return p.Errorf(n, path, "a step has only one of tool, resource, prompt")
		}
		s.Kind = kind
		if err := yamlfile.Value(p.Document, &s.Name, text)(n, path); err != nil {
			return err
		}
		if s.Name == "" {
			return p.Errorf(n, path, "empty name")
		}
		return nil
	}
}

func (p *parser) args(s *Step, n *yaml.Node, path string) error {
	value, err := p.JSON(n, path)
	if err != nil {
		return err
	}
	if jsontext.Value(value).Kind() != '{' {
		return p.Errorf(n, path, "arguments must be a mapping of names to values")
	}
	if s.Args, err = ParseTemplate(value, p.feeds); err != nil {
		return p.Errorf(n, path, "%w", err)
	}
	return nil
}

func (p *parser) threshold(n *yaml.Node, path string) error {
	var t Threshold
	if err := yamlfile.Value(p.Document, &t, ParseThreshold)(n, path); err != nil {
		return err
	}
	p.plan.Thresholds = append(p.plan.Thresholds, t)
	return nil
}

// items returns a setter that calls each for the entries of a list.
func (p *parser) items(each yamlfile.Setter) yamlfile.Setter {
	return func(n *yaml.Node, path string) error { return p.Items(n, path, each) }
}

// readFeeds reads the CSV files under feeds.
func (p *parser) readFeeds(n *yaml.Node, path string) error {
	return p.Pairs(n, path, func(key, value *yaml.Node) error {
		at := yamlfile.Join(path, key.Value)
		file, err := p.Scalar(value, at)
		if err != nil {
			return err
		}
		data, err := p.readFeed(file)
		if err != nil {
			return p.Errorf(key, at, "%w", err)
		}
		feed, err := parseFeed(key.Value, data, maxCells-p.cells)
		if err != nil {
			return p.Errorf(key, at, "%s: %w", file, err)
		}
		p.cells += len(feed.Rows) * len(feed.Columns)
		p.feeds = append(p.feeds, feed)
		return nil
	})
}
