package loadtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// ErrUnknownStep is in the chain of an error that says that a threshold is on
// something that the plan does not call.
var ErrUnknownStep = errors.New("the plan does not call it")

// Most is the most users that the plan has at one time.
func (p *Plan) Most() int {
	most := 0
	for i := range p.Stages {
		most = max(most, p.Stages[i].Users)
	}
	return most
}

// Resolve fits the plan to the tools that a server offers: a plan without steps
// gets one for each tool, those that the server calls destructive left out, and
// a step without arguments gets some that fit its tool's schema.
func (p *Plan) Resolve(tools []mcp.Tool) error {
	if len(p.Steps) == 0 {
		if err := p.takeAll(tools); err != nil {
			return err
		}
	}
	r := newRand(p.Seed, 1)
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == CallTool {
			tool, err := findTool(tools, s.Name)
			if err != nil {
				return err
			}
			s.Tool = tool
			if s.Args.IsZero() {
				s.Args = Arguments(tool.InputSchema, r)
			}
		}
	}
	return checkThresholds(p.Thresholds, p.Steps)
}

func (p *Plan) takeAll(tools []mcp.Tool) error {
	for _, t := range tools {
		if p.Destructive || !t.Annotations.Destructive {
			p.Steps = append(p.Steps, Step{Kind: CallTool, Name: t.Name, Weight: 1})
		}
	}
	switch {
	case len(p.Steps) > 0:
		return nil
	case len(tools) == 0:
		return errors.New("the server offers no tools")
	}
	return errors.New("the server calls all its tools destructive; name one with --tool, or take all with --destructive")
}

func findTool(tools []mcp.Tool, name string) (mcp.Tool, error) {
	names := make([]string, len(tools))
	for i, t := range tools {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	if len(tools) == 0 {
		return mcp.Tool{}, errors.New("the server offers no tools")
	}
	return mcp.Tool{}, fmt.Errorf("there is no tool %q; there are %s", name, strings.Join(names, ", "))
}
