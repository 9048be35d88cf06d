package fold

import (
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// A call that is in flight in the last poll has never ended if unendedPolls saw it for
// leastUnended, and for longer than unendedTimes the longest call of its tool that
// ended: a server under load always has calls in flight.
const (
	unendedPolls = 3
	leastUnended = 10 * time.Second
	unendedTimes = 2
)

// unended records the calls that had not ended at the end of the trace.
func (c *Calls) unended(t *target) {
	for _, fl := range t.now {
		longest := time.Duration(0)
		if ended := fl.tool.longest; len(ended) > 0 {
			longest = ended[0].length
		}
		if fl.polls >= unendedPolls && fl.last.Sub(fl.first) >= leastUnended && fl.length > unendedTimes*longest {
			c.open = append(c.open, record{t.name, fl.id, fl.name, fl.node, fl.length})
			c.openHits[fl.node] += fl.hits
		}
	}
}

// Unended lists the calls that never ended, by their length.
func (c *Calls) Unended() []StuckCall {
	var list []StuckCall
	for _, r := range sortedRecords(slices.Clone(c.open)) {
		list = append(list, StuckCall{Path: c.b.Path(r.node), ID: r.id, Name: r.name, Length: r.length})
	}
	return list
}

// OnlyWaits reports whether most of the calls that polls saw at a path never ended: its
// width is their waiting, and no work.
func (c *Calls) OnlyWaits(path []string) bool {
	for node, hits := range c.openHits {
		if 2*hits > c.b.Nodes[node].Hits && node != stacks.Root && slices.Equal(c.b.Path(node), path) {
			return true
		}
	}
	return false
}
