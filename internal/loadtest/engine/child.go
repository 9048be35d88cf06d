package engine

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
	"github.com/mcpdiag/mcpdiag/internal/report"
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
func (c *child) Write(p []byte) (int, error) {
	n, err := c.in.Write(p)
	if err != nil {
		return n, c.ended(err)
	}
	return n, nil
}

// Read reads what the server says. At its end, the error says how the server
// ended and what it last complained of.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, c.ended(io.ErrUnexpectedEOF)
}

// ended is err with how the server ended, if it did, and what it last complained of.
func (c *child) ended(err error) error {
	select {
	case <-c.child.Done(): // then its standard error was read to the end
		err = fmt.Errorf("it ended: %s (%w)", c.child.Exit().Text, err)
	case <-time.After(exitTime):
	}
	if last := c.log.last(); last != "" {
		return fmt.Errorf("%w; its last words: %s", err, last)
	}
	return err
}

// exitTime is how long a server that closed its streams may take to be gone.
const exitTime = time.Second

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

// lastWords keeps the last lines that a server writes to its standard error.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

// What is kept of it, in bytes, and said of that, in lines.
const (
	maxTail   = 4 << 10
	lastLines = 6
)

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
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if line = report.Line(strings.TrimSpace(line)); line != "" && !strings.HasPrefix(line, "at ") { // no stack
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-lastLines):], " / ")
}
