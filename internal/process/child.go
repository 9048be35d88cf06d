package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Child is a command that was started. It runs without a shell, in a process
// group of its own, so that a Ctrl-C meant for mcpdiag does not reach it before
// the last look was taken, and it does not outlive mcpdiag.
type Child struct {
	Info  Info
	cmd   *exec.Cmd
	stdin io.Closer // nil where the command has another's
	done  chan struct{}
	err   error
	known map[ID]bool // descendants that were seen
	mark  string      // in the environment of all of them
}

// Command is what to start. Its environment is this process's, then Env.
type Command struct {
	Args           []string
	Env            []string
	Stdin          io.Reader // nil: one that stays open and empty until Stop, for a server that ends with it
	Stdout, Stderr io.Writer
}

// Exit says how a child ended.
type Exit struct {
	Code   int    `json:"code"`             // -1 when a signal ended it
	Signal string `json:"signal,omitempty"` // the signal
	Text   string `json:"text"`             // in words
}

// grace is how long a child has to end by itself before it is killed.
const grace = 3 * time.Second

// Start starts c.
func Start(c Command) (*Child, error) {
	cmd := exec.Command(c.Args[0], c.Args[1:]...) //nolint:noctx // Stop ends it, and gives it time
	child := &Child{cmd: cmd, done: make(chan struct{}), known: map[ID]bool{}}
	child.mark = fmt.Sprintf("MCPDIAG_CHILD=%d.%d", os.Getpid(), time.Now().UnixNano())
	cmd.Env = append(append(os.Environ(), c.Env...), child.mark)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.WaitDelay = time.Second // a descendant may hold the output open
	separate(cmd)
	if err := child.begin(); err != nil {
		return nil, explainStart(c.Args[0], err)
	}
	info, err := Lookup(cmd.Process.Pid)
	if err != nil { // it ended at once: its exit says more
		info = Info{ID: ID{PID: cmd.Process.Pid}, Name: c.Args[0], Started: time.Now()}
	}
	info.Args = c.Args
	child.Info = info
	return child, nil
}

func (c *Child) begin() error {
	if c.cmd.Stdin == nil {
		stdin, err := c.cmd.StdinPipe()
		if err != nil {
			return err
		}
		c.stdin = stdin
	}
	started := make(chan error)
	go c.run(started)
	return <-started
}

func explainStart(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &explained{fmt.Sprintf("starting %q: command not found; is it installed and in PATH?", name), exec.ErrNotFound}
	case errors.Is(err, os.ErrNotExist):
		return &explained{fmt.Sprintf("starting %q: no such file", name), os.ErrNotExist}
	case errors.Is(err, os.ErrPermission) && isDir(name):
		return &explained{fmt.Sprintf("starting %q: it is a folder", name), os.ErrPermission}
	case errors.Is(err, syscall.ENOEXEC):
		return &explained{fmt.Sprintf("starting %q: no program for this machine, and no script whose first line names its interpreter, "+
			"such as #!/bin/sh", name), syscall.ENOEXEC}
	case errors.Is(err, os.ErrPermission):
		return &explained{fmt.Sprintf("starting %q: permission denied; is it executable?", name), os.ErrPermission}
	}
	return fmt.Errorf("starting %q: %w", name, err)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// run starts the command and waits for its end, on one thread: where the system
// ends a child with its parent, the parent is the thread that started it.
func (c *Child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.err = c.cmd.Wait()
	close(c.done)
}

// Done is closed when the command has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit says how the command ended. It is there once Done is closed.
func (c *Child) Exit() Exit { return exitOf(c.cmd.ProcessState) }

// PID is the number of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Wait waits for the command's end and says how it ended: nil, or an
// *exec.ExitError. When ctx ends first, the command is stopped.
func (c *Child) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		c.Stop()
		return ctx.Err()
	}
}

// Know keeps members of the child's tree in mind, so that Stop finds them even
// when their parents are gone. Those that have ended are forgotten.
func (c *Child) Know(members []ID) {
	for id := range c.known {
		if !lives(id) {
			reap(id)
			delete(c.known, id)
		}
	}
	for _, id := range members {
		c.known[id] = true
	}
}

// Stop ends the command and all that it started: first it asks, then it kills.
// It returns when none of them is left.
func (c *Child) Stop() {
	c.gather()
	if c.allGone() {
		return // the number of the group may be another's by now
	}
	if c.stdin != nil {
		_ = c.stdin.Close() // the command may have closed it
	}
	interrupt(c)
	if c.wait(grace) {
		return
	}
	c.gather()
	for id := range c.known {
		kill(id)
	}
	killGroup(c)
	c.wait(grace)
}

// gather finds the descendants that live now, and those that went away from
// their parents but carry the mark of this child.
func (c *Child) gather() {
	roots := []ID{c.Info.ID}
	for id := range c.known {
		roots = append(roots, id)
	}
	roots = append(roots, adopted(c.mark)...)
	for _, id := range roots {
		if tree, err := Open(id); err == nil {
			_, _ = tree.Read() // what cannot be read any more is gone
			c.Know(tree.Members())
			tree.Close()
		}
	}
}

// wait waits until all known processes have ended, but not for longer than limit.
func (c *Child) wait(limit time.Duration) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-tick.C {
		if c.allGone() {
			return true
		}
	}
	return false
}

func (c *Child) allGone() bool {
	select {
	case <-c.done:
		return !slices.ContainsFunc(c.living(), func(id ID) bool { return id != c.Info.ID })
	default:
		return false
	}
}

func (c *Child) living() []ID {
	var living []ID
	for id := range c.known {
		if lives(id) {
			living = append(living, id)
		}
	}
	return living
}

func lives(id ID) bool {
	p, err := open(id.PID)
	if err != nil {
		return false
	}
	defer p.close()
	return p.id.Start == id.Start
}
