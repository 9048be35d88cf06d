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

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp/sse"
)

// streamable is a session over Streamable HTTP: one POST per message.
type streamable struct {
	ep      Endpoint
	era     Era
	agreed  bool // on the revision
	id      string
	lost    bool
	proto   *http.Request
	headers map[headerKey]http.Header
	sent    payload // the body of the last request over a Line, which is done with it
	inbox   *inbox  // of the standalone stream; nil without one

	events *sse.Reader
	buf    []byte // of the last answer

	leftOpen int // answers in a row that had no end in time
}

// headerKey holds all that the header of a request depends on.
type headerKey struct{ verb, method, name string }

func (h *streamable) speak(era Era, agreed bool) { h.era, h.agreed, h.headers = era, agreed, nil }

func (h *streamable) alive() bool { return !h.lost }

func (h *streamable) secrets() client.Secrets { return client.Secrets{h.id}.InBodies() }

func (h *streamable) abandon() {
	if c, ok := h.ep.Line.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// endTime bounds DELETE, also where ctx has no deadline.
const endTime = 10 * time.Second

// end ends the session with DELETE.
func (h *streamable) end(ctx context.Context) error {
	if h.id == "" || h.lost {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	resp, err := h.send(ctx, headerKey{verb: http.MethodDelete}, nil, nil)
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
	resp, err := h.send(ctx, headerKey{verb: http.MethodPost}, nil, body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return h.refusal(resp)
	}
	h.drain(resp)
	return nil
}

// beside returns a copy of h for exchanges at the same time as its own.
func (h *streamable) beside() *streamable {
	other := &streamable{ep: h.ep, era: h.era, agreed: h.agreed, id: h.id}
	other.ep.Line = nil
	return other
}

// reply answers a request of the server within a stream.
func (h *streamable) reply(ctx context.Context, body []byte) error {
	ctx, cancel := timed(ctx)
	defer cancel()
	return h.beside().notify(ctx, body)
}

// timed returns a context that ends at the deadline of ctx: a Line keeps the
// deadline by itself.
func timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if at, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, at)
	}
	return context.WithCancel(ctx)
}

func (h *streamable) request(ctx context.Context, x *exchange) error {
	if h.inbox != nil {
		h.inbox.expect(x.id)
	}
	resp, err := h.send(ctx, headerKey{http.MethodPost, x.method, x.name}, x.fields, x.body) //nolint:bodyclose // drain does, on every path
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return h.refusal(resp)
	}
	if x.method == "initialize" {
		h.id, h.headers = resp.Header.Get("Mcp-Session-Id"), nil
	}
	kind := MediaType(resp.Header)
	if kind == "text/event-stream" {
		return h.awaitEvent(ctx, resp, x)
	}
	h.buf, err = readAll(h.buf[:0], resp.Body)
	h.drain(resp)
	if err == nil && resp.StatusCode != http.StatusOK && len(bytes.TrimSpace(h.buf)) == 0 {
		if resp.StatusCode == http.StatusAccepted && h.inbox != nil {
			return h.inbox.await(ctx, x)
		}
		return noAnswer(resp.StatusCode)
	}
	x.message, x.received = h.buf, int64(len(h.buf))
	switch kind {
	case "application/json":
	case "":
		x.deviations = append(x.deviations, deviation{"answers have no Content-Type", bySDK})
	default:
		x.deviations = append(x.deviations, deviation{fmt.Sprintf("answers have the Content-Type %.40q", kind), bySDK})
	}
	return err
}

// MediaType returns the Content-Type of an answer in lower case, without its parameters.
// The two usual ones are not allocated.
func MediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func isStream(h http.Header) bool { return MediaType(h) == "text/event-stream" }

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

// refusal returns the error of an answer whose status is an error.
func (h *streamable) refusal(resp *http.Response) error {
	defer h.drain(resp)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // the status is enough where the body fails
	err := statusError(resp, redact(body, h.secrets()))
	if h.id == "" || !sessionLost(err) {
		return err
	}
	h.lost, err.Usual = true, "it may have restarted, or ended the session"
	return fmt.Errorf("%w: %w", ErrSessionLost, err)
}

// send sends one HTTP request. Its parts are kept from one request to the next.
func (h *streamable) send(ctx context.Context, k headerKey, fields http.Header, body []byte) (*http.Response, error) {
	if h.proto == nil {
		u, err := url.Parse(h.ep.URL)
		if err != nil {
			return nil, errors.New("invalid URL")
		}
		h.proto = &http.Request{URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	}
	req := h.proto.WithContext(ctx)
	req.Method, req.Header = k.verb, h.header(k)
	if len(fields) > 0 {
		req.Header = req.Header.Clone()
		maps.Copy(req.Header, fields)
	}
	h.attach(req, body)
	return h.ep.do(req)
}

// attach gives a request its body, which may be nil.
func (h *streamable) attach(req *http.Request, body []byte) {
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

// header returns the header of a request. In the modern revision it names the
// method and the tool; in those since 2025-06-18 it names the revision that was agreed on.
func (h *streamable) header(k headerKey) http.Header {
	if h.era.Sessions() {
		k.name, k.method = "", ""
	}
	if header, ok := h.headers[k]; ok {
		return header
	}
	header := http.Header{"Accept": {"application/json, text/event-stream"}}
	if k.verb == http.MethodPost {
		header.Set("Content-Type", "application/json")
	}
	if h.id != "" {
		header.Set("Mcp-Session-Id", h.id)
	}
	if h.era.Version >= rev0618 && (h.agreed || !h.era.Sessions()) {
		header.Set("Mcp-Protocol-Version", h.era.Version)
	}
	if k.method != "" {
		header.Set("Mcp-Method", k.method)
	}
	if k.name != "" {
		header.Set("Mcp-Name", headerValue(k.name))
	}
	if h.headers == nil {
		h.headers = map[headerKey]http.Header{}
	}
	h.headers[k] = header
	return header
}

// restTime is how long the rest of an answer may take, less after each answer that the server
// left open, and restLeast at least: such servers would otherwise delay each call.
const (
	restTime  = 50 * time.Millisecond
	restLeast = 5 * time.Millisecond
)

// drain reads a short rest, so that the connection can be reused.
func (h *streamable) drain(resp *http.Response) {
	if h.ep.Line != nil {
		_ = resp.Body.Close() // a Line reads the rest by itself
		return
	}
	if h.leftOpen++; drain(resp.Body, max(restLeast, restTime>>min(h.leftOpen-1, 6))) {
		h.leftOpen = 0
	}
}

// drain reads a short rest of an answer and closes it. It reports whether the rest came
// in time.
func drain(body io.ReadCloser, wait time.Duration) bool {
	stop := time.AfterFunc(wait, func() { _ = body.Close() })
	_, _ = io.CopyN(io.Discard, body, 4<<10) // a longer rest costs a connection
	ended := stop.Stop()
	_ = body.Close() // it may be closed already
	return ended
}
