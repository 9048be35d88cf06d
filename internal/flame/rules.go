package flame

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// plateaus finds frames that hold much of the whole by themselves.
func (s *search) plateaus() {
	var found []Finding
	for i := range s.chains {
		c := &s.chains[i]
		if i == root || s.share(c.self) < plateauShare {
			continue
		}
		path := s.pathTo(int32(i), int(c.count))
		found = append(found, Finding{
			Frames: path, Weight: c.self, Share: s.share(c.self),
			Says: fmt.Sprintf("%s spends %s, by itself", pathText(path), s.amount(c.self)),
		})
	}
	s.add("plateau", found...)
}

// tallStacks finds runs of frames each of which holds nearly all of the one below it.
func (s *search) tallStacks() {
	var found []Finding
	levels := make([]int, len(s.chains)) // of the run that a chain ends
	longer := make([]bool, len(s.chains))
	for i := 1; i < len(s.chains); i++ {
		c := &s.chains[i]
		levels[i] = int(c.count)
		if c.parent != root && c.total > tallShare*s.chains[c.parent].total {
			levels[i] += levels[c.parent]
			longer[c.parent] = true
		}
	}
	for i := 1; i < len(s.chains); i++ {
		c := &s.chains[i]
		if levels[i] < tallLevels || longer[i] || s.share(c.total) < leastShare {
			continue
		}
		path := s.pathTo(int32(i), int(c.count))
		found = append(found, Finding{
			Frames: path, Weight: c.total, Share: s.share(c.total), Count: levels[i],
			Says: fmt.Sprintf("%d levels, each nearly as wide as the one below, lead up to %s (%s)",
				levels[i], printable(path[len(path)-1]), s.amount(c.total)),
		})
	}
	s.add("tall-stack", found...)
}

// recursions finds names that stand three times on one path, and rounds of two
// to four names that come again at once.
func (s *search) recursions() {
	weights := map[string]*Finding{}
	open := make([]int, s.names.len())
	var path []int32
	for i := range s.chains {
		c := &s.chains[i]
		for below := max(int(c.depth)-1, 0); len(path) > below; path = path[:len(path)-1] {
			open[path[len(path)-1]]--
		}
		for _, name := range s.of(c) {
			open[name]++
			path = append(path, name)
			switch {
			case open[name] == 2:
				if period := repeats(path); period > 1 {
					s.recursion(weights, path[len(path)-period:], c.total, 2)
				}
			case open[name] == 3:
				s.recursion(weights, []int32{name}, c.total, open[name])
			case open[name] > 3:
				s.recursion(weights, []int32{name}, 0, open[name])
			}
		}
	}
	var found []Finding
	for _, key := range slices.Sorted(maps.Keys(weights)) {
		if f := weights[key]; f.Share >= leastShare {
			f.Says = fmt.Sprintf("%s calls itself, %d levels deep at most (%s)", key, f.Count, s.amount(f.Weight))
			found = append(found, *f)
		}
	}
	s.add("recursion", found...)
}

func (s *search) recursion(weights map[string]*Finding, round []int32, weight float64, rounds int) {
	names := make([]string, len(round))
	for i, name := range round {
		names[i] = s.name(name)
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

// repeats finds calls that make the same call many times.
func (s *search) repeats() {
	if s.p.calls == nil {
		return
	}
	var found []Finding
	for n, r := range s.p.calls.repeats {
		path := s.p.calls.b.path(n)
		found = append(found, Finding{
			Frames: path, Count: r.most,
			Says: fmt.Sprintf("one call of %s makes up to %d calls of %s (%s do so)", pathText(path[:len(path)-1]),
				r.most, printable(path[len(path)-1]), count(r.parents, "call")),
		})
	}
	s.add("n-plus-one", found...)
}

// tables finds what the names of frames tell.
func (s *search) tables() {
	for _, table := range s.book.Tables {
		weight, heaviest := s.marked(s.marks(&table))
		part := s.share(weight)
		if part < noticeShare {
			continue
		}
		f := Finding{Frames: heaviest, Weight: weight, Share: part, Level: "notice"}
		if part >= warnShare {
			f.Level = "warning"
		}
		f.Says = fmt.Sprintf("%s, in %s", s.amount(weight), joinNames(heaviest, ", "))
		s.add(table.Rule, f)
	}
}

// What a table says of a name.
const (
	markAll  = 1 + iota // it counts with all that is on it
	markSelf            // everything passes through it: it counts by itself
)

func (s *search) marks(table *nameTable) []uint8 {
	marks := make([]uint8, s.names.len())
	for id := range marks {
		name := s.name(int32(id))
		if begins(name, table.PassThrough) {
			marks[id] = markSelf
			continue
		}
		for _, runtime := range table.Frames {
			if runtime.match(name) {
				marks[id] = markAll
				break
			}
		}
	}
	return marks
}

// marked adds up what is marked, what is within something marked once only, and
// names the heaviest of it.
func (s *search) marked(marks []uint8) (weight float64, heaviest []string) {
	by := map[int32]float64{}
	for i := 1; i < len(s.chains); i++ {
		c := &s.chains[i]
		chain := s.of(c)
		all := slices.IndexFunc(chain, func(name int32) bool { return marks[name] == markAll })
		last := chain[len(chain)-1]
		switch {
		case all >= 0:
			by[chain[all]] += c.total
			i += int(c.under)
		case marks[last] == markSelf:
			by[last] += c.self
		}
	}
	ids := slices.SortedFunc(maps.Keys(by), func(a, b int32) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(s.name(a), s.name(b)))
	})
	for _, id := range ids {
		weight += by[id]
		if len(heaviest) < maxPerRule && by[id] > 0 {
			heaviest = append(heaviest, s.name(id))
		}
	}
	return weight, heaviest
}

func joinNames(names []string, sep string) string {
	clean := make([]string, len(names))
	for i, name := range names {
		clean[i] = printable(name)
	}
	return strings.Join(clean, sep)
}

// stuck finds calls that are in flight for long, or for much longer than
// others of their tool.
func (s *search) stuck() {
	if s.p.calls == nil {
		return
	}
	var found []Finding
	for _, tool := range s.p.calls.tools {
		for _, r := range tool.longest {
			if why := s.p.calls.hangs(tool, r.length); why != "" {
				found = append(found, Finding{
					Frames: s.p.calls.b.path(r.node), Weight: millis(r.length),
					Says: fmt.Sprintf("call %s of %s was in flight for %s: %s",
						printable(r.id), printable(r.name), report.Duration(r.length), why),
				})
			}
		}
	}
	s.add("stuck", found...)
}

// queues finds queues that stand behind a single call.
func (s *search) queues() {
	if s.p.calls == nil {
		return
	}
	var found []Finding
	for name, h := range s.p.calls.heads {
		found = append(found, Finding{
			Frames: []string{name}, Count: int(h.deepest),
			Says: fmt.Sprintf("up to %d calls wait for %s behind one, in %s; call %s of %s held it for %s", h.deepest, printable(name),
				count(h.polls, "poll"), printable(h.holder.id), printable(h.holder.name), report.Duration(h.holder.length)),
		})
	}
	s.add("queue", found...)
}
