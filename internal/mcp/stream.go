package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxResumes bounds how often one call's stream is taken up again.
const maxResumes = 100

// awaitEvent reads a stream up to the answer. The server may put requests of its
// own before it, and may close the stream to have the client come back for the rest.
func (h *streamable) awaitEvent(ctx context.Context, resp *http.Response, x *exchange) error {
	var last Event
	for range maxResumes {
		err := h.scan(ctx, resp.Body, x, &last)
		h.drain(resp)
		switch {
		case x.message != nil:
			return nil
		case err != nil && !cutOff(err), ctx.Err() != nil:
			return cmp.Or(err, ctx.Err())
		case last.ID == "":
			return cmp.Or(err, malformed("the stream ended before the answer"))
		}
		if resp, err = h.resume(ctx, last); err != nil { //nolint:bodyclose // drain does
			return err
		}
	}
	return malformed("the stream ended %d times before the answer", maxResumes)
}

// cutOff reports whether a stream broke off, so that there may be a rest to come
// back for. After any other error there is none: what was malformed or too
// large would come again.
func cutOff(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF)
}

// scan reads events up to the answer; last keeps the latest id and retry time.
func (h *streamable) scan(ctx context.Context, stream io.Reader, x *exchange, last *Event) error {
	h.events.reset(stream)
	defer func() { x.received += h.events.read }()
	for {
		e, err := h.events.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil // the stream ended without the answer
		case err != nil:
			return err
		}
		if e.ID != "" {
			last.ID = e.ID
		}
		last.Retry = max(last.Retry, e.Retry)
		if len(e.Data) == 0 || e.Name != "" && e.Name != "message" {
			continue
		}
		if done, err := h.take(ctx, e.Data, x); done || err != nil {
			return err
		}
	}
}

// take takes in one message of a stream and reports whether it is the answer.
func (h *streamable) take(ctx context.Context, data []byte, x *exchange) (done bool, err error) {
	if g, ok := look(data); ok && g.method == nil && isID(g.id, x.id) {
		x.message = data
		return true, nil
	}
	m, err := parseMessage(data)
	switch {
	case err != nil:
		return false, err
	case m.answers(x.id):
		x.message = data
		return true, nil
	case !m.isRequest():
		return false, nil
	}
	body, err := encode(m.response())
	if err == nil {
		err = h.reply(ctx, body)
	}
	if err != nil {
		return false, fmt.Errorf("answering %s: %v", m.Method, err) //nolint:errorlint // the stream itself did not break off
	}
	return false, nil
}

// resume takes up a stream after the event last, when the server wants it to.
func (h *streamable) resume(ctx context.Context, last Event) (*http.Response, error) {
	if err := pause(ctx, last.Retry); err != nil {
		return nil, err
	}
	resp, err := h.send(ctx, head{verb: http.MethodGet}, http.Header{"Last-Event-Id": {last.ID}}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, h.refusal(resp)
	}
	return resp, nil
}

// pause waits, at most until the deadline of ctx: a server can ask for weeks.
func pause(ctx context.Context, d time.Duration) error {
	ctx, cancel := timed(ctx)
	defer cancel()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
