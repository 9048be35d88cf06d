package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// plateaus finds frames that have much of the whole themselves.
func (s *search) plateaus() {
	var found []Finding
	for i := range s.Tree.Nodes {
		n := &s.Tree.Nodes[i]
		if i == int(stacks.Root) || s.share(n.Self) < plateauShare || stacks.OfRuntime(s.Tree.Names[n.Name]) {
			continue
		}
		path := s.Tree.Path(int32(i))
		if s.Calls != nil && s.Calls.OnlyWaits(path) {
			continue
		}
		found = append(found, Finding{
			Frames: path, Weight: n.Self, Share: s.share(n.Self),
			Says: fmt.Sprintf("%s %s %s, by itself", pathText(path), s.verb(), s.amount(n.Self)),
		})
	}
	s.add("plateau", found...)
}

// tallStacks finds runs of frames each of which has nearly all of the one below it.
func (s *search) tallStacks() {
	nodes := s.Tree.Nodes
	levels := make([]int, len(nodes)) // of the run that ends at a node
	longer := make([]bool, len(nodes))
	for i := 1; i < len(nodes); i++ {
		n := &nodes[i]
		levels[i] = 1
		if n.Parent != stacks.Root && n.Total > tallShare*nodes[n.Parent].Total {
			levels[i] += levels[n.Parent]
			longer[n.Parent] = true
		}
	}
	var found []Finding
	for i := 1; i < len(nodes); i++ {
		n := &nodes[i]
		if levels[i] < tallLevels || longer[i] || s.share(n.Total) < leastShare {
			continue
		}
		path := s.Tree.Path(int32(i))
		found = append(found, Finding{
			Frames: path, Weight: n.Total, Share: s.share(n.Total), Count: levels[i],
			Says: fmt.Sprintf("%d levels, each nearly as wide as the one below, lead up to %s (%s)",
				levels[i], stacks.Printable(path[len(path)-1]), s.amount(n.Total)),
		})
	}
	s.add("tall-stack", found...)
}

// recursions finds names that occur three times on one path, and cycles of two to
// four names that repeat at once.
func (s *search) recursions() {
	weights := map[string]*Finding{}
	open := make([]int, len(s.Tree.Names)) // occurrences of a name on the path
	var path []int32
	for i := 1; i < len(s.Tree.Nodes); i++ {
		n := &s.Tree.Nodes[i]
		for ; len(path) >= int(n.Depth); path = path[:len(path)-1] {
			open[path[len(path)-1]]--
		}
		open[n.Name]++
		path = append(path, n.Name)
		switch {
		case open[n.Name] == 2:
			if period := Period(path); period > 1 {
				s.recursion(weights, path[len(path)-period:], n.Total, 2)
			}
		case open[n.Name] == 3:
			s.recursion(weights, []int32{n.Name}, n.Total, open[n.Name])
		case open[n.Name] > 3:
			s.recursion(weights, []int32{n.Name}, 0, open[n.Name])
		}
	}
	var found []Finding
	for _, key := range slices.Sorted(maps.Keys(weights)) {
		if f := weights[key]; f.Share >= leastShare {
			f.Says = fmt.Sprintf("%s calls itself, up to %d levels deep (%s)", key, f.Count, s.amount(f.Weight))
			found = append(found, *f)
		}
	}
	s.add("recursion", found...)
}

func (s *search) recursion(weights map[string]*Finding, cycle []int32, weight float64, rounds int) {
	names := make([]string, len(cycle))
	for i, name := range cycle {
		names[i] = s.Tree.Names[name]
	}
	slices.Sort(names) // a b a b and b a b a are one recursion
	key := pathText(names)
	f := weights[key]
	if f == nil {
		f = &Finding{Frames: names}
		weights[key] = f
	}
	f.Weight += weight
	f.Share = s.share(f.Weight)
	f.Count = max(f.Count, rounds)
}

// MaxPeriod is the largest number of frames in one round of a recursion.
const MaxPeriod = 4

// Period returns the smallest number of frames by which the end of a stack repeats the
// frames directly before it, 0 if it does not.
func Period(stack []int32) int {
	for period := 1; period <= MaxPeriod && 2*period <= len(stack); period++ {
		end := len(stack) - period
		if slices.Equal(stack[end:], stack[end-period:end]) {
			return period
		}
	}
	return 0
}

// repeats finds calls that make the same call many times.
func (s *search) repeats() {
	var found []Finding
	for _, r := range s.Calls.Repeats() {
		last := len(r.Path) - 1
		found = append(found, Finding{
			Frames: r.Path, Count: r.Most,
			Says: fmt.Sprintf("one call of %s makes up to %d calls of %s (%s do so)", pathText(r.Path[:last]),
				r.Most, stacks.Printable(r.Path[last]), stacks.Plural(float64(r.Parents), "call")),
		})
	}
	s.add("n-plus-one", found...)
}

// maxUnended is the number of tools that a finding about calls without an end names.
const maxUnended = 5

// unended finds calls that were in flight until the end of the trace.
func (s *search) unended() {
	calls := s.Calls.Unended()
	if len(calls) == 0 {
		return
	}
	count, tools := map[string]int{}, []string{}
	for _, c := range calls {
		count[c.Name]++
	}
	for _, c := range calls { // the longest first
		if count[c.Name] == 0 {
			continue
		}
		of := stacks.Printable(c.Name)
		if n := count[c.Name]; n > 1 {
			of = fmt.Sprintf("%d of %s", n, of)
		}
		tools = append(tools, of+" since "+report.Duration(c.Length))
		count[c.Name] = 0
	}
	if more := len(tools) - maxUnended; more > 0 {
		tools = append(tools[:maxUnended], stacks.Plural(float64(more), "more tool"))
	}
	s.add("never-ended", Finding{
		Frames: calls[0].Path, Weight: float64(calls[0].Length) / 1e6, Count: len(calls),
		Says: stacks.Plural(float64(len(calls)), "call") + " never ended: " + strings.Join(tools, ", "),
	})
}

// stuck finds calls that are in flight for long, or for much longer than others of
// their tool.
func (s *search) stuck() {
	var found []Finding
	for _, c := range s.Calls.Stuck() {
		found = append(found, Finding{
			Frames: c.Path, Weight: float64(c.Length) / 1e6,
			Says: fmt.Sprintf("call %s of %s was in flight for %s: %s",
				stacks.Printable(c.ID), stacks.Printable(c.Name), report.Duration(c.Length), c.Why),
		})
	}
	s.add("stuck", found...)
}

// queues finds queues that stand behind a single call.
func (s *search) queues() {
	var found []Finding
	for _, q := range s.Calls.Queues() {
		found = append(found, Finding{
			Frames: []string{q.Handler}, Count: int(q.Deepest),
			Says: fmt.Sprintf("up to %d calls wait for %s behind one, in %s; call %s of %s held it for %s", q.Deepest,
				stacks.Printable(q.Handler), stacks.Plural(float64(q.Polls), "poll"), stacks.Printable(q.ID),
				stacks.Printable(q.Name), report.Duration(q.Length)),
		})
	}
	s.add("queue", found...)
}
