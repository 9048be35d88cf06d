package process

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// kinship says who whose child is: from the children files of each thread where
// the kernel has them, else from one scan of all processes. The zero value works.
type kinship struct {
	scan bool          // there are no children files
	kids map[int][]int // parent → children, of the scan
	seen map[int]int   // PID → parent, of the scans so far
	tick int
}

// Between two full scans only PIDs that are new are asked for their parent. A
// process with another parent than before was adopted, and it is a member of
// its tree already; a PID that ended and came back within this many ticks is
// found at the next full scan.
const fullScanEvery = 20

var hasChildrenFiles = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// refresh is called before the children of a tick are asked for.
func (k *kinship) refresh() error {
	if !k.scan && hasChildrenFiles() {
		return nil
	}
	k.scan = true
	if k.tick%fullScanEvery == 0 {
		k.seen = map[int]int{}
	}
	k.tick++
	return k.rescan()
}

func (k *kinship) rescan() error {
	pids, err := pidsIn("/proc")
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

// children appends the children of pid to dst. A child is listed with the
// thread that started it, so all threads are asked.
func (k *kinship) children(dst []int, pid int) []int {
	if k.scan {
		return append(dst, k.kids[pid]...)
	}
	dir := procDir(pid) + "/task/"
	threads, err := pidsIn(dir)
	if err != nil {
		return dst // it ended meanwhile
	}
	for _, thread := range threads {
		dst = readPIDs(dst, dir+strconv.Itoa(thread)+"/children")
	}
	return dst
}

// readPIDs is os.ReadFile without its costs: the file is tiny and read for
// each thread at each tick.
func readPIDs(dst []int, path string) []int {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return dst
	}
	defer func() { _ = syscall.Close(fd) }()
	var buf [512]byte
	n, err := syscall.Read(fd, buf[:])
	if n < len(buf) || err != nil {
		return appendPIDs(dst, buf[:max(n, 0)])
	}
	rest := buf[:n:n]
	for err == nil && n > 0 {
		var more [4096]byte
		n, err = syscall.Read(fd, more[:])
		rest = append(rest, more[:max(n, 0)]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return dst
	}
	return appendPIDs(dst, rest)
}
