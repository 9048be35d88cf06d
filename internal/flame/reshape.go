package flame

import (
	"regexp"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Shape selects stacks, and the frames in them.
type Shape struct {
	Focus, Ignore, Hide *regexp.Regexp // nil selects everything
	FoldRecursion       bool
	Reverse             bool // merge from the leaves
}

// Reshape returns p with the stacks that pass focus and ignore, without the
// frames that are hidden. p stays as it is.
func (p *Profile) Reshape(s Shape) *Profile {
	if s == (Shape{}) {
		return p
	}
	r := reshaper{
		Shape: s, dims: len(p.Dims), focus: matches(p.Names, s.Focus), ignore: matches(p.Names, s.Ignore), hide: matches(p.Names, s.Hide),
	}
	b := stacks.NewBuilder()
	for _, name := range p.Names {
		b.ID(name)
	}
	var stack []int32
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Empty() {
			continue
		}
		stack = p.Stack(stack[:0], int32(i))
		if !r.keeps(stack) {
			continue
		}
		to := &b.Nodes[b.Insert(stacks.Root, r.reshape(stack))]
		to.Self += n.Self
		to.Base += n.Base
		to.Hits += n.Hits
		to.Stuck += n.Stuck
	}
	out := *p
	profile := *p.Profile
	profile.Builder = b
	out.Profile = &profile
	return &out
}

type reshaper struct {
	Shape
	focus, ignore, hide []bool // by name
	dims                int    // frames that are not calls, and stay at the root
}

// matches reports for each name whether it matches, nil without an expression.
func matches(names []string, re *regexp.Regexp) []bool {
	if re == nil {
		return nil
	}
	found := make([]bool, len(names))
	for id, name := range names {
		found[id] = re.MatchString(name)
	}
	return found
}

func (r *reshaper) keeps(stack []int32) bool {
	return (r.focus == nil || slices.ContainsFunc(stack, func(n int32) bool { return r.focus[n] })) &&
		(r.ignore == nil || !slices.ContainsFunc(stack, func(n int32) bool { return r.ignore[n] }))
}

// reshape changes a stack in place.
func (r *reshaper) reshape(stack []int32) []int32 {
	if r.hide != nil {
		stack = slices.DeleteFunc(stack, func(n int32) bool { return r.hide[n] })
	}
	if r.FoldRecursion {
		stack = foldRecursion(stack)
	}
	if r.Reverse {
		slices.Reverse(stack[min(r.dims, len(stack)):])
	}
	return stack
}

// foldRecursion keeps one round of each recursion: a a a becomes a, a b a b becomes a b.
func foldRecursion(stack []int32) []int32 {
	kept := stack[:0]
	for _, name := range stack {
		kept = append(kept, name)
		if period := rules.Period(kept); period > 0 {
			kept = kept[:len(kept)-period]
		}
	}
	return kept
}
