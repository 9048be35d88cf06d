package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// tables finds frames whose names reveal their purpose.
func (s *search) tables() {
	for _, table := range s.book.Tables {
		weight, heaviest := s.marked(s.marks(&table))
		part := s.share(weight)
		if part < leastShare {
			continue
		}
		f := Finding{Frames: heaviest, Weight: weight, Share: part}
		f.Says = fmt.Sprintf("%s, in %s", s.amount(weight), joinNames(heaviest, ", "))
		s.add(table.Rule, f)
	}
}

// The marks of a name in a table.
const (
	markAll  = 1 + iota // it counts with all that is above it
	markSelf            // everything passes through it: it counts by itself
)

func (s *search) marks(table *nameTable) []uint8 {
	marks := make([]uint8, len(s.Tree.Names))
	for id, name := range s.Tree.Names {
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

// marked adds up the marked frames, those within other marked frames only once, and
// names the heaviest ones.
func (s *search) marked(marks []uint8) (weight float64, heaviest []string) {
	by := map[int32]float64{}
	for i := int32(1); int(i) < len(s.Tree.Nodes); i++ {
		n := &s.Tree.Nodes[i]
		switch marks[n.Name] {
		case markAll:
			by[n.Name] += n.Total
			i += n.Under
		case markSelf:
			by[n.Name] += n.Self
		}
	}
	ids := slices.SortedFunc(maps.Keys(by), func(a, b int32) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(s.Tree.Names[a], s.Tree.Names[b]))
	})
	for _, id := range ids {
		weight += by[id]
		if len(heaviest) < maxPerRule && by[id] > 0 {
			heaviest = append(heaviest, s.Tree.Names[id])
		}
	}
	return weight, heaviest
}
