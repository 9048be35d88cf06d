package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// dialSSE opens a session over HTTP+SSE, as revision 2024-11-05 has it: a stream
// on which all answers come, and an address to post to, which is its first event.
func dialSSE(ctx context.Context, ep Endpoint) (transport, error) {
	// The stream outlives ctx, which is the deadline of its opening.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, cancel)
	resp, err := get(streamCtx, ep)
	if err != nil {
		cancel()
		return nil, err
	}
	stop := sync.OnceFunc(func() { cancel(); _ = resp.Body.Close() })
	events := &eventReader{}
	events.reset(resp.Body)
	address, err := endpointOf(events, ep.URL)
	if err == nil && !opened() {
		err = ctx.Err()
	}
	if err != nil {
		stop()
		return nil, err
	}
	write := func(ctx context.Context, body []byte) error { return post(ctx, ep.HTTP, address, body) }
	return newLink(write, func() ([]byte, error) { return nextMessage(events) }, stop), nil
}

func get(ctx context.Context, ep Endpoint) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ep.URL, nil)
	if err != nil {
		return nil, errors.New("not a URL that can be asked")
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := ep.HTTP.Do(req)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 != 2:
		err = statusError(resp, nil)
	case !isStream(resp.Header):
		err = malformed("it is no event stream: this server does not speak HTTP+SSE here")
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// endpointOf reads the first event. It may lead nowhere but to the same origin:
// requests carry credentials.
func endpointOf(events *eventReader, stream string) (string, error) {
	e, err := events.next()
	if err != nil {
		return "", fmt.Errorf("waiting for the endpoint event: %w", unexpected(err))
	}
	base, err := url.Parse(stream)
	if err != nil || e.Name != "endpoint" {
		return "", malformed("the stream does not begin with the event endpoint")
	}
	to, err := base.Parse(string(e.Data))
	if err != nil || to.Scheme != base.Scheme || to.Host != base.Host {
		return "", malformed("the stream gives an endpoint on another server, which is not followed")
	}
	return to.String(), nil
}

// unexpected is err, where the end of a stream is none of the two ends that are expected.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// nextMessage is the data of the next message event; nil for any other event.
func nextMessage(events *eventReader) ([]byte, error) {
	e, err := events.next()
	if err != nil {
		return nil, unexpected(err)
	}
	if e.Name != "" && e.Name != "message" {
		return nil, nil
	}
	return e.Data, nil
}

// post sends one message; the server accepts it, and answers on the stream.
func post(ctx context.Context, c *http.Client, address string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or is given up
	content, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return statusError(resp, content)
	}
	return nil
}
