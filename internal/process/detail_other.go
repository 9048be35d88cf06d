//go:build !linux

package process

import (
	"net/netip"
	"time"
)

// counts reads CPU and threads. Only Linux provides the rest at a low cost.
func (t *Tree) counts(d *Detail) map[ID]time.Duration {
	d.Threads = 0
	used := make(map[ID]time.Duration, len(t.members))
	for _, p := range t.members {
		if times, err := p.p.Times(); err == nil {
			used[p.id] = time.Duration((times.User + times.System) * float64(time.Second))
		}
		threads, err := p.p.NumThreads()
		if err != nil {
			d.Threads = unknown
		}
		d.Threads += float64(threads)
	}
	return used
}

// ReadPages does nothing: only Linux provides the figures.
func (t *Tree) ReadPages(*Detail) {}

// ReadSockets does nothing: only Linux provides the figures.
func (t *Tree) ReadSockets(*Detail) {}

// Peers returns nothing: only Linux provides the addresses.
func Peers(int) []netip.AddrPort { return nil }
