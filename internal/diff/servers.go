package diff

import (
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// MaxServers is how many servers of a trace are told apart.
const MaxServers = 1000

// Servers collects what a trace holds of each of its servers. The zero value is ready.
type Servers struct {
	of       map[string]*Collector
	answered []string // the targets of which there is a snapshot
}

// Add takes in a snapshot; it returns false where there are more than MaxServers.
// Where one of several has to be chosen anyway, it is enough to know that they answered.
func (all *Servers) Add(s *snapshot.Snapshot) bool {
	trace := all.of[s.Target()]
	if trace == nil {
		if len(all.of) == MaxServers {
			return false
		}
		if all.of == nil {
			all.of = map[string]*Collector{}
		}
		trace = &Collector{}
		all.of[strings.Clone(s.Target())] = trace
	}
	if !s.Failed() && trace.Len() == 0 {
		all.answered = append(all.answered, strings.Clone(s.Target()))
	}
	if trace.Len() == 0 || len(all.answered) == 1 {
		trace.Add(s)
	}
	return true
}

// Only returns the targets that answered, in order, and where there is just one
// what the trace holds of it.
func (all *Servers) Only() (trace *Collector, targets []string) {
	slices.Sort(all.answered)
	if len(all.answered) == 1 {
		trace = all.of[all.answered[0]]
	}
	return trace, all.answered
}
