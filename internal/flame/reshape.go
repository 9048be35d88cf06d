package flame

import (
	"fmt"
	"regexp"
	"slices"
)

// Shape says which stacks are kept, and which of their frames.
type Shape struct {
	Focus, Ignore, Hide *regexp.Regexp // nil where nothing is asked for
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
		Shape: s, names: &p.builder.names, dims: len(p.Dims),
		focus: matches(&p.builder.names, s.Focus), ignore: matches(&p.builder.names, s.Ignore),
		hide: matches(&p.builder.names, s.Hide),
	}
	out := *p
	out.builder = newBuilder()
	out.builder.names = p.builder.names.clone()
	var stack []int32
	for i, n := range p.builder.nodes {
		if n.self == 0 && n.base == 0 && n.hits == 0 && n.stuck == 0 {
			continue
		}
		stack = p.builder.stack(stack[:0], int32(i))
		if !r.keeps(stack) {
			continue
		}
		to := &out.builder.nodes[out.builder.insert(root, r.reshape(stack))]
		to.self += n.self
		to.base += n.base
		to.hits += n.hits
		to.stuck += n.stuck
	}
	return &out
}

type reshaper struct {
	Shape
	names               *names
	focus, ignore, hide []bool // by name
	dims                int    // frames that are no calls, and stay below
}

// matches says of each name whether it matches; it is nil without an expression.
func matches(n *names, re *regexp.Regexp) []bool {
	if re == nil {
		return nil
	}
	found := make([]bool, n.len())
	for id := range found {
		found[id] = re.Match(n.bytes(int32(id)))
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

// maxPeriod is how many frames a recursion goes through at most before it comes back.
const maxPeriod = 4

// foldRecursion leaves one round of each recursion: a a a becomes a, a b a b becomes a b.
func foldRecursion(stack []int32) []int32 {
	kept := stack[:0]
	for _, name := range stack {
		kept = append(kept, name)
		if period := repeats(kept); period > 0 {
			kept = kept[:len(kept)-period]
		}
	}
	return kept
}

// repeats returns the smallest period by which the end of a stack repeats what
// is just before it, 0 where it does not.
func repeats(stack []int32) int {
	for period := 1; period <= maxPeriod && 2*period <= len(stack); period++ {
		end := len(stack) - period
		if slices.Equal(stack[end:], stack[end-period:end]) {
			return period
		}
	}
	return 0
}

// Compare takes base as what p is compared with. With normalize the base weighs
// as much as p does, so that what shows is how the shares moved. Two that count
// different things have only shares to compare.
func (p *Profile) Compare(base *Profile, normalize bool) error {
	if p.Unit != base.Unit && !normalize {
		return fmt.Errorf("the profile counts %s and its base %s: they cannot be compared; --normalize compares the shares", p.Unit, base.Unit)
	}
	for _, w := range base.Warnings {
		p.warn("base: %s", w)
	}
	scale := 1.0
	if normalize {
		scale = share(p.builder.weight(), base.builder.weight())
	}
	for i := range p.builder.nodes {
		p.builder.nodes[i].base = 0
	}
	p.builder = merged(p.builder, base.builder.asBase(scale))
	p.TwoColumns, p.Base = true, base.Inputs
	return nil
}

// Normalize gives the base that came with the stacks the weight of the stacks.
func (p *Profile) Normalize() {
	base := 0.0
	for _, n := range p.builder.nodes {
		base += n.base
	}
	scale := share(p.builder.weight(), base)
	for i := range p.builder.nodes {
		p.builder.nodes[i].base *= scale
	}
}

func (b *builder) weight() float64 {
	sum := 0.0
	for _, n := range b.nodes {
		sum += n.self
	}
	return sum
}
