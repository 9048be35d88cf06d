package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// link carries messages both ways on one stream, answers in any order: standard
// streams, and HTTP+SSE. It is safe to use side by side.
type link struct {
	write func(ctx context.Context, body []byte) error
	stop  func() // ends what carries it; may be called again

	replies chan []byte // to requests of the server
	done    chan struct{}

	mu      sync.Mutex
	waiting map[int64]chan []byte
	err     error // why it is over
}

// maxReplies bounds the answers that a server's requests wait for.
const maxReplies = 64

// newLink begins to read messages with next, until that fails.
func newLink(write func(context.Context, []byte) error, next func() ([]byte, error), stop func()) *link {
	l := &link{
		write: write, stop: stop, waiting: map[int64]chan []byte{},
		replies: make(chan []byte, maxReplies), done: make(chan struct{}),
	}
	go l.read(next)
	go l.answer()
	return l
}

// errLinkClosed says that the other side ended the stream.
var errLinkClosed = errors.New("the server closed the stream")

func (l *link) read(next func() ([]byte, error)) {
	defer close(l.done)
	for {
		data, err := next()
		if err != nil {
			l.mu.Lock()
			l.err = fmt.Errorf("%w: %w", errLinkClosed, err)
			l.mu.Unlock()
			return
		}
		if len(data) > 0 {
			l.deliver(data)
		}
	}
}

// deliver hands a message to who waits for it. A server that makes more requests
// than are answered in time gets no answer to some.
func (l *link) deliver(data []byte) {
	g, ok := look(data)
	if ok && g.method == nil {
		if id, err := strconv.ParseInt(string(g.id), 10, 64); err == nil {
			l.hand(id, bytes.Clone(data))
		}
		return
	}
	m, err := parseMessage(data)
	switch {
	case err != nil:
		return // what a server prints beside its messages is no message
	case m.isRequest():
		if body, err := encode(m.response()); err == nil {
			select {
			case l.replies <- body:
			default:
			}
		}
	case m.Method == "":
		if id, err := strconv.ParseInt(string(m.ID), 10, 64); err == nil {
			l.hand(id, bytes.Clone(data))
		}
	}
}

func (l *link) hand(id int64, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.waiting[id]; c != nil {
		c <- data // it has room for one
		delete(l.waiting, id)
	}
}

// answer sends the replies to requests of the server.
func (l *link) answer() {
	for {
		select {
		case <-l.done:
			return
		case body := <-l.replies:
			_ = l.write(context.Background(), body) // where it fails, reading fails too
		}
	}
}

func (l *link) request(ctx context.Context, x *exchange) error {
	c := make(chan []byte, 1)
	l.mu.Lock()
	l.waiting[x.id] = c
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, x.id)
		l.mu.Unlock()
	}()
	if err := l.write(ctx, x.body); err != nil {
		return err
	}
	select {
	case x.message = <-c:
		x.received = int64(len(x.message))
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
	}
	select {
	case x.message = <-c: // it came last
		x.received = int64(len(x.message))
		return nil
	default:
		return l.over()
	}
}

func (l *link) over() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *link) notify(ctx context.Context, body []byte) error { return l.write(ctx, body) }

func (l *link) negotiated(Era) {}

func (l *link) alive() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

func (l *link) abandon() { l.stop() }

// end closes the stream, which is how the server knows.
func (l *link) end(ctx context.Context) error {
	l.stop()
	select {
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
