//go:build unix

package process

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Forwarded are the signals that a process which wraps another passes on. One
// that it was started to ignore, as by nohup, the other ignores too, as long as
// nobody asks to be notified of it.
func Forwarded() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	return slices.DeleteFunc(all, signal.Ignored)
}

// Signal passes a signal on to the command and what runs in its process group.
func (c *Child) Signal(sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	select {
	case <-c.done: // the number of the group may be another's by now
		return
	default:
	}
	if ok {
		_ = syscall.Kill(-c.PID(), number) // a group that is gone needs none
	}
}

// Follow ends this process by the signal that ended the command, so that
// whoever waits for it sees the same. It returns the exit status for when the
// command ended otherwise; a signal that would leave a core behind becomes one.
func (c *Child) Follow() int {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return c.cmd.ProcessState.ExitCode()
	}
	number := status.Signal()
	switch number {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2:
		signal.Reset(number)
		_ = syscall.Kill(os.Getpid(), number)
		time.Sleep(time.Second) // it takes a moment
	}
	return 128 + int(number)
}

// IgnoreBrokenPipes has writes to a pipe that nobody reads fail, where by
// default they end a process whose standard output it is. Commands that this
// process starts do not inherit that, as they would if the signal were ignored.
func IgnoreBrokenPipes() {
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
}
