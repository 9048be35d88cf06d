package flame

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/flame/rules"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Shape selects stacks, and the frames in them.
type Shape struct {
	Focus, Ignore, Hide *regexp.Regexp // nil selects everything
	FoldRecursion       bool
}

// Reshape returns p with the stacks that pass focus and ignore, without the
// frames that are hidden. p stays as it is.
func (p *Profile) Reshape(s Shape) *Profile {
	if s == (Shape{}) {
		return p
	}
	r := reshaper{
		b: p.emptied(), foldRecursion: s.FoldRecursion,
		focus: matches(p.Names, s.Focus), ignore: matches(p.Names, s.Ignore), hide: matches(p.Names, s.Hide),
	}
	r.add(p.Nodes)
	return p.with(r.b)
}

// emptied returns a Builder that holds the names of p and no stacks.
func (p *Profile) emptied() *stacks.Builder {
	b := stacks.NewBuilder()
	for _, name := range p.Names {
		b.ID(name)
	}
	return b
}

// with returns p with other stacks.
func (p *Profile) with(b *stacks.Builder) *Profile {
	out, profile := *p, *p.Profile
	profile.Builder, out.Profile = b, &profile
	return &out
}

// reshaper adds stacks to a Builder. It looks at each node once: a stack can have a
// hundred thousand frames, and each of them can have weight.
type reshaper struct {
	b                   *stacks.Builder
	focus, ignore, hide []bool // by name
	foldRecursion       bool
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

func (r *reshaper) add(nodes []stacks.Node) {
	keep := r.kept(nodes)
	used := make([]bool, len(nodes)) // by a stack that is kept
	for i := len(nodes) - 1; i > 0; i-- {
		if used[i] = used[i] || keep[i] && !nodes[i].Empty(); used[i] {
			used[nodes[i].Parent] = true
		}
	}
	to := make([]int32, len(nodes)) // places in b
	for i := range nodes {
		n := &nodes[i]
		if used[i] && int32(i) != stacks.Root {
			to[i] = r.place(to[n.Parent], n.Name)
		}
		if keep[i] {
			r.b.Nodes[to[i]].Add(n)
		}
	}
}

// kept reports for each node whether its stack passes focus and ignore.
func (r *reshaper) kept(nodes []stacks.Node) []bool {
	keep, focused, ignored := make([]bool, len(nodes)), make([]bool, len(nodes)), make([]bool, len(nodes))
	focused[stacks.Root] = r.focus == nil
	keep[stacks.Root] = r.focus == nil
	for i := 1; i < len(nodes); i++ {
		n := &nodes[i]
		focused[i] = focused[n.Parent] || r.focus[n.Name]
		ignored[i] = ignored[n.Parent] || r.ignore != nil && r.ignore[n.Name]
		keep[i] = focused[i] && !ignored[i]
	}
	return keep
}

// place returns the place of a frame. One that is hidden has that of its caller, and one
// that repeats the frames before it has theirs: a a a becomes a, a b a b becomes a b.
func (r *reshaper) place(under, name int32) int32 {
	if r.hide != nil && r.hide[name] {
		return under
	}
	if r.foldRecursion {
		if period := r.period(under, name); period > 0 {
			for range period - 1 {
				under = r.b.Nodes[under].Parent
			}
			return under
		}
	}
	return r.b.Child(under, name)
}

// period returns the number of frames by which the stack of a frame under another one
// repeats those before it, 0 if it does not.
func (r *reshaper) period(under, name int32) int {
	var end [2 * rules.MaxPeriod]int32 // of the stack
	at := len(end) - 1
	for end[at] = name; at > 0 && under != stacks.Root; under = r.b.Nodes[under].Parent {
		at--
		end[at] = r.b.Nodes[under].Name
	}
	return rules.Period(end[at:])
}

// maxMerged bounds the frames of stacks that are merged from the leaves: from a stack of n
// frames that all have weight, they can become n²/2.
const maxMerged = 4_000_000

func checkMerged(b *stacks.Builder, most int) error {
	if len(b.Nodes) > most {
		return fmt.Errorf("merged from the leaves, the stacks have more than %s; --focus or --fold-recursion makes them fewer", report.Plural(most, "frame"))
	}
	return nil
}

// Reversed returns p merged from the leaves. The frames of Dims, which are not calls, stay
// at the root. p stays as it is.
func (p *Profile) Reversed() (*Profile, error) { return p.reversed(maxMerged) }

func (p *Profile) reversed(most int) (*Profile, error) {
	b := p.emptied()
	var stack []int32
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Empty() {
			continue
		}
		stack = p.Stack(stack[:0], int32(i))
		slices.Reverse(stack[min(len(p.Dims), len(stack)):])
		b.Nodes[b.Insert(stacks.Root, stack)].Add(n)
		if err := checkMerged(b, most); err != nil {
			return nil, err
		}
	}
	return p.with(b), nil
}
