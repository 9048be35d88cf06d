package engine

import (
	"slices"
	"sync"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// deviations collects the warnings of sessions about departures of the server from the
// protocol, each once per run.
type deviations struct {
	mu   sync.Mutex
	seen []string
}

// maxDeviations limits them, as servers choose their texts.
const maxDeviations = 20

func (d *deviations) add(s *mcp.Session) {
	found := s.Warnings()
	if len(found) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, text := range found {
		if !slices.Contains(d.seen, text) && len(d.seen) < maxDeviations {
			d.seen = append(d.seen, text)
		}
	}
}

func (d *deviations) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}
