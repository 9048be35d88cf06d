package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// child is a server that is spoken to over its standard streams.
type child struct {
	*process.Conn
	log process.Tail // of its standard error
}

// starter starts a process of command each time it is called.
func starter(command []string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) { return startChild(command) }
}

func startChild(command []string) (*child, error) {
	c := &child{}
	conn, err := process.Dial(process.Command{Args: command, Stderr: &c.log})
	c.Conn = conn
	return c, err
}

// Write sends to the server.
func (c *child) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, c.ended(err)
	}
	return n, nil
}

// Read reads what the server says. At its end, the error says how the server
// ended and what it last complained of.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, c.ended(io.ErrUnexpectedEOF)
}

// LastWords returns the end of what the server wrote to its standard error.
func (c *child) LastWords() string { return c.log.Last() }

// ended is err with how the server ended, if it did, and what it last complained of.
func (c *child) ended(err error) error {
	select {
	case <-c.Done(): // then its standard error was read to the end
		err = fmt.Errorf("it ended: %s (%w)", c.Exit().Text, err)
	case <-time.After(exitTime):
	}
	if last := c.log.Last(); last != "" {
		return fmt.Errorf("%w; its last words: %s", err, last)
	}
	return err
}

// exitTime is how long a server that closed its streams may take to be gone.
const exitTime = time.Second
