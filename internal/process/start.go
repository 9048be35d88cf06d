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
	"time"
)

// Child is a command that was started to be watched. It runs without a shell, in
// a process group of its own, so that a Ctrl-C meant for mcpdiag does not
// reach it before the last sample is taken.
type Child struct {
	Info  Info
	cmd   *exec.Cmd
	done  chan struct{}
	exit  Exit
	known map[ID]bool
	mark  string
	stdin io.Closer
}

// Exit says how a child ended.
type Exit struct {
	Code   int    `json:"code"`             // -1 when a signal ended it
	Signal string `json:"signal,omitempty"` // the signal
	Text   string `json:"text"`             // in words
}

// grace is how long a child has to end by itself before it is killed.
const grace = 5 * time.Second

// Start starts a command. Its output goes to out. Its standard input stays open
// and empty until Stop: a server that speaks through it would end with it.
func Start(args []string, out io.Writer) (*Child, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // Stop ends it, and gives it time
	cmd.Stdout, cmd.Stderr = out, out
	c := &Child{cmd: cmd, done: make(chan struct{}), known: map[ID]bool{}}
	c.mark = fmt.Sprintf("MCPDIAG_CHILD=%d.%d", os.Getpid(), time.Now().UnixNano())
	cmd.Env = append(os.Environ(), c.mark)
	cmd.WaitDelay = grace // a descendant may hold the output open
	separate(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	started := make(chan error)
	go c.run(started)
	if err := <-started; err != nil {
		return nil, explainStart(args[0], err)
	}
	info, err := Lookup(cmd.Process.Pid)
	if err != nil { // it ended at once: its exit says more
		info = Info{ID: ID{PID: cmd.Process.Pid}, Name: args[0], Started: time.Now()}
	}
	info.Args = args // before exec it would be this program's
	c.Info = info
	return c, nil
}

func explainStart(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("starting %q: command not found; is it installed and in PATH?: %w", name, exec.ErrNotFound)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("starting %q: no such file: %w", name, os.ErrNotExist)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("starting %q: permission denied; is it executable?: %w", name, os.ErrPermission)
	}
	return fmt.Errorf("starting %q: %w", name, err)
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
	_ = c.cmd.Wait() // the state says it all
	c.exit = exitOf(c.cmd.ProcessState)
	close(c.done)
}

// Done is closed when the command has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit says how the command ended. It is there once Done is closed.
func (c *Child) Exit() Exit { return c.exit }

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
// It returns when none of them is left, or ctx is done.
func (c *Child) Stop(ctx context.Context) {
	c.gather()
	if c.allGone() {
		return // the number of the group may be another's by now
	}
	_ = c.stdin.Close() // the server may have closed it
	interrupt(c)
	ask, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if c.gone(ask) {
		return
	}
	c.gather()
	for id := range c.known {
		kill(id)
	}
	killGroup(c)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	c.gone(last)
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

// gone waits until all known processes have ended.
func (c *Child) gone(ctx context.Context) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if c.allGone() {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
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
