package mcp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
)

// errOldTransport says that a POST opened the stream of HTTP+SSE.
var errOldTransport = errors.New("the server speaks HTTP+SSE here, not Streamable HTTP")

// position is how far a stream was read.
type position struct {
	id    string        // of the last event that had one
	retry time.Duration // pause that the server asks for
	stray string        // describes an answer to another request, or an event of another name
	bad   error         // of an event that is no message
}

// instead describes the data that came in place of the answer.
func (at *position) instead() string {
	if at.bad != nil {
		return "; an event of its stream is no message: " + at.bad.Error()
	}
	return at.stray
}

// instead describes data that came in place of the answer before the stream ended.
func (h *streamable) instead(at *position) string {
	if left := h.events.Left(); at.stray == "" && left != "" {
		return "; " + left
	}
	return at.stray
}

// awaitEvent reads a stream up to the answer. The server may put requests of its own
// before it, and may close the stream for the client to resume it later: until the
// deadline, as often as it likes.
func (h *streamable) awaitEvent(ctx context.Context, resp *http.Response, x *exchange) error {
	var at position
	for tries := 0; ; tries++ {
		before := at.id
		err := h.scan(ctx, resp.Body, x, &at)
		h.drain(resp)
		switch {
		case x.message != nil:
			return nil
		case ctx.Err() != nil:
			return &unansweredError{method: x.method, instead: at.instead(), err: ctx.Err()}
		case at.bad != nil:
			return at.bad
		case err != nil && !cutOff(err):
			return err
		case at.id == "" && err != nil:
			return err
		case at.id == "":
			return malformed("the stream ended before the answer%s", h.instead(&at))
		case at.id != before:
			tries = 0
		}
		if resp, err = h.resume(ctx, at, tries); err != nil { //nolint:bodyclose // drain does
			return fmt.Errorf("the stream ended after event %.40q, before the answer, and could not be resumed: %w", at.id, err)
		}
	}
}

// cutOff reports whether a stream was cut off, so that a rest may be left. After any
// other error there is none: malformed or large data would come again.
func cutOff(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF)
}

// scan reads events up to the answer, and notes in at how far it came.
func (h *streamable) scan(ctx context.Context, stream io.Reader, x *exchange, at *position) error {
	if h.events == nil {
		h.events = sse.NewReader(stream, h.ep.maxMessage())
	}
	h.events.Reset(stream)
	defer func() { x.received += h.events.BytesRead() }()
	for {
		e, err := h.events.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil // the stream ended without the answer
		case err != nil:
			return err
		case e.Name == "endpoint":
			return errOldTransport
		}
		if e.ID != "" {
			at.id = e.ID
		}
		at.retry = cmp.Or(e.Retry, at.retry)
		if !e.IsMessage() {
			at.stray = cmp.Or(at.stray, ignoredEvent(&e))
			continue
		}
		if !h.receive(ctx, e.Data, x, at) {
			continue
		}
		if h.events.Held(e) {
			x.deviations = append(x.deviations, heldBack)
		}
		return nil
	}
}

// ignoredEvent describes an event of another name that may have been meant as an answer,
// "" for others.
func ignoredEvent(e *sse.Event) string {
	if e.IsMessage() || e.Name != "error" && !bytes.Contains(e.Data, []byte(`"jsonrpc"`)) {
		return ""
	}
	return fmt.Sprintf("; clients ignore its event %.40q: %s", e.Name, quote(e.Data))
}

// heldBack is an event that official clients do not see in time.
var heldBack = deviation{"lines of event streams end in CR without LF, after which clients wait for more", bySDK}

// receive takes one message of a stream and reports whether it is the answer.
func (h *streamable) receive(ctx context.Context, data []byte, x *exchange, at *position) (done bool) {
	if e, ok := openEnvelope(data); ok && e.answersExactly(x.id) {
		x.message, x.at = data, time.Now()
		return true
	}
	m, _, bad := parseMessage(data)
	switch {
	case bad != nil && at.bad == nil:
		at.bad = bad // official clients read on
		x.deviations = append(x.deviations, deviation{text: "an event of a stream is not a message; it is ignored"})
	case bad != nil:
	case m.answers(x.id), m.Method == "" && m.Error != nil && string(m.ID) == "null":
		x.message, x.at = data, time.Now()
		x.noteArray()
		return true
	case m.isRequest():
		if err := h.answer(ctx, m); err != nil && at.stray == "" { // official clients read on
			at.stray = "; " + err.Error()
		}
	case m.Method == "" && at.stray == "":
		at.stray = fmt.Sprintf("; it had an answer with the id %.40s", m.ID)
	}
	return false
}

// answer answers a request of the server.
func (h *streamable) answer(ctx context.Context, m *message) error {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	body, err := m.reply()
	if err == nil {
		err = h.reply(ctx, body)
	}
	if err != nil {
		return fmt.Errorf("the answer to its %.40q failed: %w", m.Method, client.Cause(err))
	}
	return nil
}

// Limits on the pause before a stream is resumed. A server may ask for another one.
const (
	leastPause = 50 * time.Millisecond
	firstPause = time.Second
	mostPause  = 30 * time.Second
)

// pauseBefore returns the pause before a stream is resumed once more: as the server
// asks, otherwise one second, and half as much again each time.
func (at *position) pauseBefore(tries int) time.Duration {
	if at.retry > 0 {
		return max(at.retry, leastPause)
	}
	pause := firstPause
	for range tries {
		pause = min(pause*3/2, mostPause)
	}
	return pause
}

// resume opens the rest of a stream.
func (h *streamable) resume(ctx context.Context, at position, tries int) (*http.Response, error) {
	if err := sleep(ctx, at.pauseBefore(tries)); err != nil {
		return nil, err
	}
	resp, err := h.send(ctx, headerKey{verb: http.MethodGet}, http.Header{"Last-Event-Id": {at.id}}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	err = h.refusal(resp)
	if status, ok := errors.AsType[*client.StatusError](err); ok {
		status.Usual = "" // the path is right
	}
	return nil, err
}

// sleep waits, at most until the deadline of ctx: a server can ask for weeks.
func sleep(ctx context.Context, d time.Duration) error {
	ctx, cancel := timed(ctx)
	defer cancel()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
