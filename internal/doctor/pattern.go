package doctor

import (
	"path"

	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
)

// matchesAny reports whether id, or its group, matches a pattern such as "http.*".
func matchesAny(patterns []string, id string) bool {
	for _, p := range patterns {
		if p == rules.Group(id) {
			return true
		}
		if ok, err := path.Match(p, id); err == nil && ok {
			return true
		}
	}
	return false
}
