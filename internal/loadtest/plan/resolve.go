package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/mcp/arguments"
)

// ErrUnknownStep is in the chain of an error about a threshold on a step that the
// plan does not have.
var ErrUnknownStep = errors.New("the plan does not call it")

// Most returns the largest number of users of a stage.
func (p *Plan) Most() int {
	most := 0
	for i := range p.Stages {
		most = max(most, p.Stages[i].Users)
	}
	return most
}

// Choice says how a plan without steps chooses among the tools of a server.
type Choice struct {
	Destructive bool // also tools that are declared destructive or open to the world
	ReadOnly    bool // only tools that are declared read-only
}

// Resolve fits the plan to the tools of a server. A plan without steps gets one for
// each suitable tool; a step without arguments gets some that match its schema.
func (p *Plan) Resolve(tools []mcp.Tool) error {
	if len(p.Steps) == 0 {
		if err := p.chooseTools(tools); err != nil {
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
				if s.Args.takesSome() {
					p.MadeUp = append(p.MadeUp, s.Label())
				}
			}
		}
	}
	return checkThresholds(p.Thresholds, p.Steps)
}

// chooseTools adds a step for each tool that p.Choice allows.
func (p *Plan) chooseTools(tools []mcp.Tool) error {
	for i := range tools {
		t := &tools[i]
		if why := p.Choice.excludes(t); why != "" {
			p.LeftOut = append(p.LeftOut, Bounded(t.Name)+" is left out: "+why)
			continue
		}
		p.Steps = append(p.Steps, Step{Kind: CallTool, Name: t.Name, Weight: 1})
		if !t.Annotations.ReadOnly {
			p.MayWrite = append(p.MayWrite, Bounded(t.Name))
		}
	}
	switch {
	case len(p.Steps) > 0:
		return nil
	case len(tools) == 0:
		return errors.New("the server offers no tools")
	}
	return fmt.Errorf("every tool is left out, such as %s: %s; name one with --tool, or choose more with --destructive", Bounded(tools[0].Name), p.Choice.excludes(&tools[0]))
}

// excludes returns the reason why a tool is not called unless it is named, or "".
func (c Choice) excludes(t *mcp.Tool) string {
	switch {
	case t.Name == "":
		return "it has no name"
	case t.Execution.TaskSupport == "required":
		return "it runs only as a task, not as a plain call"
	case c.ReadOnly && !t.Annotations.ReadOnly:
		return "it is not declared read-only"
	case c.Destructive:
		return ""
	case t.Annotations.Destructive:
		return "it is declared destructive"
	case t.Annotations.OpenWorld:
		return "it is declared to reach outside the server (openWorldHint)"
	}
	return ""
}

// Notices returns warnings for the user before the calls of a resolved plan are made.
func (p *Plan) Notices() []string {
	notices := append([]string{}, p.LeftOut...)
	if len(p.MayWrite) > 0 {
		notices = append(notices, enumerate(p.MayWrite)+": not declared read-only; --read-only leaves such tools out")
	}
	if len(p.MadeUp) > 0 {
		notices = append(notices, enumerate(p.MadeUp)+": the arguments are made up from the input schema; --dry-run shows them, --args sets them")
	}
	return notices
}

// enumerated is how many names a sentence lists.
const enumerated = 6

func enumerate(names []string) string {
	if more := len(names) - enumerated; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:enumerated], ", "), more)
	}
	return strings.Join(names, ", ")
}

func findTool(tools []mcp.Tool, name string) (mcp.Tool, error) {
	var names []string
	for _, t := range tools {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	if len(tools) == 0 {
		return mcp.Tool{}, errors.New("the server offers no tools")
	}
	return mcp.Tool{}, fmt.Errorf("there is no tool %q; there are %s", name, strings.Join(names, ", "))
}
