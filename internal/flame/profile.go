package flame

import (
	"github.com/mcpdiag/mcpdiag/internal/flame/fold"
	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Profile is everything that was read, merged.
type Profile struct {
	*stacks.Profile
	Watch  *fold.Watch // of a trace
	Calls  *fold.Calls // of a trace
	Dims   []string    // the properties that the first frames of each stack show, by --by
	Inputs []string    // names of the inputs, except traces, which name their targets
	Base   []string    // names of the inputs of the base
	Order  stacks.Order
}

// Tree puts the stacks in order.
func (p *Profile) Tree() *stacks.Tree { return p.Profile.Tree(p.Order) }

// Findings applies the rules to p, whose tree is t.
func (p *Profile) Findings(t *stacks.Tree) ([]rules.Finding, error) {
	return rules.Find(rules.Input{Tree: t, Unit: p.Unit, Observed: p.Observed, Calls: p.Calls})
}
