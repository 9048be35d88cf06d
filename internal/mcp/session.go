package mcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Session is one client of a server. Of a revision without sessions it is a
// name for a client that keeps nothing. Over standard streams its methods may be
// called side by side; over HTTP it is one user's, who makes one call at a time.
type Session struct {
	era   Era
	seq   atomic.Int64
	wire  transport
	check bool
	took  time.Duration // of initialize and initialized
	own   *exchange     // over a Line, calls come one after the other: they share it
}

var self = implementation{Name: "mcpdiag", Version: "1"}

// Open opens a session: initialize and initialized; for the modern revision, nothing.
func Open(ctx context.Context, ep Endpoint, era Era) (*Session, error) {
	s, err := newSession(ctx, ep, era)
	if err != nil {
		return nil, err
	}
	if err := s.initialize(ctx, era); err != nil {
		s.Abandon()
		return nil, err
	}
	return s, nil
}

func newSession(ctx context.Context, ep Endpoint, era Era) (*Session, error) {
	wire, err := dial(ctx, ep, era)
	if err != nil {
		return nil, err
	}
	s := &Session{era: era, wire: wire, check: ep.Check}
	s.Over(ep.Line)
	return s, nil
}

func (s *Session) initialize(ctx context.Context, era Era) error {
	s.era = era
	s.wire.negotiated(Era{Version: era.Version})
	if !era.Sessions() {
		return nil
	}
	from := time.Now()
	result, err := s.ask(ctx, "initialize", map[string]any{
		"protocolVersion": era.Version, "capabilities": struct{}{}, "clientInfo": self,
	})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	var r struct {
		ProtocolVersion string         `json:"protocolVersion"`
		ServerInfo      implementation `json:"serverInfo"`
	}
	if err := jsonv2.Unmarshal(result, &r); err != nil || r.ProtocolVersion == "" {
		return fmt.Errorf("initialize: %w", malformed("it names no protocol version"))
	}
	s.era = Era{Version: r.ProtocolVersion, Server: r.ServerInfo.String(), SSE: era.SSE}
	s.wire.negotiated(s.era)
	if err := s.wire.notify(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)); err != nil {
		return fmt.Errorf("initialized: %w", err)
	}
	s.took = time.Since(from)
	return nil
}

// Opening is how long initialize and initialized took, 0 where there are no sessions.
func (s *Session) Opening() time.Duration { return s.took }

// Era is what was negotiated.
func (s *Session) Era() Era { return s.era }

// Over has what follows go over a connection of its own, nil being net/http.
func (s *Session) Over(line http.RoundTripper) {
	if h, ok := s.wire.(*streamable); ok {
		h.ep.Line = line
		s.own = nil
		if line != nil {
			s.own = &exchange{}
		}
	}
}

// Alive reports whether the session can go on: its server has not forgotten it,
// and the stream or process that carries it is there.
func (s *Session) Alive() bool { return s.wire.alive() }

// Close ends the session so that the server knows: with DELETE, or by closing
// what carries it. That a server does not allow DELETE is no error.
func (s *Session) Close(ctx context.Context) error { return s.wire.end(ctx) }

// Abandon lets go of the session without a word.
func (s *Session) Abandon() { s.wire.abandon() }

// Answer is what a request that was answered came to.
type Answer struct {
	Result   jsontext.Value // it holds until the next request of the session
	IsError  bool           // the tool failed, which is no error of the protocol
	Text     string         // why, where IsError: the first text of the result
	At       time.Time      // when the answer was there
	Sent     int64          // bytes of the messages to and fro
	Received int64
}

// Cancel tells the server that nobody waits for the last request any more. The
// modern revision has no such message: there, the end of the connection says it.
func (s *Session) Cancel(ctx context.Context) error {
	if !s.era.Sessions() {
		return nil
	}
	return s.wire.notify(ctx, fmt.Appendf(nil,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,"reason":"the client is ending"}}`, s.seq.Load()))
}

// maxInputs bounds how often one call's server asks for more.
const maxInputs = 20

// Do sends a request and waits for its answer. A server that asks for input
// before it answers gets it. An error means that there is no result: the
// exchange, the HTTP status or the JSON-RPC answer failed.
func (s *Session) Do(ctx context.Context, r *Request) (Answer, error) {
	var total Answer
	params := r.Params
	for range maxInputs {
		x := s.exchange(r, params)
		err := s.wire.request(ctx, x)
		total.Sent += int64(len(x.body))
		total.Received += x.received
		if err != nil {
			return total, err
		}
		v, err := judge(x.message, x.id, s.check)
		total.At = time.Now()
		total.Result, total.IsError, total.Text = v.result, v.isError, v.text
		if err != nil || !v.inputRequired {
			return total, err
		}
		if params, err = withInputs(r.Params, v.result); err != nil {
			return total, err
		}
	}
	return total, malformed("the server asks for input again and again")
}

// exchange is a request with parameters, about to be sent. A Line keeps nothing of
// it, so that the next can be made of the same memory.
func (s *Session) exchange(r *Request, params jsontext.Value) *exchange {
	x := s.own
	if x == nil {
		x = &exchange{}
	}
	*x = exchange{id: s.seq.Add(1), method: r.Method, name: r.Name, body: x.body[:0]}
	if !s.era.Sessions() {
		x.fields = r.fields
	}
	x.body = s.encode(x.body, x.id, r.Method, params)
	return x
}

// ask does a request whose parameters are made for it, and returns its result.
func (s *Session) ask(ctx context.Context, method string, params map[string]any) (jsontext.Value, error) {
	r := &Request{Method: method}
	if params != nil {
		var err error
		if r.Params, err = encode(params); err != nil {
			return nil, err
		}
	}
	answer, err := s.Do(ctx, r)
	return answer.Result.Clone(), err
}

// encode appends a request. Every modern one says what its client is.
func (s *Session) encode(body []byte, id int64, method string, params jsontext.Value) []byte {
	body = slices.Grow(body, len(params)+len(method)+len(modernMeta)+80)
	body = append(body, `{"jsonrpc":"2.0","id":`...)
	body = strconv.AppendInt(body, id, 10)
	body = append(body, `,"method":"`...)
	body = append(body, method...)
	body = append(body, `","params":`...)
	switch {
	case s.era.Sessions() && len(params) == 0:
		body = append(body, `{}`...)
	case s.era.Sessions():
		body = append(body, params...)
	default:
		body = append(body, modernMeta...)
		body = appendMembers(body, params)
	}
	return append(body, '}')
}

// modernMeta begins the parameters of a modern request.
const modernMeta = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"` + Modern +
	`","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"mcpdiag","version":"1"}}`

// appendMembers appends the members of an object to one that is open and has some.
func appendMembers(dst []byte, object jsontext.Value) []byte {
	if len(object) <= 2 { // {} or nothing
		return append(dst, '}')
	}
	dst = append(dst, ',')
	return append(dst, object[1:]...)
}

// ErrorCode is the JSON-RPC code in the chain of err, also of one that came with an HTTP status.
func ErrorCode(err error) (code int64, ok bool) {
	var rpc *RPCError
	if errors.As(err, &rpc) {
		return rpc.Code, true
	}
	return 0, false
}

// IsVersionRefused reports whether err says that the server does not speak the
// revision of the request.
func IsVersionRefused(err error) bool {
	code, ok := ErrorCode(err)
	return ok && code == codeVersion
}
