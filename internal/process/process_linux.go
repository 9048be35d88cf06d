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
)

// ticksPerSecond is USER_HZ, which every Linux architecture shows as 100.
const ticksPerSecond = 100

var pageSize = uint64(os.Getpagesize())

// proc is one process, held open: reads from the open file fail once the
// process has ended, even when its PID is given again.
type proc struct {
	id    ID
	dir   string
	statm *os.File
}

func open(pid int) (*proc, error) {
	p := &proc{id: ID{PID: pid}, dir: procDir(pid)}
	statm, err := os.Open(p.dir + "/statm")
	if err != nil {
		return nil, err
	}
	p.statm = statm
	s, err := readStat(pid)
	if err == nil && s.ended() {
		err = ErrEnded
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.id.Start = s.start
	return p, nil
}

func (p *proc) close() { _ = p.statm.Close() }

func (p *proc) memory() (Memory, error) {
	var buf [128]byte
	n, err := p.statm.ReadAt(buf[:], 0)
	if n == 0 {
		return Memory{}, err
	}
	size, resident, ok := parseStatm(buf[:n])
	if !ok || size == 0 && p.ended() {
		return Memory{}, ErrEnded
	}
	shared := min(parseShared(buf[:n]), resident)
	return Memory{RSS: resident * pageSize, VMS: size * pageSize, Anonymous: (resident - shared) * pageSize}, nil
}

// ended asks after the state: a zombie reads as a process without memory.
func (p *proc) ended() bool {
	s, err := readStat(p.id.PID)
	return err != nil || s.ended() || s.start != p.id.Start
}

func isZombie(err error) bool { return errors.Is(err, ErrEnded) }

// gone reports whether err says that there is no such process.
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
	pids, err := pidsIn("/proc")
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

// pidsIn lists the entries of a directory that are numbers.
func pidsIn(dir string) ([]int, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	names, err := f.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}
