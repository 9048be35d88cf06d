package process

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// births says whether a process may have begun since the look before: on a
// machine where none did nobody has a child that is new, and nobody need be asked.
// The zero value works.
type births struct {
	last   int  // the PID that was given last, as the look before saw it
	still  bool // at the look before none had begun
	quiet  int  // looks that were told of nothing, in a row
	forced bool // this look asks although it was told of nothing
	wrong  bool // a child was found of whose birth nothing was told
}

// quietFor is for how many looks in a row a kernel is believed that says that nothing began.
const quietFor = 20

// since takes the PID that was given last, 0 where nobody tells. After a birth it
// says yes twice: a PID is given a moment before its process is anybody's child.
func (b *births) since(last int) bool {
	still := last != 0 && last == b.last && !b.wrong
	quiet := still && b.still
	b.last, b.still, b.forced = last, still, quiet && b.quiet == quietFor
	if quiet && !b.forced {
		b.quiet++
		return false
	}
	b.quiet = 0
	return true
}

// found takes what since takes, after a child was found that is new.
func (b *births) found(last int) { b.wrong = b.wrong || b.forced && last == b.last }

// doubt makes the next two looks ask.
func (b *births) doubt() { b.last = 0 }

// lastPID is the PID that was given last in our PID namespace, or one below it,
// to a process or a thread. It is 0 where nobody tells.
func lastPID() int {
	var buf [128]byte
	b, err := readStart(loadavg(), buf[:])
	if err != nil {
		return 0
	}
	return parseLastPID(b)
}

// loadavg is /proc/loadavg, open for as long as we run; nil where it may not
// tell of all processes in /proc.
var loadavg = sync.OnceValue(func() *os.File {
	self, err := os.Readlink("/proc/self")
	if err != nil || procDir(os.Getpid()) != "/proc/"+self {
		return nil // /proc shows the processes of another PID namespace
	}
	var fs unix.Statfs_t
	if err := unix.Statfs("/proc/loadavg", &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return nil // a container has put a file of its own there
	}
	f, _ := os.Open("/proc/loadavg")
	return f
})
