package checks

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Labels are names with values.
type Labels map[string]string

var labelName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ParseLabels reads pairs such as job=mcp.
func ParseLabels(pairs []string) (Labels, error) {
	all := Labels{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !labelName.MatchString(name) {
			return nil, fmt.Errorf("%q is not a label and its value; want job=mcp-server", pair)
		}
		all[name] = strings.Trim(value, `"`)
	}
	return all, nil
}

// In reports whether all labels are among others.
func (l Labels) In(others map[string]string) bool {
	for name, value := range l {
		if others[name] != value {
			return false
		}
	}
	return true
}

// Matchers returns the labels as matchers of PromQL, sorted.
func (l Labels) Matchers() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		all = append(all, name+"="+strconv.Quote(l[name]))
	}
	return all
}

// shown are the labels that come first in the text of an alert or a series.
var shown = []string{"job", "instance", "namespace", "pod"}

// Describe writes the labels of a foreign document, at most eight, the usual ones first.
// Names that are in omit are left out.
func Describe(labels map[string]string, omit ...string) string {
	names := slices.SortedFunc(maps.Keys(labels), func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(omit, name) })
	var parts []string
	for _, name := range names[:min(len(names), 8)] {
		parts = append(parts, report.Cell(name, 30)+"="+report.Cell(labels[name], 60))
	}
	return cmp.Or(strings.Join(parts, " "), "no labels")
}

func rank(name string) int {
	if i := slices.Index(shown, name); i >= 0 {
		return i
	}
	return len(shown)
}
