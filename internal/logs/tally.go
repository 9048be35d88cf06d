package logs

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// others is the name under which a full table counts further names.
const others = "(others)"

// maxNames is how many names a table holds.
const maxNames = 5000

// tally is a table with a bounded number of names.
type tally[T any] struct {
	rows  map[string]*T
	limit int
}

// maxKey is the length of a name: of two texts and a separator.
const maxKey = 2*maxText + 1

// row returns the row of a name, made on first use. The name is cut to maxKey bytes.
func (t *tally[T]) row(name []byte) *T {
	name = name[:min(len(name), maxKey)]
	if row, ok := t.rows[string(name)]; ok {
		return row
	}
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	if len(t.rows) >= cmp.Or(t.limit, maxNames) {
		name = []byte(others)
		if row, ok := t.rows[others]; ok {
			return row
		}
	}
	row := new(T)
	t.rows[string(name)] = row
	return row
}

// sorted yields the rows in the order of compare, those that are equal by name.
func (t *tally[T]) sorted(compare func(a, b *T) int) iter.Seq2[string, *T] {
	names := slices.Collect(maps.Keys(t.rows))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(compare(t.rows[a], t.rows[b]), cmp.Compare(a, b))
	})
	return func(yield func(string, *T) bool) {
		for _, name := range names {
			if !yield(name, t.rows[name]) {
				return
			}
		}
	}
}
