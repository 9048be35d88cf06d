package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Streams are those of the client that started a server on stdio.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Wrapped is a server on stdio with the proxy around it.
type Wrapped struct {
	child  *process.Child
	parent int           // the client's process
	passed chan struct{} // closed when the server's output has ended
	out    *os.File
	conn   *conn
}

// Wrap starts a server and passes on what it and its client say, byte by byte.
func (p *Proxy) Wrap(command process.Command, client Streams) (*Wrapped, error) {
	parent := os.Getppid() // now: when its streams end it may be gone already
	in, toServer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromServer, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), toServer.Close())
	}
	command.Stdin, command.Stdout, command.Stderr = in, out, client.Err
	child, err := process.Start(command)
	_, _ = in.Close(), out.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(err, toServer.Close(), fromServer.Close())
	}
	w := &Wrapped{child: child, parent: parent, passed: make(chan struct{}), out: fromServer, conn: newConn(p.ledger)}
	go w.passIn(toServer, client.In)
	go w.passOut(client.Out)
	return w, nil
}

// Child is the server's process.
func (w *Wrapped) Child() *process.Child { return w.child }

// passIn passes on what the client says, and that it has nothing more to say.
func (w *Wrapped) passIn(to *os.File, from io.Reader) {
	_, _ = io.Copy(to, tap{from, w.conn.sent}) // a server that reads no more ends, or is ended
	_ = to.Close()
	w.outliveNot()
}

// outliveNot ends the server when the client's process is gone. Until then it
// may take its time to end: a client that waits can end it itself.
func (w *Wrapped) outliveNot() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for os.Getppid() == w.parent {
		select {
		case <-w.child.Done():
			return
		case <-tick.C:
		}
	}
	w.child.Stop()
}

// passOut passes on what the server says. A client that listens no more is
// told to the server as the system would tell it.
func (w *Wrapped) passOut(to io.Writer) {
	defer close(w.passed)
	_, _ = io.Copy(to, tap{w.out, w.conn.received})
	_ = w.out.Close()
}

// drain is how long output may still come when the server has ended: something
// that it started may hold it open.
const drain = time.Second

// Wait waits for the server's end and says how it ended. When ctx ends first,
// the server is stopped. Nothing of its process group remains.
func (w *Wrapped) Wait(ctx context.Context) error {
	err := w.child.Wait(ctx)
	w.child.Stop()
	select {
	case <-w.passed:
	case <-time.After(drain):
	}
	w.conn.close()
	return err
}

// tap shows to what is read.
type tap struct {
	io.Reader
	to func([]byte)
}

func (t tap) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.to(p[:n])
	return n, err
}

// conn is what the ledger is told of a server on stdio: one session, if any.
type conn struct {
	ledger  *Ledger
	mu      sync.Mutex
	session *session
	ask     scanner
	reply   scanner
	starts  *operation // the initialize that is not answered yet
}

func newConn(l *Ledger) *conn {
	c := &conn{ledger: l, session: &session{start: time.Now(), seen: time.Now()}}
	c.ask.emit, c.reply.emit = c.asked, c.answered
	return c
}

func (c *conn) sent(p []byte) {
	defer c.ledger.rescue()
	c.session.in.Add(int64(len(p)))
	scanLines(&c.ask, p)
}

func (c *conn) received(p []byte) {
	defer c.ledger.rescue()
	c.session.out.Add(int64(len(p)))
	scanLines(&c.reply, p)
}

// scanLines scans messages that stand on a line each: one that is cut off is
// over with its line.
func scanLines(s *scanner, p []byte) {
	for {
		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			s.Write(p)
			return
		}
		s.Write(p[:n])
		s.end()
		p = p[n+1:]
	}
}

func (c *conn) asked(m *message) {
	now := time.Now()
	op, ok := c.ledger.begin(c.session, m, now)
	switch {
	case ok && op.method == "initialize":
		c.mu.Lock()
		c.starts = op
		c.mu.Unlock()
	case !ok && string(m.method) == `"notifications/cancelled"`:
		c.ledger.cancel(c.session, m.canceled, now)
	}
}

func (c *conn) answered(m *message) {
	if len(m.method) > 0 {
		return
	}
	now := time.Now()
	c.ledger.answer(c.session, nil, m, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starts != nil && c.starts.id == string(m.id) {
		if c.starts = nil; m.result {
			c.ledger.enroll(c.session, now)
		}
	}
}

// close notes that the server has ended.
func (c *conn) close() {
	defer c.ledger.rescue()
	c.ledger.end(c.session, false, time.Now())
}
