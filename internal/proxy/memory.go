package proxy

import (
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Process reads the memory of the server's process. When the process ends, it is
// searched for again: a server that was restarted has another PID.
type Process struct {
	// Find returns the process that runs now, or an error.
	Find func() (process.Info, error)

	mu       sync.Mutex
	info     process.Info
	tree     *process.Tree
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
		d.UptimeMs = new(max(0, millis(now.Sub(p.info.Started))))
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
		p.tree = nil
	}
	return false
}

// find searches for the process, unless it did just before.
func (p *Process) find(now time.Time) bool {
	if now.Sub(p.searched) < searchPause {
		return false
	}
	p.searched = now
	info, err := p.Find()
	if err != nil {
		return false
	}
	tree, err := process.Open(info.ID)
	if err != nil {
		return false
	}
	p.info, p.tree = info, tree
	return true
}
