package loadtest

import "fmt"

// plan is the plan of the configuration: Plan, or what the everyday form says.
func (c *Config) plan() (Plan, error) {
	if len(c.Plan.Stages) > 0 {
		return c.Plan, nil
	}
	p := Plan{
		Protocol: c.Protocol, Rounds: c.Rounds, Delay: c.Delay,
		Stages: []Stage{{Users: c.Users, Calls: c.Calls}},
	}
	if c.Tool != "" {
		step := Step{Kind: CallTool, Name: c.Tool, Weight: 1}
		if len(c.Args) > 0 {
			var err error
			if step.Args, err = ParseTemplate(c.Args, nil); err != nil {
				return p, fmt.Errorf("the arguments: %w", err)
			}
		}
		p.Steps = []Step{step}
	}
	return p, nil
}
