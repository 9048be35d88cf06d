package mcp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Session is one client of a server. Of a revision without sessions it is a
// name for a client that keeps nothing. Its methods may be called side by side.
type Session struct {
	ep  Endpoint
	era Era
	id  string
	seq atomic.Int64
}

var self = implementation{Name: "mcpdiag", Version: "1"}

// Open opens a session: initialize and initialized; for the modern revision, nothing.
func Open(ctx context.Context, ep Endpoint, era Era) (*Session, error) {
	s := &Session{ep: ep, era: era}
	if !era.Sessions() {
		return s, nil
	}
	result, err := s.request(ctx, "initialize", map[string]any{
		"protocolVersion": era.Version, "capabilities": struct{}{}, "clientInfo": self,
	})
	if err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	var r struct {
		ProtocolVersion string         `json:"protocolVersion"`
		ServerInfo      implementation `json:"serverInfo"`
	}
	if err := jsonv2.Unmarshal(result, &r); err != nil || r.ProtocolVersion == "" {
		return nil, fmt.Errorf("initialize: %w", malformed("it names no protocol version"))
	}
	s.era = Era{Version: r.ProtocolVersion, Server: r.ServerInfo.String()}
	if err := s.notify(ctx, &message{Version: "2.0", Method: "notifications/initialized"}); err != nil {
		return nil, fmt.Errorf("initialized: %w", err)
	}
	return s, nil
}

// Era is what was negotiated.
func (s *Session) Era() Era { return s.era }

// Close ends the session with DELETE. That a server does not allow it is no error.
func (s *Session) Close(ctx context.Context) error {
	if s.id == "" {
		return nil
	}
	resp, err := s.send(ctx, http.MethodDelete, nil, nil)
	if err != nil {
		return err
	}
	defer drain(resp)
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusMethodNotAllowed && resp.StatusCode != http.StatusNotFound {
		return statusError(resp, nil)
	}
	return nil
}

// request sends a request and returns its result.
func (s *Session) request(ctx context.Context, method string, params map[string]any) (jsontext.Value, error) {
	r, err := s.requestWith(ctx, method, params, http.Header{})
	return r.result, err
}

// reply is the result of a request, and when it was there.
type reply struct {
	result jsontext.Value
	at     time.Time
}

func (s *Session) requestWith(ctx context.Context, method string, params map[string]any, header http.Header) (reply, error) {
	id := s.seq.Add(1)
	if !s.era.Sessions() {
		params = withMeta(params)
		header.Set("Mcp-Method", method)
	}
	m := &message{Version: "2.0", ID: jsontext.Value(fmt.Sprint(id)), Method: method, Params: params}
	resp, err := s.post(ctx, m, header)
	if err != nil {
		return reply{}, err
	}
	defer drain(resp)
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" && method == "initialize" {
		s.id = id
	}
	answer, err := s.await(ctx, resp, id)
	switch {
	case err != nil:
		return reply{}, err
	case answer.Error != nil:
		return reply{}, answer.Error
	case len(answer.Result) == 0:
		return reply{}, malformed("it has neither result nor error")
	}
	return reply{result: answer.Result, at: time.Now()}, nil
}

// withMeta adds what every modern request says of its client.
func withMeta(params map[string]any) map[string]any {
	out := map[string]any{"_meta": map[string]any{
		"io.modelcontextprotocol/protocolVersion":    Modern,
		"io.modelcontextprotocol/clientCapabilities": struct{}{},
		"io.modelcontextprotocol/clientInfo":         self,
	}}
	maps.Copy(out, params)
	return out
}

// notify sends a message that has no answer.
func (s *Session) notify(ctx context.Context, m *message) error {
	resp, err := s.post(ctx, m, nil)
	if err != nil {
		return err
	}
	drain(resp)
	return nil
}

// post sends m; the answer's status is 2xx.
func (s *Session) post(ctx context.Context, m *message, header http.Header) (*http.Response, error) {
	body, err := encode(m)
	if err != nil {
		return nil, err
	}
	resp, err := s.send(ctx, http.MethodPost, body, header)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	return nil, s.refusal(resp)
}

// refusal reads an answer whose status is an error.
func (s *Session) refusal(resp *http.Response) error {
	defer drain(resp)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status says enough where the body fails
	if s.id != "" {
		body = bytes.ReplaceAll(body, []byte(s.id), []byte("REDACTED")) // it is a credential
	}
	err := statusError(resp, body)
	var status *StatusError
	if errors.As(err, &status) && s.id != "" && status.lost() {
		return fmt.Errorf("%w: %w", ErrSessionLost, err)
	}
	return err
}

func (s *Session) send(ctx context.Context, method string, body []byte, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.ep.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.id != "" {
		req.Header.Set("Mcp-Session-Id", s.id)
	}
	if s.era.Version >= rev0618 && (s.id != "" || !s.era.Sessions()) {
		req.Header.Set("Mcp-Protocol-Version", s.era.Version)
	}
	return s.ep.HTTP.Do(req)
}

// restTime is how long the rest of an answer may take. Servers that leave their
// streams open would otherwise hold up each call until its deadline.
const restTime = 50 * time.Millisecond

// drain reads a short rest, so that the connection can be used again.
func drain(resp *http.Response) {
	timer := time.AfterFunc(restTime, func() { _ = resp.Body.Close() })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // a longer rest costs a connection
	_ = resp.Body.Close()
}

// await reads the answer to the request id, from JSON or from an event stream.
func (s *Session) await(ctx context.Context, resp *http.Response, id int64) (*message, error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/event-stream" {
		return s.awaitEvent(ctx, resp.Body, id)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	m, err := parseMessage(body)
	if err != nil {
		return nil, err
	}
	if m.Error == nil && !m.answers(id) {
		return nil, malformed("it is not the answer to request %d", id)
	}
	return m, nil
}

// maxResumes bounds how often one call's stream is taken up again.
const maxResumes = 100

// awaitEvent reads a stream up to the answer. The server may put requests of its
// own before it, and may close the stream to have the client come back for the rest.
func (s *Session) awaitEvent(ctx context.Context, stream io.Reader, id int64) (*message, error) {
	var last Event
	for range maxResumes {
		m, err := s.scan(ctx, stream, id, &last)
		if m != nil {
			return m, err
		}
		switch {
		case err != nil && !cutOff(err), ctx.Err() != nil:
			return nil, cmp.Or(err, ctx.Err())
		case last.ID == "":
			return nil, cmp.Or(err, malformed("the stream ended before the answer"))
		}
		resp, err := s.resume(ctx, last)
		if err != nil {
			return nil, err
		}
		defer drain(resp)
		stream = resp.Body
	}
	return nil, malformed("the stream ended %d times before the answer", maxResumes)
}

// cutOff reports whether a stream broke off, so that there may be a rest to come
// back for. After any other error there is none: what was malformed or too
// large would come again.
func cutOff(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF)
}

// scan reads events up to the answer; last keeps the latest id and retry time.
func (s *Session) scan(ctx context.Context, stream io.Reader, id int64, last *Event) (*message, error) {
	for e, err := range Events(stream) {
		if err != nil {
			return nil, err
		}
		if e.ID != "" {
			last.ID = e.ID
		}
		last.Retry = max(last.Retry, e.Retry)
		if len(e.Data) == 0 || e.Name != "" && e.Name != "message" {
			continue
		}
		m, err := parseMessage(e.Data)
		switch {
		case err != nil:
			return nil, err
		case m.answers(id):
			return m, nil
		case m.isRequest():
			if err := s.notify(ctx, m.response()); err != nil {
				return nil, fmt.Errorf("answering %s: %w", m.Method, err)
			}
		}
	}
	return nil, nil // the stream ended without the answer
}

// resume takes up a stream after the event last, when the server wants it to.
func (s *Session) resume(ctx context.Context, last Event) (*http.Response, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(last.Retry):
	}
	resp, err := s.send(ctx, http.MethodGet, nil, http.Header{"Last-Event-Id": {last.ID}})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, s.refusal(resp)
	}
	return resp, nil
}
