package logs

import (
	"cmp"
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

// at returns the row of a name, made on first use.
func (t *tally[T]) at(name string) *T { return t.of([]byte(name)) }

// of is at for a name that need not be copied if it is there already.
func (t *tally[T]) of(key []byte) *T {
	if row, ok := t.rows[string(key)]; ok {
		return row
	}
	name := text(key)
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	if len(t.rows) >= cmp.Or(t.limit, maxNames) {
		name = others
		if row, ok := t.rows[name]; ok {
			return row
		}
	}
	row := new(T)
	t.rows[name] = row
	return row
}

// sorted returns the names in the order of less, names that are equal by name.
func (t *tally[T]) sorted(compare func(a, b *T) int) []string {
	names := make([]string, 0, len(t.rows))
	for name := range t.rows {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(compare(t.rows[a], t.rows[b]), cmp.Compare(a, b))
	})
	return names
}
