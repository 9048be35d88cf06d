// Package process finds processes and reads what they use: one process, and
// the tree of its descendants, again and again at little cost. On Linux it reads
// /proc itself, elsewhere it asks gopsutil.
package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// ErrEnded says that the process is gone, or is a zombie that waits for its
// parent to notice.
var ErrEnded = errors.New("the process has ended")

// ID names one run of a process. A PID is given again; a PID with the time it
// started is not.
type ID struct {
	PID int `json:"pid"`
	// Start is in clock ticks since boot on Linux, in milliseconds since 1970 elsewhere.
	Start uint64 `json:"start,omitempty"`
}

// Info says what a process is.
type Info struct {
	ID
	Parent  int       `json:"parent,omitempty"`
	Name    string    `json:"name,omitempty"`
	Exe     string    `json:"exe,omitempty"` // empty where it may not be read
	Args    []string  `json:"-"`
	Started time.Time `json:"started,omitzero"`
}

// Command returns the command line without its secrets, or the name if there is none.
func (i Info) Command() string {
	if len(i.Args) == 0 {
		return i.Name
	}
	return strings.Join(report.RedactArgs(i.Args), " ")
}

// Lookup says what the process with this PID is.
func Lookup(pid int) (Info, error) {
	if pid <= 0 {
		return Info{}, fmt.Errorf("process %d: a PID is a positive number", pid)
	}
	info, err := describe(pid)
	return info, explain(pid, err)
}

// lives reports whether this run of a process has not ended.
func lives(id ID) bool {
	p, err := open(id.PID)
	if err != nil {
		return false
	}
	defer p.close()
	return p.id.Start == id.Start
}

// explained is an error in words of our own, for what its cause says less well.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// explain turns what the system says about a PID into what one can do about it.
func explain(pid int, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &explained{fmt.Sprintf("process %d: permission denied; it belongs to another user: run as that user, or with more rights", pid), fs.ErrPermission}
	case errors.Is(err, ErrEnded):
		return fmt.Errorf("process %d: %w; it is a zombie until its parent collects it", pid, ErrEnded)
	case gone(err):
		return &explained{fmt.Sprintf("process %d: no such process; find it with --name, or with ps", pid), os.ErrNotExist}
	}
	return fmt.Errorf("process %d: %w", pid, err)
}
