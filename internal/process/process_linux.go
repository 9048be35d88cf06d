package process

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ticksPerSecond is USER_HZ, which every Linux architecture shows as 100.
const ticksPerSecond = 100

var pageSize = uint64(os.Getpagesize())

// proc is a process whose directory and files are held open: reads fail once it has
// ended, even when another process has its PID.
type proc struct {
	id       ID
	dir      *os.Root
	statm    *os.File
	status   *os.File // its file stat
	children *os.File // of its first thread; nil where the kernel has no such files

	last  Memory // of the last Read of its tree
	group cgroup
}

func open(pid int) (*proc, error) {
	p := &proc{id: ID{PID: pid}}
	if err := p.open(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *proc) open() (err error) {
	if p.dir, err = os.OpenRoot(procDir(p.id.PID)); err != nil {
		return err
	}
	if p.statm, err = p.dir.Open("statm"); err != nil {
		return err
	}
	if p.status, err = p.dir.Open("stat"); err != nil {
		return err
	}
	if p.children, err = p.dir.Open("task/" + strconv.Itoa(p.id.PID) + "/children"); scarce(err) {
		return err
	}
	s, err := p.stat()
	if err == nil && s.ended() {
		err = ErrEnded
	}
	p.id.Start = s.start
	return err
}

func (p *proc) close() {
	if p.dir != nil {
		_ = p.dir.Close()
	}
	for _, f := range []*os.File{p.statm, p.status, p.children} {
		_ = f.Close() // a nil file may be closed
	}
}

// readOpen reads an open file from its start. Bytes beyond the size of buf are left out.
func readOpen(f *os.File, buf []byte) ([]byte, error) {
	n, err := f.ReadAt(buf, 0)
	if n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

func (p *proc) memory() (Memory, error) {
	var buf [128]byte
	b, err := readOpen(p.statm, buf[:])
	if err != nil {
		return Memory{}, err
	}
	m, ok := parseStatm(b)
	if !ok || m.size == 0 && p.ended() {
		return Memory{}, ErrEnded
	}
	return Memory{RSS: m.resident * pageSize, VMS: m.size * pageSize, Anonymous: (m.resident - min(m.shared, m.resident)) * pageSize}, nil
}

// ended reports whether the process has ended. A zombie reads as a process without memory.
func (p *proc) ended() bool {
	s, err := p.stat()
	return err != nil || s.ended()
}

func isZombie(err error) bool { return errors.Is(err, ErrEnded) }

// gone reports whether err means that there is no such process.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, ErrEnded)
}

func procDir(pid int) string { return "/proc/" + strconv.Itoa(pid) }

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(procDir(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

func (p *proc) stat() (stat, error) {
	var buf [1024]byte
	b, err := readOpen(p.status, buf[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

func describe(pid int) (Info, error) {
	s, err := readStat(pid)
	if err != nil {
		return Info{}, err
	}
	if s.ended() {
		return Info{}, ErrEnded
	}
	return s.info(pid), nil
}

func (s stat) info(pid int) Info {
	i := Info{ID: ID{PID: pid, Start: s.start}, Parent: s.parent, Name: s.name}
	i.Exe, _ = os.Readlink(procDir(pid) + "/exe") // unreadable when it belongs to another user
	if b, err := os.ReadFile(procDir(pid) + "/cmdline"); err == nil && len(b) > 0 {
		i.Args = strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	}
	i.Started = bootTime().Add(time.Duration(s.start) * (time.Second / ticksPerSecond))
	return i
}

// bootTime returns the time from which start ticks count.
var bootTime = sync.OnceValue(func() time.Time {
	b, _ := os.ReadFile("/proc/stat")
	_, rest, _ := bytes.Cut(b, []byte("\nbtime"))
	seconds, _, _ := leadingNumber(rest)
	return time.Unix(int64(seconds), 0)
})

// list lists the living processes without threads of the kernel.
func list() ([]Info, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	var all []Info
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil && !s.kernel && !s.ended() {
			all = append(all, s.info(pid))
		}
	}
	return all, nil
}

// appendChildren appends the children of p to dst. A child belongs to the thread
// that started it, so the files of all threads are read. A process or a thread that
// has ended has none.
func (p *proc) appendChildren(dst []int) ([]int, error) {
	var buf [512]byte
	if p.children != nil && p.singleThreaded() {
		if b, err := readOpen(p.children, buf[:]); err == nil && len(b) < len(buf) {
			return appendPIDs(dst, b), nil
		}
	}
	threads, err := numbersIn(p.dir.Open("task"))
	before, dir := len(dst), procDir(p.id.PID)+"/task/"
	for _, thread := range threads {
		b, openErr := os.ReadFile(dir + strconv.Itoa(thread) + "/children") // half the cost of p.dir.ReadFile
		if openErr == nil {
			dst = appendPIDs(dst, b)
		} else if scarce(openErr) {
			err = openErr
		}
	}
	if len(dst) > before && p.ended() {
		return dst[:before], err // another process may have the PID by now
	}
	return dst, err
}

// singleThreaded reports whether the process has one thread: its directory of threads
// has a link for each and two more.
func (p *proc) singleThreaded() bool {
	info, err := p.dir.Stat("task")
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 3
}

func allPIDs() ([]int, error) { return numbersIn(os.Open("/proc")) }

// numbersIn lists the entries of a directory that are numbers, and closes it.
func numbersIn(dir *os.File, err error) ([]int, error) {
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // only read
	names, err := dir.Readdirnames(-1)
	numbers := make([]int, 0, len(names))
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, err
}
