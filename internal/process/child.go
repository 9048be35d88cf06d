package process

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Child is a command that was started without a shell, in a process group of
// its own. It does not outlive this process.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Command is what to start. Its environment is this process's, then Env.
type Command struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Start starts c.
func Start(c Command) (*Child, error) {
	cmd := exec.Command(c.Args[0], c.Args[1:]...) //nolint:gosec,noctx // the user's own command; Stop ends it
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.WaitDelay = time.Second // a grandchild may hold the output open
	if len(c.Env) > 0 {
		cmd.Env = append(cmd.Environ(), c.Env...)
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Args[0], err)
	}
	child := &Child{cmd: cmd, done: make(chan struct{})}
	go func() {
		child.err = cmd.Wait()
		close(child.done)
	}()
	return child, nil
}

// PID is the process id of the command.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the command has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

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

// grace is how long a command may take to end when it is asked to.
const grace = 3 * time.Second

// Stop ends the command and everything in its process group: it asks, and
// after a grace time it kills.
func (c *Child) Stop() {
	interruptGroup(c.cmd)
	select {
	case <-c.done:
	case <-time.After(grace):
	}
	killGroup(c.cmd) // also what the command left behind in its group
	<-c.done
}
