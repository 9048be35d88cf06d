//go:build !linux

package process

import "time"

// detail reads CPU and threads; the rest only Linux tells at a price one can pay at each tick.
func (t *Tree) detail() (Detail, map[ID]time.Duration) {
	d := NoDetail()
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
	return d, used
}
