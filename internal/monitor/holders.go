package monitor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Holder is a process of a tree with its share of the memory, in MB of RSS.
type Holder struct {
	PID     int     `json:"pid"`
	Command string  `json:"command"`
	Initial float64 `json:"initial"`
	Final   float64 `json:"final"`
}

// maxHolders is how many processes of a tree are reported.
const maxHolders = 5

// addHolders updates the memory of each process of the tree. Processes that have
// ended are dropped.
func (p *Process) addHolders(memory map[process.ID]process.Memory) {
	before := p.holders
	p.holders = make(map[process.ID]Holder, len(memory))
	for id, m := range memory {
		h, known := before[id]
		if !known {
			info, err := process.Lookup(id.PID)
			if err != nil {
				continue // it has ended
			}
			h = Holder{PID: id.PID, Command: info.Command(), Initial: mb(m.RSS)}
		}
		h.Final = mb(m.RSS)
		p.holders[id] = h
	}
}

// largestHolders lists the processes that hold most memory, the largest first. A
// tree of one process has none.
func (p *Process) largestHolders() []Holder {
	if len(p.holders) < 2 {
		return nil
	}
	holders := slices.SortedFunc(maps.Values(p.holders), func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Final, a.Final), cmp.Compare(a.PID, b.PID))
	})
	return holders[:min(len(holders), maxHolders)]
}

func (h Holder) text() string {
	return fmt.Sprintf("%s, %s (PID %d: %s)", report.MB(h.Final), report.Signed(h.Final-h.Initial, report.MB), h.PID, report.Cell(h.Command, 60))
}
