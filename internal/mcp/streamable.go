package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// streamable is a session over Streamable HTTP: one POST a message.
type streamable struct {
	ep    Endpoint
	era   Era
	id    string
	lost  bool
	proto *http.Request
	heads map[head]http.Header
	sent  payload // the body of the last request over a Line, which is done with it

	events eventReader
	buf    []byte // of the last answer
}

// head is what the header of a request depends on.
type head struct{ verb, method, name string }

func (h *streamable) negotiated(era Era) { h.era, h.heads = era, nil }

func (h *streamable) alive() bool { return !h.lost }

func (h *streamable) abandon() { closeLine(h.ep.Line) }

// closeLine closes the connection of a session, where it has one of its own.
func closeLine(line http.RoundTripper) {
	if c, ok := line.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// end ends the session with DELETE.
func (h *streamable) end(ctx context.Context) error {
	if h.id == "" || h.lost {
		return nil
	}
	resp, err := h.send(ctx, head{verb: http.MethodDelete}, nil, nil)
	if err != nil {
		return err
	}
	defer h.drain(resp)
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusMethodNotAllowed && resp.StatusCode != http.StatusNotFound {
		return statusError(resp, nil)
	}
	return nil
}

func (h *streamable) notify(ctx context.Context, body []byte) error {
	resp, err := h.send(ctx, head{verb: http.MethodPost}, nil, body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return h.refusal(resp)
	}
	h.drain(resp)
	return nil
}

// reply answers a request that the server made within a stream, beside it.
func (h *streamable) reply(ctx context.Context, body []byte) error {
	beside := *h
	beside.ep.Line = nil
	ctx, cancel := timed(ctx)
	defer cancel()
	return beside.notify(ctx, body)
}

// timed is ctx, done at its deadline: that of a Line is the connection's to keep.
func timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if at, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, at)
	}
	return context.WithCancel(ctx)
}

func (h *streamable) request(ctx context.Context, x *exchange) error {
	resp, err := h.send(ctx, head{http.MethodPost, x.method, x.name}, x.fields, x.body) //nolint:bodyclose // drain does, on every way
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return h.refusal(resp)
	}
	if x.method == "initialize" {
		h.id, h.heads = resp.Header.Get("Mcp-Session-Id"), nil
	}
	if isStream(resp.Header) {
		return h.awaitEvent(ctx, resp, x)
	}
	h.buf, err = readAll(h.buf[:0], resp.Body)
	h.drain(resp)
	x.message, x.received = h.buf, int64(len(h.buf))
	return err
}

func isStream(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// readAll reads r to its end into buf, which grows.
func readAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, 512)...)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// refusal reads an answer whose status is an error.
func (h *streamable) refusal(resp *http.Response) error {
	defer h.drain(resp)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status says enough where the body fails
	if h.id != "" {
		body = bytes.ReplaceAll(body, []byte(h.id), []byte("REDACTED")) // it is a credential
	}
	err := statusError(resp, body)
	if h.id != "" && sessionLost(err) {
		h.lost = true
		return fmt.Errorf("%w: %w", ErrSessionLost, err)
	}
	return err
}

// send sends one HTTP request. What it is made of is kept from one to the next.
func (h *streamable) send(ctx context.Context, k head, fields http.Header, body []byte) (*http.Response, error) {
	if h.proto == nil {
		u, err := url.Parse(h.ep.URL)
		if err != nil {
			return nil, errors.New("not a URL that can be asked")
		}
		h.proto = &http.Request{URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	}
	req := h.proto.WithContext(ctx)
	req.Method, req.Header = k.verb, h.header(k)
	if len(fields) > 0 {
		req.Header = req.Header.Clone()
		maps.Copy(req.Header, fields)
	}
	h.carry(req, body)
	return h.ep.do(req)
}

// carry gives a request its body, which may be none.
func (h *streamable) carry(req *http.Request, body []byte) {
	req.Body, req.ContentLength = nil, int64(len(body))
	if body == nil {
		return
	}
	p := &h.sent
	if h.ep.Line == nil {
		p = &payload{}
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	p.Reset(body)
	req.Body = p
}

// payload is the body of a request.
type payload struct{ bytes.Reader }

func (*payload) Close() error { return nil }

// header is the header of a request. The modern revision names in it what is called.
func (h *streamable) header(k head) http.Header {
	if h.era.Sessions() {
		k.name = ""
		k.method = ""
	}
	if header, ok := h.heads[k]; ok {
		return header
	}
	header := http.Header{"Accept": {"application/json, text/event-stream"}}
	if k.verb == http.MethodPost {
		header.Set("Content-Type", "application/json")
	}
	if h.id != "" {
		header.Set("Mcp-Session-Id", h.id)
	}
	if h.era.Version >= rev0618 && (h.id != "" || !h.era.Sessions()) {
		header.Set("Mcp-Protocol-Version", h.era.Version)
	}
	if k.method != "" {
		header.Set("Mcp-Method", k.method)
	}
	if k.name != "" {
		header.Set("Mcp-Name", headerValue(k.name))
	}
	if h.heads == nil {
		h.heads = map[head]http.Header{}
	}
	h.heads[k] = header
	return header
}

// restTime is how long the rest of an answer may take. Servers that leave their
// streams open would otherwise hold up each call until its deadline.
const restTime = 50 * time.Millisecond

// drain reads a short rest, so that the connection can be used again.
func (h *streamable) drain(resp *http.Response) {
	if h.ep.Line == nil {
		stop := time.AfterFunc(restTime, func() { _ = resp.Body.Close() })
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // a longer rest costs a connection
		stop.Stop()
	}
	_ = resp.Body.Close() // a Line does the same by itself
}
