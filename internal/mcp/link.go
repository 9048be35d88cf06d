package mcp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// link carries messages in both directions on one stream, answers in any order:
// standard streams, and HTTP+SSE. It is safe for concurrent use.
type link struct {
	write   func(ctx context.Context, body []byte) error
	stop    func()        // ends the stream or process of the link; may be called again
	instead func() string // describes a process that does not answer; may be nil
	odd     []deviation   // of the stream
	foreign []deviation   // of a stream with pieces that are no messages

	unfinished func() string  // describes a line that has not ended, or an event that is ignored; may be nil
	session    client.Secrets // in the address of the requests; may be nil

	replies chan []byte // to requests of the server
	done    chan struct{}

	mu      sync.Mutex
	waiting map[int64]chan arrival
	err     error // why the link ended
	junk    junk
}

// arrival is an answer and the time at which it came: over HTTP+SSE perhaps before the
// POST of its request was answered.
type arrival struct {
	message []byte
	at      time.Time
}

// junk describes data that arrived and answered no request.
type junk struct {
	count int
	first string // the first piece that was no message
	stray string // id of the first answer that nothing had asked for
}

func (j junk) String() string {
	text := ""
	if j.count > 0 {
		text = fmt.Sprintf("; lines of its output that are no messages: %d, the first is %s", j.count, j.first)
		if strings.HasPrefix(j.first, `"Content-Length`) {
			text += " (a message is a line, without a header)"
		}
	}
	if j.stray != "" {
		text += "; an answer came with the id " + j.stray
	}
	return text
}

// maxReplies limits the answers to requests of the server that wait to be sent.
const maxReplies = 64

// newLink begins to read messages with next, until that fails.
func newLink(write func(context.Context, []byte) error, next func() ([]byte, error), stop func()) *link {
	l := &link{
		write: write, stop: stop, waiting: map[int64]chan arrival{},
		replies: make(chan []byte, maxReplies), done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	go l.read(next, cancel)
	go l.answer(ctx)
	return l
}

// closedError says that the server ended the stream, and what came instead of an
// answer. Its cause may know how the server ended.
type closedError struct {
	err     error
	instead string
}

func (e *closedError) Error() string {
	if err := e.err; !errors.Is(err, io.EOF) && err != io.ErrUnexpectedEOF { //nolint:errorlint // one that wraps it says more
		return err.Error() + e.instead
	}
	return "the server closed the stream" + e.instead
}

func (e *closedError) Unwrap() error { return e.err }

func (l *link) read(next func() ([]byte, error), ended func()) {
	defer ended()
	defer close(l.done)
	for {
		if err := l.readOne(next); err != nil {
			l.mu.Lock()
			if l.err == nil {
				l.err = &closedError{err, l.junk.String()}
			}
			l.mu.Unlock()
			return
		}
	}
}

func (l *link) readOne(next func() ([]byte, error)) (err error) {
	defer report.Rescue(&err)
	data, err := next()
	if err == nil && len(data) > 0 {
		l.deliver(data)
	}
	return err
}

// ownMethod matches the methods of requests that only clients make.
var ownMethod = regexp.MustCompile(`^(?:initialize$|(?:server|tools|prompts|resources|completion|logging|subscriptions)/)`)

// deliver passes a message to the request that waits for it. A server that makes
// more requests than are answered in time gets no answer to some.
func (l *link) deliver(data []byte) {
	if e, ok := openEnvelope(data); ok && e.method == nil && e.id != nil {
		l.hand(e.id, data)
		return
	}
	m, _, err := parseMessage(data)
	switch {
	case err != nil, m.Method == "" && len(m.ID) == 0 && m.Error == nil, // JSON of a logger
		m.isRequest() && ownMethod.MatchString(m.Method): // an echo
		l.mu.Lock()
		if l.junk.count++; l.junk.count == 1 {
			l.junk.first = quote(data)
		}
		l.mu.Unlock()
	case m.isRequest():
		if body, err := m.reply(); err == nil {
			select {
			case l.replies <- body:
			default:
			}
		}
	case m.Method == "":
		l.hand(m.ID, data)
	}
}

// hand passes an answer on.
func (l *link) hand(id, data []byte) {
	n, ok := idNumber(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.waiting[n]; ok && c != nil {
		c <- arrival{bytes.Clone(data), time.Now()} // it holds one
		delete(l.waiting, n)
	} else if l.junk.stray == "" {
		l.junk.stray = fmt.Sprintf("%.40s", cmp.Or(string(id), "none"))
		if m, _, err := parseMessage(data); err == nil && m.Error != nil {
			l.junk.stray += fmt.Sprintf(" (%.200s)", m.Error)
		}
	}
}

// answer sends the replies to requests of the server until ctx ends. A reply that the
// server does not take in time is dropped.
func (l *link) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case body := <-l.replies:
			ctx, cancel := context.WithTimeout(ctx, replyTime)
			_ = l.send(ctx, body) // where the link fails, reading fails too
			cancel()
		}
	}
}

// unansweredError says that time was up, and which data came instead of an answer.
type unansweredError struct {
	method, instead string
	err             error
}

func (e *unansweredError) Error() string {
	if errors.Is(e.err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer to %s in time%s", e.method, e.instead)
	}
	return fmt.Sprintf("interrupted while waiting for the answer to %s%s", e.method, e.instead)
}

func (e *unansweredError) Unwrap() error { return e.err }

// unanswered returns the error of a request whose time is up.
func (l *link) unanswered(x *exchange, err error) error {
	instead := ""
	if stalled, ok := errors.AsType[*stalledError](err); ok {
		instead = "; " + stalled.Error()
	}
	l.mu.Lock()
	instead += l.junk.String()
	l.mu.Unlock()
	if l.unfinished != nil {
		instead += l.unfinished()
	}
	if l.instead != nil {
		instead += l.instead()
	}
	return &unansweredError{method: x.method, instead: instead, err: err}
}

// send writes a message. The link ends where a part of it was written: the next message
// would be the rest.
func (l *link) send(ctx context.Context, body []byte) error {
	err := l.write(ctx, body)
	if stalled, ok := errors.AsType[*stalledError](err); ok && stalled.taken > 0 {
		l.mu.Lock()
		if l.err == nil {
			l.err = &stalledError{stalled.taken, stalled.size, io.ErrClosedPipe}
			go l.stop() // it may wait for the end of a process
		}
		l.mu.Unlock()
	}
	return err
}

func (l *link) request(ctx context.Context, x *exchange) error {
	c := make(chan arrival, 1)
	l.mu.Lock()
	l.waiting[x.id] = c
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, x.id)
		l.mu.Unlock()
	}()
	if err := l.send(ctx, x.body); err != nil {
		if stalled, ok := errors.AsType[*stalledError](err); ok && ctx.Err() != nil {
			return l.unanswered(x, stalled)
		}
		return err
	}
	var came arrival
	select {
	case came = <-c:
	case <-ctx.Done():
		return l.unanswered(x, ctx.Err())
	case <-l.done:
		select {
		case came = <-c: // it was the last one
		default:
			return l.endError()
		}
	}
	x.message, x.at = came.message, came.at
	x.received, x.deviations = int64(len(x.message)), append(x.deviations, l.odd...)
	l.mu.Lock()
	if l.junk.count > 0 && x.method != "initialize" && x.method != "server/discover" { // those are tried in several forms
		x.deviations = append(x.deviations, l.foreign...)
	}
	l.mu.Unlock()
	x.noteArray()
	return nil
}

// endError returns why the link ended, nil before.
func (l *link) endError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *link) notify(ctx context.Context, body []byte) error { return l.send(ctx, body) }

func (l *link) speak(Era, bool) {}

func (l *link) alive() bool { return l.endError() == nil }

func (l *link) secrets() client.Secrets { return l.session }

func (l *link) abandon() { l.stop() }

// end closes the stream, which tells the server.
func (l *link) end(ctx context.Context) error {
	l.stop()
	select {
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
