package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
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
// gets one for each tool that is fit for it, and a step without arguments gets some that fit its tool's schema.
func (p *Plan) Resolve(tools []mcp.Tool) error {
	if len(p.Steps) == 0 {
		if err := p.takeAll(tools); err != nil {
			return err
		}
	}
	r := NewRand(p.Seed, 1)
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == CallTool {
			tool, err := findTool(tools, s.Name)
			if err != nil {
				return err
			}
			s.Tool = tool
			if s.Args.IsZero() {
				s.Args = oneOf(arguments.Variants(tool.InputSchema, r))
			}
		}
	}
	return checkThresholds(p.Thresholds, p.Steps)
}

func (p *Plan) takeAll(tools []mcp.Tool) error {
	for i := range tools {
		if why := p.unfit(&tools[i]); why == "" {
			p.Steps = append(p.Steps, Step{Kind: CallTool, Name: tools[i].Name, Weight: 1})
		} else {
			p.LeftOut = append(p.LeftOut, Bounded(tools[i].Name)+" is left out: "+why)
		}
	}
	switch {
	case len(p.Steps) > 0:
		return nil
	case len(tools) == 0:
		return errors.New("the server offers no tools")
	}
	return fmt.Errorf("every tool is left out, such as %s: %s; name one with --tool, or take all that can be called with --destructive", Bounded(tools[0].Name), p.unfit(&tools[0]))
}

// unfit says why a tool is not called that nobody named, "" where it is.
func (p *Plan) unfit(t *mcp.Tool) string {
	switch {
	case t.Execution.TaskSupport == "required":
		return "it runs as a task only, which a plain call cannot have"
	case p.Destructive:
		return ""
	case t.Annotations.Destructive:
		return "the server calls it destructive"
	case t.Annotations.OpenWorld:
		return "the server says that it reaches out into the world"
	}
	return ""
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

// oneOf returns a template that gives one of the JSON values each time.
func oneOf(values []string) Template {
	if len(values) == 1 {
		return Template{Parts: []Part{{Fixed: []byte(values[0])}}}
	}
	return Template{Parts: []Part{{Action: &action{Verb: verbJSON, Words: values}}}}
}
