//go:build unix

package launch

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Forwarded returns the signals that a process passes on to the command that it
// wraps. Signals that it ignores since its start, as under nohup, are left out: the
// command ignores them too.
func Forwarded() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}
	return slices.DeleteFunc(all, signal.Ignored)
}

// Signal passes a signal on to the command and its process group, unless the
// command has ended: the number of the group may be another's by then.
func (c *Child) Signal(sig os.Signal) {
	if number, ok := sig.(syscall.Signal); ok && !c.ended.Load() {
		_ = syscall.Kill(-c.PID(), number) // the group may have ended
	}
}

// Follow ends this process by the signal that ended the command, so that its
// parent sees the same. It returns the exit status when the command ended
// otherwise; a signal that would leave a core file becomes a status.
func (c *Child) Follow() int {
	if !c.status.Signaled() {
		return c.exit.Code
	}
	number := c.status.Signal()
	switch number {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2:
		signal.Reset(number)
		_ = syscall.Kill(os.Getpid(), number)
		time.Sleep(time.Second) // until the signal is delivered
	}
	return 128 + int(number)
}

// IgnoreBrokenPipes makes writes to a closed pipe fail. By default they end a
// process when the pipe is its standard output. Commands that this process starts
// do not inherit it, as they would if the signal were ignored.
func IgnoreBrokenPipes() {
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
}
