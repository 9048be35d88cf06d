//go:build !linux

package process

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// proc is a process of gopsutil.
type proc struct {
	id   ID
	p    *process.Process
	last Memory // of the last Read of its tree
}

// errStarting is the error for a process that has no start time yet: Wine gives it one some time
// after it was created.
var errStarting = errors.New("the process is just starting")

func open(pid int) (*proc, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return nil, err
	}
	start, err := p.CreateTime()
	if err != nil {
		return nil, err
	}
	if start <= 0 {
		return nil, errStarting
	}
	return &proc{id: ID{PID: pid, Start: uint64(start)}, p: p}, nil
}

func (p *proc) close() {}

func (p *proc) memory() (Memory, error) {
	m, err := p.p.MemoryInfo()
	if err != nil {
		return Memory{}, p.orEnded(err)
	}
	if m.RSS == 0 { // gopsutil reads a zombie as a process without memory
		return Memory{}, p.orEnded(nil)
	}
	return Memory{RSS: m.RSS, VMS: m.VMS}, nil
}

// orEnded returns ErrEnded when the PID is free or belongs to another process, otherwise err.
func (p *proc) orEnded(err error) error {
	now, openErr := open(p.id.PID)
	if openErr != nil || now.id != p.id {
		return ErrEnded
	}
	if status, statusErr := p.p.Status(); statusErr == nil && len(status) > 0 && status[0] == process.Zombie {
		return ErrEnded
	}
	return err
}

func isZombie(error) bool { return false }

func gone(err error) bool {
	return errors.Is(err, process.ErrorProcessNotRunning) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, os.ErrProcessDone) || errors.Is(err, ErrEnded)
}

func describe(pid int) (Info, error) {
	p, err := open(pid)
	if err != nil {
		return Info{}, err
	}
	return p.info(), nil
}

func (p *proc) info() Info {
	i := Info{ID: p.id, Started: time.UnixMilli(int64(p.id.Start))}
	i.Name, i.Exe, i.Args = programOf(p.p) // unreadable ones stay empty
	if parent, err := p.p.Ppid(); err == nil {
		i.Parent = int(parent)
	}
	return i
}

func list() ([]Info, error) {
	procs, err := process.Processes()
	if err != nil {
		return nil, err
	}
	var all []Info
	for _, p := range procs {
		if info, err := describe(int(p.Pid)); err == nil {
			all = append(all, info)
		}
	}
	return all, nil
}
