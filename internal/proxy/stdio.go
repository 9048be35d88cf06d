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
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// Streams are the standard streams of the client that starts the server.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Wrapped is a server on stdio with the proxy around it.
type Wrapped struct {
	child  *launch.Child
	client clientProcess
	passed sync.WaitGroup
	log    *launch.Tail // of the server's standard error
	pipe   *pipe
}

// Wrap starts a server and copies bytes between it and its client. Serve may be
// called after it.
func (p *Proxy) Wrap(command launch.Command, client Streams) (*Wrapped, error) {
	starter := openClient() // now: the client may be gone when its streams end
	in, toServer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromServer, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), toServer.Close())
	}
	fromErr, errOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), toServer.Close(), fromServer.Close(), out.Close())
	}
	command.Stdin, command.Stdout, command.Stderr = in, out, errOut
	child, err := launch.Start(command)
	_, _, _ = in.Close(), out.Close(), errOut.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(err, toServer.Close(), fromServer.Close(), fromErr.Close())
	}
	p.cfg.Process = &Process{Target: process.Target{PID: child.PID()}}
	w := &Wrapped{child: child, client: starter, log: &p.log, pipe: newPipe(p.tracker)}
	go w.passIn(toServer, client.In)
	w.passed.Go(func() { pass(client.Out, fromServer, w.pipe.received) })
	w.passed.Go(func() { pass(client.Err, fromErr, func(b []byte) { _, _ = w.log.Write(b) }) })
	return w, nil
}

// Child returns the server's process.
func (w *Wrapped) Child() *launch.Child { return w.child }

// passIn copies the client's output to the server until it ends.
func (w *Wrapped) passIn(to *os.File, from io.Reader) {
	_, _ = io.Copy(to, tap{from, w.pipe.sent}) // a server that stops reading ends, or is ended
	_ = to.Close()
	w.endWithClient()
}

// endWithClient stops the server when the client's process is gone. Until then
// the server may take its time: a client that waits can stop it itself.
func (w *Wrapped) endWithClient() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !w.client.gone() {
		select {
		case <-w.child.Done():
			return
		case <-tick.C:
		}
	}
	w.child.Stop()
}

// pass copies the server's output to the client, and flushes the rest that a guard holds back.
// When the client stops reading, the server's pipe closes, as it would without the proxy.
func pass(to io.Writer, from *os.File, observe func([]byte)) {
	_, _ = io.Copy(to, tap{from, observe})
	if guard, ok := to.(interface{ Flush() error }); ok {
		_ = guard.Flush() // the client has stopped reading
	}
	_ = from.Close()
}

// Log returns the end of the server's standard error.
func (w *Wrapped) Log() []byte { return w.log.Bytes() }

// drain is how long output may still come after the server has ended: a process
// that it started may hold the pipe open.
const drain = time.Second

// Wait waits until the server ends and returns how. When ctx ends first, it
// stops the server. It leaves no process of the server's group running.
func (w *Wrapped) Wait(ctx context.Context) error {
	err := w.child.Wait(ctx)
	w.child.Stop()
	passed := make(chan struct{})
	go func() {
		w.passed.Wait()
		close(passed)
	}()
	select {
	case <-passed:
	case <-time.After(drain):
	}
	w.pipe.close()
	return err
}

// tap is a reader that shows the bytes read to observe.
type tap struct {
	io.Reader
	observe func([]byte)
}

// Read implements io.Reader.
func (t tap) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.observe(p[:n])
	return n, err
}

// pipe observes a server on stdio. It is one session once initialize succeeds.
type pipe struct {
	tracker  *tracker
	session  *session
	request  scanner
	response scanner

	mu         sync.Mutex
	initialize *operation // not answered yet
}

func newPipe(t *tracker) *pipe {
	c := &pipe{tracker: t, session: &session{start: time.Now(), seen: time.Now()}}
	c.request.emit, c.response.emit = c.asked, c.answered
	return c
}

// sent observes bytes of the client.
func (c *pipe) sent(p []byte) {
	defer c.tracker.rescue()
	c.session.in.Add(int64(len(p)))
	scanLines(&c.request, p)
}

// received observes bytes of the server.
func (c *pipe) received(p []byte) {
	defer c.tracker.rescue()
	c.session.out.Add(int64(len(p)))
	scanLines(&c.response, p)
}

// scanLines scans messages of one line each: the end of a line also ends a
// message that is cut off.
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

// asked notes a message of the client.
func (c *pipe) asked(m *message) {
	op := c.tracker.begin(c.session, m, time.Now())
	if op != nil && op.method == methodInitialize {
		c.mu.Lock()
		c.initialize = op
		c.mu.Unlock()
	}
}

// answered notes a message of the server.
func (c *pipe) answered(m *message) {
	if len(m.method) > 0 {
		return
	}
	now := time.Now()
	c.tracker.answer(c.session, nil, m, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.initialize != nil && c.initialize.id == string(m.id) {
		if c.initialize = nil; m.result {
			c.tracker.openPipe(c.session, now)
		}
	}
}

// close notes that the server has ended.
func (c *pipe) close() {
	defer c.tracker.rescue()
	c.tracker.endSession(c.session, false, time.Now())
}
