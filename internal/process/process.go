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

// ErrEnded is the error for a process that is gone or is a zombie.
var ErrEnded = errors.New("the process has ended")

// ID identifies one run of a process. The system reuses PIDs, but not a PID with its
// start time.
type ID struct {
	PID int `json:"pid"`
	// Start is in clock ticks since boot on Linux, in milliseconds since 1970 elsewhere.
	Start uint64 `json:"start,omitempty"`
}

// Info describes a process.
type Info struct {
	ID
	Parent  int       `json:"parent,omitempty"`
	Name    string    `json:"name,omitempty"`
	Exe     string    `json:"exe,omitempty"` // empty when it is not readable
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

// Lookup describes the process with this PID.
func Lookup(pid int) (Info, error) {
	if pid <= 0 {
		return Info{}, fmt.Errorf("process %d: a PID must be 1 or more", pid)
	}
	info, err := describe(pid)
	return info, explain(pid, err)
}

// Resident returns the resident memory of this run of a process in bytes, 0 after its end.
func (id ID) Resident() uint64 {
	p, err := open(id.PID)
	if err != nil {
		return 0
	}
	defer p.close()
	if m, err := p.memory(); err == nil && p.id.Start == id.Start {
		return m.RSS
	}
	return 0
}

// Lives reports whether this run of a process has not ended.
func (id ID) Lives() bool {
	p, err := open(id.PID)
	if err != nil {
		return false
	}
	defer p.close()
	return p.id.Start == id.Start
}

// explained is an error with a message of its own and the cause of the system.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// Explained returns an error with a message of its own and the cause of the system.
func Explained(text string, cause error) error { return &explained{text, cause} }

// explain adds to a system error about a PID how to resolve it.
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
