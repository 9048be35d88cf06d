package process

import (
	"os"
	"sync"
)

// kinship says who whose child is: from the children files of each thread where
// the kernel has them, else from one scan of all processes. The zero value works.
type kinship struct {
	scan  bool          // there are no children files
	kids  map[int][]int // parent → children, of the scan
	seen  map[int]int   // PID → parent, of the scans so far
	scans int

	births births
}

// Between two full scans only PIDs that are new are asked for their parent. A
// process with another parent than before was adopted, and it is a member of
// its tree already; a PID that ended and came back within this many scans is
// found at the next full scan.
const fullScanEvery = 20

var hasChildrenFiles = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// refresh is called before the children of a tick are asked for. It reports
// whether there can be any that are new.
func (k *kinship) refresh() (grown bool, err error) {
	if !k.births.since(lastPID()) {
		return false, nil
	}
	if !k.scan && hasChildrenFiles() {
		return true, nil
	}
	k.scan = true
	if k.scans%fullScanEvery == 0 {
		k.seen = map[int]int{}
	}
	k.scans++
	return true, k.rescan()
}

// found is told of a child that is new.
func (k *kinship) found() { k.births.found(lastPID()) }

// lost is told of a member that ended: it may be a zombie now, which is seen
// when its parent is asked.
func (k *kinship) lost() { k.births.doubt() }

func (k *kinship) rescan() error {
	pids, err := allPIDs()
	if err != nil {
		return err
	}
	before := k.seen
	k.seen, k.kids = make(map[int]int, len(pids)), map[int][]int{}
	for _, pid := range pids {
		parent, known := before[pid]
		if !known {
			s, err := readStat(pid)
			if err != nil {
				continue // it ended meanwhile
			}
			parent = s.parent
		}
		k.seen[pid] = parent
		k.kids[parent] = append(k.kids[parent], pid)
	}
	return nil
}

// children appends the children of p to dst.
func (k *kinship) children(dst []int, p *proc) ([]int, error) {
	if k.scan {
		return append(dst, k.kids[p.id.PID]...), nil
	}
	return p.appendChildren(dst)
}
