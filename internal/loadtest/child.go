package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// child is a server that is spoken to over its standard streams.
type child struct {
	in    *os.File // what it reads
	out   *os.File // what it writes
	log   *lastWords
	child *process.Child
}

// starter starts a process of command each time it is asked for a server.
func starter(command []string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) { return startChild(command) }
}

func startChild(command []string) (*child, error) {
	itsIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, itsOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, itsIn.Close(), in.Close())
	}
	c := &child{in: in, out: out, log: &lastWords{}}
	c.child, err = process.Start(process.Command{Args: command, Stdin: itsIn, Stdout: itsOut, Stderr: c.log})
	_, _ = itsIn.Close(), itsOut.Close() // the process has its own
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	return c, nil
}

// Write sends to the server.
func (c *child) Write(p []byte) (int, error) { return c.in.Write(p) }

// Read reads what the server says. At its end, the error says how the server
// ended and what it last complained of.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	if last := c.log.last(); last != "" {
		return 0, fmt.Errorf("%w; its last words: %s", io.ErrUnexpectedEOF, last)
	}
	return 0, io.ErrUnexpectedEOF
}

// childEnd is how long a server may take to end after its input was closed.
const childEnd = 2 * time.Second

// Close closes the server's input, which asks it to end, and ends it where it does not.
func (c *child) Close() error {
	err := c.in.Close()
	select {
	case <-c.child.Done():
	case <-time.After(childEnd):
	}
	c.child.Stop()
	return errors.Join(err, c.out.Close())
}

// lastWords keeps the last line that a server writes to its standard error.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 1 << 10

func (t *lastWords) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-maxTail):]...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

func (t *lastWords) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return lines[len(lines)-1]
}
