package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// child is a server that is used over its standard streams.
type child struct {
	*launch.Conn
	log    launch.Tail         // of its standard error
	ending func(*launch.Child) // called once before it is closed
	closed sync.Once
	spoke  atomic.Bool // it sent a message
}

// starter starts a process of the command each time it is called.
func (o *Options) starter() func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		c := &child{ending: o.Ending}
		var err error
		c.Conn, err = launch.Dial(launch.Command{Args: o.Command, Env: o.Env, Stderr: &c.log})
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
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	return n, c.ended(err)
}

// Read reads from the server. The error at the end has the exit status and the last
// lines of standard error.
func (c *child) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.spoke.Load() && bytes.Contains(p[:n], []byte(`"jsonrpc"`)) {
		c.spoke.Store(true)
	}
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, c.ended(io.ErrUnexpectedEOF)
}

// Instead describes the server for the error of a request without an answer.
func (c *child) Instead() string {
	text := ""
	if words := c.log.Last(); words != "" {
		text = "; its standard error ends with: " + words
	}
	if c.spoke.Load() {
		return text
	}
	if ports := process.TreePorts(c.Info.ID); len(ports) > 0 {
		text += fmt.Sprintf("; it listens on TCP port %d: if it speaks HTTP there, start it yourself and give http://localhost:%[1]d/mcp", ports[0])
	}
	return text
}

// endedError is the end of a server: how it ended, and its last words.
type endedError struct {
	text string
	err  error // of the read or write that failed
}

func (e *endedError) Error() string { return e.text }

func (e *endedError) Unwrap() error { return e.err }

// ended returns the error of a read or write that failed with err: the exit status
// and the last lines of standard error.
func (c *child) ended(err error) error {
	e := &endedError{text: "the server closed its standard output and runs on", err: err}
	select {
	case <-c.Done(): // then its standard error was read to the end
		e.text = "the server ended: " + c.Exit().Text
	case <-time.After(exitTime):
	}
	if last := c.log.Last(); last != "" {
		e.text += "; its last words: " + last
	}
	return e
}

// exitTime bounds the exit of a server that closed its streams.
const exitTime = time.Second
