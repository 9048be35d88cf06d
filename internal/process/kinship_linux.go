package process

import (
	"os"
	"sync"
)

// kinship finds the children of processes: in the children files of each thread
// where the kernel has them, otherwise by one scan of all processes per tick. The zero value works.
type kinship struct {
	scan bool          // there are no children files
	kids map[int][]int // parent → children, of the last scan
}

var hasChildrenFiles = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// refresh prepares for the calls of children of one tick.
func (k *kinship) refresh() error {
	if !k.scan && hasChildrenFiles() {
		return nil
	}
	k.scan, k.kids = true, map[int][]int{}
	pids, err := allPIDs()
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil { // otherwise it ended meanwhile
			k.kids[s.parent] = append(k.kids[s.parent], pid)
		}
	}
	return err
}

// children appends the children of p to dst.
func (k *kinship) children(dst []int, p *proc) ([]int, error) {
	if k.scan {
		return append(dst, k.kids[p.id.PID]...), nil
	}
	return p.appendChildren(dst)
}
