package process

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is USER_HZ, which every Linux architecture shows as 100.
const ticksPerSecond = 100

var pageSize = uint64(os.Getpagesize())

// proc is one process, held open: reads from the open files and below the open
// directory fail once the process has ended, even when its PID is given again.
type proc struct {
	id       ID
	dir      *os.File
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
	if p.dir, err = os.Open(procDir(p.id.PID)); err != nil {
		return err
	}
	if p.statm, err = p.file("statm"); err != nil {
		return err
	}
	if p.status, err = p.file("stat"); err != nil {
		return err
	}
	if p.children, err = p.file("task/" + strconv.Itoa(p.id.PID) + "/children"); scarce(err) {
		return err
	}
	s, err := p.stat()
	if err == nil && s.ended() {
		err = ErrEnded
	}
	p.id.Start = s.start
	return err
}

// file opens a file of the process whose directory is open.
func (p *proc) file(name string) (*os.File, error) {
	fd, err := openAt(p.fd(), name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (p *proc) close() {
	for _, f := range []*os.File{p.dir, p.statm, p.status, p.children} {
		_ = f.Close() // a nil file may be closed
	}
}

func (p *proc) fd() int { return int(p.dir.Fd()) }

func (p *proc) memory() (Memory, error) {
	var buf [128]byte
	b, err := readStart(p.statm, buf[:])
	if err != nil {
		return Memory{}, err
	}
	size, resident, ok := parseStatm(b)
	if !ok || size == 0 && p.ended() {
		return Memory{}, ErrEnded
	}
	shared := min(parseShared(b), resident)
	return Memory{RSS: resident * pageSize, VMS: size * pageSize, Anonymous: (resident - shared) * pageSize}, nil
}

// ended asks after the state: a zombie reads as a process without memory.
func (p *proc) ended() bool {
	s, err := p.stat()
	return err != nil || s.ended()
}

func isZombie(err error) bool { return errors.Is(err, ErrEnded) }

// gone reports whether err says that there is no such process.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, ErrEnded)
}

func procDir(pid int) string { return "/proc/" + strconv.Itoa(pid) }

func readStat(pid int) (stat, error) {
	var buf [1024]byte
	b, err := appendFile(buf[:0], unix.AT_FDCWD, procDir(pid)+"/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

func (p *proc) stat() (stat, error) {
	var buf [1024]byte
	b, err := readStart(p.status, buf[:])
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
	i.Exe, _ = os.Readlink(procDir(pid) + "/exe") // another user's may not be read
	if b, err := os.ReadFile(procDir(pid) + "/cmdline"); err == nil && len(b) > 0 {
		i.Args = strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	}
	i.Started = bootTime().Add(time.Duration(s.start) * (time.Second / ticksPerSecond))
	return i
}

// bootTime is when the clock of the start ticks began.
var bootTime = sync.OnceValue(func() time.Time {
	b, _ := os.ReadFile("/proc/stat")
	_, rest, _ := bytes.Cut(b, []byte("\nbtime"))
	seconds, _, _ := leadingNumber(rest)
	return time.Unix(int64(seconds), 0)
})

// list lists the processes that live and are not threads of the kernel.
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

// appendChildren appends the children of p to dst. A child is listed with the
// thread that started it, so all threads are asked. Of a process or a thread that
// ended meanwhile there are none.
func (p *proc) appendChildren(dst []int) ([]int, error) {
	var buf [512]byte
	if p.singleThreaded() {
		if b, err := readStart(p.children, buf[:]); err == nil && len(b) < len(buf) {
			return appendPIDs(dst, b), nil
		}
	}
	threads, err := numbersIn(p.fd(), "task")
	for _, thread := range threads {
		b, openErr := appendFile(buf[:0], p.fd(), "task/"+strconv.Itoa(thread)+"/children")
		if openErr == nil {
			dst = appendPIDs(dst, b)
		} else if scarce(openErr) {
			err = openErr
		}
	}
	return dst, err
}

// singleThreaded asks for the links of the directory of threads: 2, and one a thread.
func (p *proc) singleThreaded() bool {
	var s unix.Stat_t
	return unix.Fstatat(p.fd(), "task", &s, 0) == nil && s.Nlink == 3
}

func allPIDs() ([]int, error) { return numbersIn(unix.AT_FDCWD, "/proc") }

// numbersIn lists the entries of a directory that are numbers.
func numbersIn(dir int, path string) ([]int, error) {
	names, err := namesAt(dir, path)
	numbers := make([]int, 0, len(names))
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, err
}
