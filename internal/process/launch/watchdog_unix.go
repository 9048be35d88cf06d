//go:build unix

package launch

import (
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Files of the watchdog beside the three standard streams, which are the command's.
const (
	controlFile = 3 // a launch, then nothing; its end means: end everything
	reportsFile = 4 // reports
)

// launch is the command that the watchdog is to start.
type launch struct {
	Path      string
	Args, Env []string
	Dir       string
}

// watchdogReport is one message of the watchdog: the PID of the command or why it could not
// be started, later its status.
type watchdogReport struct {
	PID    int                 `json:",omitempty"`
	Errno  syscall.Errno       `json:",omitempty"`
	Status *syscall.WaitStatus `json:",omitempty"`
}

// Watchdog is the main function of the process that stands between mcpdiag and a
// command that it starts. A process that is killed with SIGKILL can end nothing
// itself, so the watchdog does: when the control pipe closes, because mcpdiag
// asks for the end or because it is gone, everything below the watchdog is
// killed. On Linux the watchdog adopts each descendant whose parent ends, so a
// process cannot leave the tree, whatever its session, group or environment. On
// other systems those that left before are not found.
//
// It ends when nothing of the command is left, and returns the exit code.
func Watchdog() int {
	runtime.LockOSThread() // the kernel ends the command with the thread that started it
	becomeReaper()
	catchSignals()
	control, out := inheritedFile(controlFile), inheritedFile(reportsFile)
	reports := json.NewEncoder(out)
	var l launch
	if err := json.NewDecoder(control).Decode(&l); err != nil {
		return 1 // mcpdiag has ended already
	}
	pid, errno := l.start()
	_ = reports.Encode(watchdogReport{PID: pid, Errno: errno}) // mcpdiag may be gone already, which the control pipe tells
	if pid == 0 {
		return 1
	}
	group := processGroup{leader: pid}
	ended := make(chan int, 2)
	go func() {
		collect(&group, reports)
		for group.signal(0) { // without a subreaper, members of the group may be left
			time.Sleep(100 * time.Millisecond)
		}
		ended <- 0
	}()
	go func() {
		_, _ = io.Copy(io.Discard, control)
		killTree(&group)
		ended <- 1
	}()
	return <-ended
}

func inheritedFile(fd int) *os.File {
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), process.WatchdogName)
}

// catchSignals keeps the watchdog alive when a service manager or a closing
// terminal signals every process. A signal that is ignored stays ignored: the
// command inherits that, as after nohup.
func catchSignals() {
	if caught := Forwarded(); len(caught) > 0 {
		signal.Notify(make(chan os.Signal, 1), caught...)
	}
}

// start starts the command with the standard streams of the watchdog, which keeps
// none of them: their readers must see them end with the command.
func (l *launch) start() (pid int, errno syscall.Errno) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	endWithParent(attr)
	pid, err := syscall.ForkExec(l.Path, l.Args, &syscall.ProcAttr{Dir: l.Dir, Env: l.Env, Files: []uintptr{0, 1, 2}, Sys: attr})
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		_ = f.Close()
	}
	if err == nil {
		return pid, 0
	}
	if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // ForkExec does not wrap it
		return 0, errno
	}
	return 0, syscall.EINVAL
}

// processGroup is the process group of a command.
type processGroup struct {
	leader int         // PID of the command
	gone   atomic.Bool // the number may be another group's
}

// signal sends a signal to the group. It returns false when nothing of the group is
// left for the watchdog.
func (g *processGroup) signal(number syscall.Signal) bool {
	if !g.gone.Load() && syscall.Kill(-g.leader, number) == syscall.ESRCH {
		g.gone.Store(true)
	}
	return !g.gone.Load()
}

// leaderReaped notes that the PID of the leader is free. Where orphans are adopted,
// the rest of the group is found among the descendants.
func (g *processGroup) leaderReaped() {
	if adoptsOrphans {
		g.gone.Store(true)
	}
}

// collect reaps children until none is left, and reports the status of the command.
func collect(group *processGroup, reports *json.Encoder) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && err != syscall.EINTR {
			return // ECHILD
		}
		if pid == group.leader {
			group.leaderReaped()
			_ = reports.Encode(watchdogReport{Status: &status}) // mcpdiag may be gone
		}
	}
}

// killLimit bounds killTree: a process of another user cannot be killed.
const killLimit = 10 * time.Second

// killTree kills the descendants of this process and the group of the command
// repeatedly: new ones may be starting. This process ends with the last of them.
func killTree(group *processGroup) {
	for start := time.Now(); time.Since(start) < killLimit; time.Sleep(time.Millisecond) {
		for _, id := range descendants(os.Getpid()) {
			_ = syscall.Kill(id.PID, syscall.SIGKILL)
		}
		group.signal(syscall.SIGKILL)
	}
}

// descendants lists the living descendants of a process.
func descendants(pid int) []process.ID {
	family, err := process.Family(process.ID{PID: pid})
	if err != nil {
		return nil
	}
	return family[1:]
}
