package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// child is a server that is used over its standard streams.
type child struct {
	*process.Conn
	log    process.Tail         // of its standard error
	ending func(*process.Child) // called once before it is closed
	closed sync.Once
}

// starter starts a process of the command each time it is called.
func (o *Options) starter() func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		c := &child{ending: o.Ending}
		var err error
		c.Conn, err = process.Dial(process.Command{Args: o.Command, Env: o.Env, Stderr: &c.log})
		if err == nil && o.Started != nil {
			o.Started(c.Child)
		}
		return c, err
	}
}

// Close ends the server.
func (c *child) Close() error {
	if c.ending != nil {
		c.closed.Do(func() { c.ending(c.Child) })
	}
	return c.Conn.Close()
}

// Write sends to the server.
func (c *child) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, c.ended(err)
	}
	return n, nil
}

// Read reads from the server. The error at the end has the exit status and the last
// lines of standard error.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, c.ended(io.ErrUnexpectedEOF)
}

// LastWords returns the last lines of standard error.
func (c *child) LastWords() string { return c.log.Last() }

// ended adds the exit status and the last lines of standard error to err.
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

// exitTime bounds the exit of a server that closed its streams.
const exitTime = time.Second
