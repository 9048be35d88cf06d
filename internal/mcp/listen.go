package mcp

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// ErrNoStream says that a server offers no standalone event stream (405), or that the
// session has none: of the modern revision, over HTTP+SSE and standard streams.
var ErrNoStream = errors.New("the server offers no standalone event stream")

// Listen opens the standalone event stream of the session, as the official clients do
// after initialize, and reads it in the background until ctx ends. Requests of the
// server on it are answered. The channel gives the outcome once: nil where the stream
// or ctx ended, ErrNoStream, or why it could not be opened.
func (s *Session) Listen(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	h, ok := s.wire.(*streamable)
	if !ok || !s.era.Sessions() {
		done <- ErrNoStream
		return done
	}
	h = h.beside()
	go func() {
		err := h.listen(ctx)
		if ctx.Err() != nil {
			err = nil
		}
		done <- err
	}()
	return done
}

func (h *streamable) listen(ctx context.Context) (err error) {
	defer report.Rescue(&err)
	resp, err := h.send(ctx, headerKey{verb: http.MethodGet}, http.Header{"Accept": {"text/event-stream"}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it ends with ctx
	if resp.StatusCode == http.StatusMethodNotAllowed {
		return ErrNoStream
	}
	if resp.StatusCode/100 != 2 {
		return h.refusal(resp)
	}
	events := sse.NewReader(resp.Body, h.ep.maxMessage())
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !e.IsMessage() {
			continue
		}
		if m, _, err := parseMessage(e.Data); err == nil && m.isRequest() {
			if err := h.answer(ctx, m); err != nil {
				return err
			}
		}
	}
}
