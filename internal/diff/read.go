package diff

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// MaxServers is the number of servers that are distinguished in a trace.
const MaxServers = 1000

// ErrChoose marks errors about traces of several servers. The caller must choose one.
var ErrChoose = errors.New("choose one with --target")

// Read collects the snapshots of one server from a trace: the only one whose address
// contains target. The warnings name skipped lines.
func Read(in io.Reader, name, target string) (*Collector, []string, error) {
	reader := snapshot.NewReader(in, name)
	var all servers
	for s, err := range reader.All() {
		if err != nil {
			return nil, nil, err
		}
		if strings.Contains(s.Target(), target) && !all.add(s) {
			return nil, nil, fmt.Errorf("%s holds more than %d targets; %w", name, MaxServers, ErrChoose)
		}
	}
	warnings := reader.Warnings
	trace := all.only()
	switch {
	case len(all.answered) == 0:
		return nil, nil, fmt.Errorf("reading %s: there is no snapshot in it", name)
	case trace == nil:
		return nil, nil, fmt.Errorf("%s holds several targets; %w: %s", name, ErrChoose, listed(all.answered))
	case trace.Failed > 0:
		warnings = append(warnings, fmt.Sprintf("%s: %d polls failed", name, trace.Failed))
	}
	return trace, warnings, nil
}

// servers collects the snapshots of each server of a trace. The zero value is ready.
type servers struct {
	of       map[string]*Collector
	answered []string // targets that have a snapshot
}

// add adds a snapshot; it returns false beyond MaxServers. As soon as a second server
// has answered, one must be chosen anyway, and no more is kept.
func (all *servers) add(s *snapshot.Snapshot) bool {
	trace := all.of[s.Target()]
	if trace == nil {
		if len(all.of) == MaxServers {
			return false
		}
		if all.of == nil {
			all.of = map[string]*Collector{}
		}
		trace = &Collector{}
		all.of[s.Target()] = trace
	}
	if !s.Failed() && trace.Len() == 0 {
		all.answered = append(all.answered, s.Target())
	}
	if trace.Len() == 0 || len(all.answered) == 1 {
		trace.Add(s)
	}
	return true
}

// only returns the snapshots of the one server that answered, nil if there are others.
func (all *servers) only() *Collector {
	slices.Sort(all.answered)
	if len(all.answered) == 1 {
		return all.of[all.answered[0]]
	}
	return nil
}

// listedTargets is the number of targets that an error lists.
const listedTargets = 20

func listed(targets []string) string {
	if more := len(targets) - listedTargets; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(targets[:listedTargets], ", "), more)
	}
	return strings.Join(targets, ", ")
}
