package launch

import (
	"errors"
	"io"
	"os"
	"time"
)

// Conn is a command that is spoken to over its standard input and output.
type Conn struct {
	*Child
	in, out *os.File
}

// Dial starts c and connects to its standard input and output. c.Stdin and
// c.Stdout are ignored.
func Dial(c Command) (*Conn, error) {
	in, ourIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourOut, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), ourIn.Close())
	}
	c.Stdin, c.Stdout = in, out
	child, err := Start(c)
	_, _ = in.Close(), out.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	return &Conn{Child: child, in: ourIn, out: ourOut}, nil
}

// Write writes to the standard input of the command.
func (c *Conn) Write(p []byte) (int, error) { return c.in.Write(p) }

// SetWriteDeadline sets when writes fail that are not complete. Not all systems have it.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.in.SetWriteDeadline(t) }

// Read reads from the standard output of the command.
func (c *Conn) Read(p []byte) (int, error) { return c.out.Read(p) }

// CloseWrite closes the standard input of the command, which asks a server to end.
func (c *Conn) CloseWrite() error { return c.in.Close() }

// CloseRead closes our end of its standard output: its writes then fail.
func (c *Conn) CloseRead() error { return c.out.Close() }

// closeGrace is how long Close waits for a command to end after its input ended.
const closeGrace = 2 * time.Second

// Close closes the standard input of the command, waits a moment for its end and stops it.
func (c *Conn) Close() error {
	err := c.CloseWrite()
	within(closeGrace, c.Done())
	c.Stop()
	if errors.Is(err, os.ErrClosed) {
		err = nil // CloseWrite was called before
	}
	return errors.Join(err, c.CloseRead())
}

var _ io.ReadWriteCloser = (*Conn)(nil)
