package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Child is a command that was started. It runs without a shell and in a process
// group of its own, so a Ctrl-C meant for mcpdiag does not reach it before the
// last sample was taken. Neither the command nor anything that it starts outlives
// mcpdiag: see Watchdog.
type Child struct {
	Info   process.Info
	runner runner
	stdio  stdio
	ended  atomic.Bool // the command has ended: its PID may be another process's
	done   chan struct{}
	exit   Exit
	status syscall.WaitStatus // valid when exit.Known
}

// Command is a command to start. Its environment is this process's, then Env; only Env
// if OnlyEnv is set.
type Command struct {
	Args           []string
	Env            []string
	OnlyEnv        bool
	Dir            string    // "" is the current folder
	Stdin          io.Reader // nil: a pipe that stays open and empty until Stop, for a server that ends with its input
	Stdout, Stderr io.Writer
}

// Exit is the way a child ended.
type Exit struct {
	Code   int    `json:"code"`             // -1 when a signal ended it
	Signal string `json:"signal,omitempty"` // the signal
	Text   string `json:"text"`             // in words
}

// ExitError is the error of a command that ended with a status other than 0.
type ExitError struct{ Exit }

func (e *ExitError) Error() string { return e.Text }

// grace is how long a child has to end by itself before it is killed.
const grace = 3 * time.Second

// Start starts c.
func Start(c Command) (*Child, error) {
	cmd := exec.Command(c.Args[0], c.Args[1:]...) //nolint:noctx // Stop ends it, after a grace period
	if cmd.Err != nil {
		return nil, explainStart(c.Args[0], cmd.Err)
	}
	if c.Dir != "" && !isDir(c.Dir) {
		return nil, fmt.Errorf("starting %q: its folder %q does not exist", c.Args[0], c.Dir)
	}
	cmd.Dir = c.Dir
	if cmd.Env = c.Env; !c.OnlyEnv {
		cmd.Env = append(os.Environ(), c.Env...)
	}
	child := &Child{done: make(chan struct{})}
	if err := child.stdio.open(cmd, c); err != nil {
		return nil, explainStart(c.Args[0], err)
	}
	err := child.runner.start(cmd)
	child.stdio.started()
	if err != nil {
		child.stdio.close()
		return nil, explainStart(c.Args[0], err)
	}
	child.Info = describeStarted(child.runner.pid, c.Args)
	go child.await()
	return child, nil
}

// describeStarted returns the Info of a process that was just started, also when
// it has ended already: its exit status says more.
func describeStarted(pid int, args []string) process.Info {
	info, err := process.Lookup(pid)
	if err != nil {
		info = process.Info{ID: process.ID{PID: pid}, Name: args[0], Started: time.Now()}
	}
	info.Args = args
	return info
}

func explainStart(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound) && filepath.Base(name) == name:
		return process.Explained(fmt.Sprintf("starting %q: command not found; is it installed and in PATH?", name), exec.ErrNotFound)
	case errors.Is(err, os.ErrNotExist) && exists(name):
		return process.Explained(fmt.Sprintf("starting %q: the interpreter that its first line names does not exist; that line may end as on Windows (CRLF)", name), os.ErrNotExist)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist): // Windows has the first one for paths, too
		return process.Explained(fmt.Sprintf("starting %q: no such file", name), os.ErrNotExist)
	case errors.Is(err, os.ErrPermission) && isDir(name):
		return process.Explained(fmt.Sprintf("starting %q: it is a folder", name), os.ErrPermission)
	case errors.Is(err, noProgram):
		return process.Explained(fmt.Sprintf("starting %q: %s", name, noProgramHint), noProgram)
	case errors.Is(err, exec.ErrDot):
		return process.Explained(fmt.Sprintf("starting %q: it is not in PATH but in the current folder; if you mean that file, name it %s", name,
			"."+string(filepath.Separator)+name), exec.ErrDot)
	case errors.Is(err, os.ErrPermission):
		return process.Explained(fmt.Sprintf("starting %q: permission denied; is it executable?", name), os.ErrPermission)
	}
	return fmt.Errorf("starting %q: %w", name, err)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// await waits for the end of the command and of its output.
func (c *Child) await() {
	status, known := c.runner.wait()
	c.ended.Store(true)
	c.stdio.drain()
	c.status, c.exit = status, exitOf(status, known)
	close(c.done)
}

func exitOf(status syscall.WaitStatus, known bool) Exit {
	switch {
	case !known:
		return Exit{Code: -1, Text: "exit status unknown"}
	case status.Signaled():
		text := fmt.Sprintf("killed by signal %d (%v)", int(status.Signal()), status.Signal())
		return Exit{Code: -1, Signal: status.Signal().String(), Text: text}
	}
	return Exit{Code: status.ExitStatus(), Text: fmt.Sprintf("exit status %d", status.ExitStatus())}
}

// Done is closed when the command has ended and its output was read.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit returns how the command ended. It is valid once Done is closed.
func (c *Child) Exit() Exit { return c.exit }

// PID returns the PID of the command.
func (c *Child) PID() int { return c.runner.pid }

// Members lists the command and everything that it started, as far as it lives.
// On Linux that includes processes whose parents ended.
func (c *Child) Members() []process.ID { return c.runner.members() }

// Wait waits for the end of the command. It returns an *ExitError unless the
// command ended with status 0. When ctx ends first, Wait stops the command.
func (c *Child) Wait(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		c.Stop()
		return ctx.Err()
	}
	if c.exit.Code != 0 {
		return &ExitError{c.exit}
	}
	return nil
}

// Stop ends the command and everything that it started: it asks them to end, and
// kills the rest after a grace period. It returns when all have ended.
func (c *Child) Stop() {
	c.stdio.closeStdin()
	c.runner.terminate()
	if !within(grace, c.runner.gone) {
		c.runner.kill()
		within(grace, c.runner.gone)
	}
	within(2*drainTime, c.done)
}

// isClosed reports whether done is closed.
func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// within waits for done to be closed, for at most limit.
func within(limit time.Duration, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
