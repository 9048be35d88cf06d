package proxy

import (
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Process watches the server's process for what it holds. Where it ends, it is
// looked for again: a server that was restarted has another PID.
type Process struct {
	// Find names the process now, or says that there is none.
	Find func() (process.Info, error)

	mu     sync.Mutex
	info   process.Info
	tree   *process.Tree
	sought time.Time
	last   process.Reading
}

// seekAgain is how long to wait before a process that is not there is looked
// for again, which means to look at all there are.
const seekAgain = 250 * time.Millisecond

// fill puts into d what the process says of itself; where there is none now, that is absent.
func (p *Process) fill(d *Document, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.look(now) {
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

// look reads the process, and looks for it once more where it has ended.
func (p *Process) look(now time.Time) bool {
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

func (p *Process) find(now time.Time) bool {
	if now.Sub(p.sought) < seekAgain {
		return false
	}
	p.sought = now
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
