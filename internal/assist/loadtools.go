package assist

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/engine"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Caps on the load.
const (
	maxUsers      = 50
	maxRate       = 500.0
	maxLoadTime   = 60.0     // seconds of loadtest
	maxLeakTime   = 10.0     // minutes of leaktest
	maxLeakMemory = 2 << 30  // of the server, at which leaktest stops the load
	maxAnswer     = 16 << 20 // bytes of an answer
)

// addLoadTools adds the tools that call tools of the server.
func (s *Server) addLoadTools() {
	add(s, spec{
		name: "loadtest", title: "Load a server", limit: 2 * time.Minute, heavy: true, loads: true,
		about: "Call tools of a server with up to 50 virtual users for up to 60 seconds: latency, errors, calls per second. Without a tool it calls those that the server declares read-only. Ask the user first: it puts load on the server.",
	}, s.loadtest)
	add(s, spec{
		name: "leaktest", title: "Test for a leak", limit: 20 * time.Minute, heavy: true, loads: true,
		about: "Load a server on this machine in rounds of identical calls and judge what its process holds afterwards: leak, no leak or undecided, with bytes per call. It takes minutes. Ask the user first: it puts load on the server.",
	}, s.leaktest)
}

type loadArgs struct {
	Target  string         `json:"target" jsonschema:"address of the server, such as http://localhost:3100 (path /mcp unless it has one)"`
	Tool    string         `json:"tool,omitempty" jsonschema:"the tool to call; default: all that are declared read-only"`
	Args    map[string]any `json:"args,omitempty" jsonschema:"arguments of the tool, an object; default: made from its schema"`
	Users   int            `json:"users,omitempty" jsonschema:"virtual users, 1 to 50; default 5"`
	Rate    float64        `json:"rate,omitempty" jsonschema:"calls per second, up to 500; default: each user calls as soon as it has its answer"`
	Seconds *float64       `json:"seconds,omitempty" jsonschema:"duration, 1 to 60; default 10"`
}

// plan returns the plan of a load within the caps.
func (in *loadArgs) plan() (*plan.Plan, error) {
	length, err := seconds("seconds", in.Seconds, 10, 1, maxLoadTime)
	if err != nil {
		return nil, err
	}
	in.Users = cmp.Or(in.Users, 5)
	switch {
	case in.Users < 1 || in.Users > maxUsers:
		return nil, fmt.Errorf("users must be 1 to %d", maxUsers)
	case in.Rate < 0 || in.Rate > maxRate:
		return nil, fmt.Errorf("rate must be up to %g", maxRate)
	}
	p := &plan.Plan{Seed: 1, Rounds: 1, Stages: []plan.Stage{{Users: in.Users, Rate: in.Rate, Duration: length}}, Choice: plan.Choice{ReadOnly: true}}
	if in.Tool == "" {
		if len(in.Args) > 0 {
			return nil, errors.New("args needs tool")
		}
	} else {
		step := plan.Step{Kind: plan.CallTool, Name: in.Tool, Weight: 1}
		if len(in.Args) > 0 {
			data, err := json.Marshal(in.Args)
			if err != nil {
				return nil, err
			}
			if step.Args, err = plan.ParseArgs(data); err != nil {
				return nil, fmt.Errorf("args: %w", err)
			}
		}
		p.Steps = []plan.Step{step}
	}
	p.Defaults()
	return p, nil
}

func (s *Server) loadtest(ctx context.Context, j *job, in loadArgs) (*result.Result, error) {
	p, err := in.plan()
	if err != nil {
		return nil, err
	}
	t, err := s.targets.open(ctx, in.Target, mcpPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	cfg := engine.Config{
		Plan: *p, Timeout: exchangeTime, Options: engine.Options{Client: t.client},
		Endpoint: mcp.Endpoint{HTTP: t.client.HTTP(), URL: t.url.String(), MaxMessage: maxAnswer},
		Progress: func(now engine.Progress) {
			j.note(now.Elapsed.Seconds(), p.Length().Seconds(), fmt.Sprintf("%d calls, %d failed", now.Done, now.Failed))
		},
	}
	runner, err := engine.Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	for _, step := range runner.Plan().Steps {
		if step.Tool.Risky() {
			return nil, fmt.Errorf("the server declares %s destructive or open to the world: it is not called", step.Label())
		}
	}
	res, err := runner.Run(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return res, err
}

type leakArgs struct {
	Target  string         `json:"target" jsonschema:"address of a server on this machine, such as http://localhost:3100 (path /mcp unless it has one)"`
	Tool    string         `json:"tool" jsonschema:"the tool to call"`
	Args    map[string]any `json:"args,omitempty" jsonschema:"arguments of the tool, an object; default: made from its schema"`
	Users   int            `json:"users,omitempty" jsonschema:"virtual users, 1 to 50; default 10"`
	Minutes *float64       `json:"minutes,omitempty" jsonschema:"start no round after this time, 0.1 to 10; default 5"`
}

// config returns the configuration of a test within the caps.
func (in *leakArgs) config() (*leaktest.Config, error) {
	in.Users = cmp.Or(in.Users, 10)
	if in.Users < 1 || in.Users > maxUsers {
		return nil, fmt.Errorf("users must be 1 to %d", maxUsers)
	}
	minutes := 5.0
	if in.Minutes != nil {
		minutes = *in.Minutes
	}
	if minutes < 0.1 || minutes > maxLeakTime {
		return nil, fmt.Errorf("minutes must be 0.1 to %g", maxLeakTime)
	}
	memory := int64(maxLeakMemory)
	if system, err := process.ReadSystem(); err == nil {
		memory = min(memory, int64(system.Available/2))
	}
	limit := time.Duration(minutes * float64(time.Minute))
	cfg := &leaktest.Config{
		Tools: []string{in.Tool}, Harmless: true, Users: in.Users, Calls: 10, Settle: 3 * time.Second, LiveSettle: 3 * time.Second / 2, Hold: leaktest.HoldFor(limit),
		MaxTime: limit, MaxMemory: memory, Ready: exchangeTime,
		Repeat: []string{"mcpdiag", "leaktest"},
	}
	if len(in.Args) > 0 {
		data, err := json.Marshal(in.Args)
		if err != nil {
			return nil, err
		}
		cfg.Args = []jsontext.Value{data}
	}
	return cfg, nil
}

func (s *Server) leaktest(ctx context.Context, j *job, in leakArgs) (*leaktest.Result, error) {
	cfg, err := in.config()
	if err != nil {
		return nil, err
	}
	t, err := s.targets.open(ctx, in.Target, mcpPath)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if !client.IsLoopback(t.url.Hostname()) {
		return nil, errors.New("leaktest reads the memory of the server: it must run on this machine")
	}
	if cfg.Target.Port, err = strconv.Atoi(client.Port(t.url)); err != nil {
		return nil, err
	}
	if cfg.Folder, err = os.MkdirTemp("", "mcpdiag-leaktest"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(cfg.Folder) //nolint:errcheck // the result is returned
	cfg.URL, cfg.Client, cfg.Version = t.url, t.client, s.cfg.Version
	cfg.Snapshot = &url.URL{Scheme: t.url.Scheme, Host: t.url.Host, Path: snapshotPath}
	cfg.Progress = func(p leaktest.Progress) { j.note(p.Elapsed.Seconds(), 0, p.Line()) }
	res, err := leaktest.Run(ctx, *cfg)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if res == nil {
		return nil, err
	}
	res.Files = leaktest.Files{} // they are gone
	return res, nil
}
