//go:build unix

package launch

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// runner starts a command through a watchdog and controls it.
type runner struct {
	pid      int // of the command
	watchdog int // its PID
	control  *os.File
	reports  *os.File
	messages *json.Decoder
	gone     chan struct{} // closed when the watchdog has ended: nothing of the command is left
}

var errNoWatchdog = errors.New("its watchdog did not start; a program that starts commands calls launch.Watchdog first in main")

// noProgram is the error of a file that is not a program, and noProgramHint names the remedy.
const (
	noProgram     = syscall.ENOEXEC
	noProgramHint = "not a program for this machine, nor a script whose first line names its interpreter, such as #!/bin/sh"
)

// start starts the command that cmd describes.
func (r *runner) start(cmd *exec.Cmd) error {
	program, err := ownProgram()
	if err != nil {
		return err
	}
	controlEnd, control, err := os.Pipe()
	if err != nil {
		return err
	}
	reports, reportsEnd, err := os.Pipe()
	if err != nil {
		return errors.Join(err, controlEnd.Close(), control.Close())
	}
	r.control, r.reports, r.messages, r.gone = control, reports, json.NewDecoder(reports), make(chan struct{})
	watchdog := &exec.Cmd{
		Path: program, Args: []string{process.WatchdogName}, Env: []string{"GOMAXPROCS=1"},
		Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr,
		ExtraFiles:  []*os.File{controlEnd, reportsEnd},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a Ctrl-C in the terminal is not for it
	}
	err = watchdog.Start()
	_, _ = controlEnd.Close(), reportsEnd.Close() // the watchdog has its own
	if err != nil {
		return errors.Join(err, control.Close(), reports.Close())
	}
	r.watchdog = watchdog.Process.Pid
	go func() {
		_ = watchdog.Wait() // its status says nothing
		close(r.gone)
		r.kill() // closes the control pipe
	}()
	return r.launch(launch{Path: cmd.Path, Args: cmd.Args, Env: cmd.Environ(), Dir: cmd.Dir})
}

// launch has the watchdog start the command.
func (r *runner) launch(l launch) error {
	var first watchdogReport
	err := json.NewEncoder(r.control).Encode(l)
	if err == nil {
		err = r.messages.Decode(&first)
	}
	switch {
	case err != nil:
		err = errNoWatchdog
	case first.Errno != 0:
		err = first.Errno
	default:
		r.pid = first.PID
		return nil
	}
	r.kill()
	_ = r.reports.Close() // it was read only
	return err
}

// wait waits for the end of the command. The status is unknown when the watchdog
// was killed.
func (r *runner) wait() (status syscall.WaitStatus, known bool) {
	defer r.reports.Close() //nolint:errcheck // it was read only
	var last watchdogReport
	if err := r.messages.Decode(&last); err != nil || last.Status == nil {
		return 0, false
	}
	return *last.Status, true
}

// members lists the command and everything that it started, as far as it lives.
func (r *runner) members() []process.ID {
	if isClosed(r.gone) {
		return nil // the PID of the watchdog may be another process's
	}
	return descendants(r.watchdog)
}

// terminate asks the command and everything that it started to end.
func (r *runner) terminate() {
	for _, id := range r.members() {
		_ = syscall.Kill(id.PID, syscall.SIGTERM)
	}
}

// kill ends everything that is left.
func (r *runner) kill() {
	_ = r.control.Close() // closed already when the watchdog has ended
}
