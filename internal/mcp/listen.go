package mcp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// ErrNoStream says that a server offers no standalone event stream (405), or that the
// session has none: of the modern revision, over HTTP+SSE and standard streams.
var ErrNoStream = errors.New("the server offers no standalone event stream")

// Listen opens the standalone event stream of the session in the background, as the
// official clients do after initialize, and again whenever it ends, until ctx ends or
// the server refuses it. Requests of the server on it are answered, and a call that got
// 202 takes its answer from it. It is called before the first call. held, which may be
// nil, is called once if the server has not refused the stream: when it accepts it, or
// when ctx ends before the server has answered. The channel gives the outcome once: nil
// where ctx ended, ErrNoStream, or why the stream is not open any more.
func (s *Session) Listen(ctx context.Context, held func()) <-chan error {
	done := make(chan error, 1)
	h, ok := s.wire.(*streamable)
	if !ok || !s.era.Sessions() {
		done <- ErrNoStream
		return done
	}
	l := &listener{streamable: h.beside(), held: held}
	h.inbox = newInbox()
	l.inbox = h.inbox
	go func() {
		err := l.run(ctx)
		close(l.inbox.done)
		if ctx.Err() != nil {
			l.hold()
			err = nil
		}
		done <- err
	}()
	return done
}

// listener keeps the standalone stream of a session open.
type listener struct {
	*streamable
	held   func() // or nil
	at     position
	failed int // attempts to open the stream again since it was open
}

// mostReopened is how often the official clients try in vain to open the stream again.
const mostReopened = 2

// hold notes that the server has not refused the stream.
func (l *listener) hold() {
	if l.held != nil {
		l.held()
		l.held = nil
	}
}

func (l *listener) run(ctx context.Context) error {
	for first := true; ; first = false {
		open, err := l.listen(ctx)
		switch {
		case open:
			l.failed = 0
		case first, errors.Is(err, ErrNoStream), l.failed+1 >= mostReopened:
			return err
		default:
			l.failed++
		}
		if err := sleep(ctx, l.at.pauseBefore(l.failed)); err != nil {
			return err
		}
	}
}

// listen opens the stream and reads it to its end. It reports whether it was open.
func (l *listener) listen(ctx context.Context) (open bool, err error) {
	defer report.Rescue(&err)
	header := http.Header{"Accept": {"text/event-stream"}}
	if l.at.id != "" {
		header.Set("Last-Event-Id", l.at.id)
	}
	resp, err := l.send(ctx, headerKey{verb: http.MethodGet}, header, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close() //nolint:errcheck // it ends with ctx
	switch {
	case resp.StatusCode == http.StatusMethodNotAllowed:
		return false, ErrNoStream
	case resp.StatusCode/100 != 2:
		return false, l.refusal(resp)
	case !isStream(resp.Header):
		return false, malformed("GET is answered with the Content-Type %.40q instead of an event stream", MediaType(resp.Header))
	}
	l.hold()
	events := sse.NewReader(resp.Body, l.ep.maxMessage())
	for {
		e, err := events.Next()
		if err != nil {
			return true, err
		}
		if e.ID != "" {
			l.at.id = e.ID
		}
		l.at.retry = cmp.Or(e.Retry, l.at.retry)
		if e.IsMessage() {
			l.handle(ctx, e.Data)
		}
	}
}

// replyTime bounds the answer to a request of the server, so that the stream is read on.
const replyTime = 10 * time.Second

// handle takes a message of the stream. A request is answered; the stream goes on if the
// server does not want the answer.
func (l *listener) handle(ctx context.Context, data []byte) {
	m, _, err := parseMessage(data)
	switch {
	case err != nil:
	case m.isRequest():
		_ = l.answer(ctx, m)
	case m.Method == "":
		l.inbox.put(m, data)
	}
}
