package mcp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// dialSSE opens a session over HTTP+SSE, the transport of revision 2024-11-05: a
// stream for all answers, which begins with the address that takes requests.
func dialSSE(ctx context.Context, ep Endpoint) (transport, error) {
	// The stream outlives ctx, which is the deadline of its opening.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, cancel)
	resp, err := get(streamCtx, ep)
	if err != nil {
		cancel()
		return nil, openingError(ctx, err, "")
	}
	stop := sync.OnceFunc(func() { cancel(); _ = resp.Body.Close() })
	events := sse.NewReader(resp.Body, ep.maxMessage())
	came := ""
	address, held, err := endpointOf(events, ep.URL, &came)
	if !opened() || err != nil {
		stop()
		return nil, openingError(ctx, err, came)
	}
	secrets := client.SecretsOf(nil, client.SecretsIn(address)...).InBodies()
	write := func(ctx context.Context, body []byte) error {
		return post(ctx, ep.HTTP, address.String(), body, secrets)
	}
	var ignored atomic.Value
	ignored.Store("")
	l := newLink(write, func() ([]byte, error) { return nextMessage(events, &ignored) }, stop)
	l.session, l.unfinished = secrets, func() string { return ignored.Load().(string) }
	if held {
		l.odd = []deviation{heldBack}
	}
	return l, nil
}

// openingError returns why a stream could not be opened, and which event came first.
func openingError(ctx context.Context, err error, came string) error {
	switch {
	case ctx.Err() == nil:
		return err
	case came != "":
		came = "; " + came + " came"
	}
	return &unansweredError{method: "the request for an endpoint event", instead: came, err: ctx.Err()}
}

func get(ctx context.Context, ep Endpoint) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ep.URL, nil)
	if err != nil {
		return nil, errors.New("invalid URL")
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := ep.HTTP.Do(req)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 != 2:
		err = statusError(resp, nil)
	case !isStream(resp.Header):
		err = malformed("it is not an event stream: this server does not speak HTTP+SSE here")
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// endpointOf waits for the event that names the address. The address must have the
// same origin, since requests carry credentials. held says that official clients wait longer.
// came gets the first event before it.
func endpointOf(events *sse.Reader, stream string, came *string) (address *url.URL, held bool, err error) {
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, false, malformed("the event stream ended before its endpoint event; %s came before", cmp.Or(*came, "nothing"))
		case err != nil:
			return nil, false, fmt.Errorf("waiting for the endpoint event: %w", err)
		}
		if e.Name == "endpoint" && len(e.Data) > 0 {
			address, err = resolveEndpoint(stream, string(e.Data))
			return address, events.Held(e), err
		}
		if *came == "" && len(e.Data) > 0 {
			*came = fmt.Sprintf("the event %q with %.80q", report.Cell(e.Name, 40), report.Cell(report.RedactText(string(e.Data)), 80))
		}
	}
}

func resolveEndpoint(stream, endpoint string) (*url.URL, error) {
	base, err := url.Parse(stream)
	if err != nil {
		return nil, errors.New("invalid URL")
	}
	to, err := base.Parse(strings.TrimSpace(endpoint))
	switch {
	case err != nil:
		return nil, malformed("the endpoint of the stream is no address: %.80q", report.RedactText(endpoint))
	case !client.SameOrigin(to, base):
		return nil, malformed("the stream gives an endpoint on another server, %.80q, which is not followed", client.RedactURL(to))
	}
	return to, nil
}

// unexpected returns err; the end of a stream before its answer is unexpected.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// nextMessage returns the data of the next event, nil where it is no message. ignored gets
// the description of an event that may have been meant as one.
func nextMessage(events *sse.Reader, ignored *atomic.Value) ([]byte, error) {
	e, err := events.Next()
	if err != nil {
		return nil, unexpected(err)
	}
	if !e.IsMessage() {
		if text := ignoredEvent(&e); text != "" {
			ignored.Store(text)
		}
		return nil, nil
	}
	return e.Data, nil
}

// maxRefusal limits how much of the body of a refusal is read.
const maxRefusal = 64 << 10

// post sends one message. The server answers on the stream.
func post(ctx context.Context, c *http.Client, address string, body []byte, secrets client.Secrets) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req) //nolint:bodyclose // drain does
	if err != nil {
		return err
	}
	defer drain(resp.Body, restTime)
	if resp.StatusCode/100 != 2 {
		content, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		return statusError(resp, redact(content, secrets))
	}
	return nil
}
