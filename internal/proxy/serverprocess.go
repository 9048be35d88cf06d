package proxy

import (
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Process reads the memory of the server's process. When the process ends, its
// target is searched for again: a server that was restarted has another PID.
type Process struct {
	Target process.Target

	mu       sync.Mutex
	tree     *process.Tree // nil while the process is not known
	info     process.Info
	ended    bool // a process of the target has ended
	searched time.Time
	last     process.Reading
}

// searchPause is the pause between two searches for a process that is not
// there: a search reads all processes.
const searchPause = 250 * time.Millisecond

// fill adds the figures of the process to d. They are absent if it does not run.
func (p *Process) fill(d *Document, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.read(now) {
		return
	}
	d.RSSMB = new(float64(p.last.Total.RSS) / (1 << 20))
	if p.last.Total.Anonymous > 0 {
		d.HeapUsedMB, d.HeapSource = new(float64(p.last.Total.Anonymous)/(1<<20)), snapshot.HeapOfProcess
	}
	d.PID = new(int64(p.info.PID))
	if !p.info.Started.IsZero() {
		d.StartTime = &snapshot.Time{Time: p.info.Started}
		d.UptimeMs = new(ageMs(p.info.Started, now))
	}
}

// read reads the process. It searches once more if the process has ended.
func (p *Process) read(now time.Time) bool {
	for range 2 {
		if p.tree == nil && !p.find(now) {
			return false
		}
		r, err := p.tree.Read()
		if err == nil {
			p.last = r
			return true
		}
		p.tree.Close()
		p.tree, p.ended = nil, true
	}
	return false
}

// find searches for the process, unless it did just before.
func (p *Process) find(now time.Time) bool {
	target := p.Target
	if now.Sub(p.searched) < searchPause || p.ended && !target.CanRestart() {
		return false
	}
	p.searched = now
	if target.Name != "" {
		target.Match = process.MatchNewest
	}
	found, err := target.Find()
	if err != nil {
		return false
	}
	tree, err := process.Open(found[0].ID)
	if err != nil {
		return false
	}
	p.info, p.tree = found[0], tree
	return true
}
