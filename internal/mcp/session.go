package mcp

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Session is one client of a server. Of a revision without sessions it is a client
// that keeps nothing. Over standard streams its methods may be called concurrently;
// over HTTP it belongs to one user and makes one call at a time.
type Session struct {
	era      Era
	seq      atomic.Int64
	wire     transport
	check    bool
	took     time.Duration // of initialize and initialized
	unprobed bool          // server/discover had no answer
	own      *exchange     // reused by all calls over a Line, which follow each other

	mu       sync.Mutex
	warnings []string
	judged   map[string]bool // tools of which a result was compared with its shape
}

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
	s.wire.speak(era, !era.Sessions())
	if !era.Sessions() {
		return nil
	}
	from := time.Now()
	result, err := s.ask(ctx, "initialize", map[string]any{
		"protocolVersion": era.Version, "capabilities": struct{}{}, "clientInfo": implementation{Name: "mcpdiag", Version: "1"},
	})
	if err == nil {
		err = s.agree(result)
	}
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	if err := s.wire.notify(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)); err != nil {
		return fmt.Errorf("initialized: %w", err)
	}
	s.took = time.Since(from)
	return nil
}

// agree takes the answer to initialize.
func (s *Session) agree(result jsontext.Value) error {
	r, odd, err := readHandshake(result)
	if err != nil {
		return err
	}
	if r.ProtocolVersion == Modern { // which has no initialize
		r.ProtocolVersion = s.era.Version
	}
	s.era.Version, s.era.Server = r.ProtocolVersion, r.ServerInfo.String()
	s.wire.speak(s.era, true)
	return s.note(odd)
}

// handshake is the part of the answer to initialize that is read.
type handshake struct {
	ProtocolVersion string         `json:"protocolVersion"`
	ServerInfo      implementation `json:"serverInfo"`
}

func readHandshake(result jsontext.Value) (r handshake, odd []deviation, err error) {
	odd, err = unmarshal(result, &r)
	switch {
	case err != nil:
		return r, nil, err
	case r.ProtocolVersion == "":
		return r, nil, malformed("it names no protocol version: %s", quote(result))
	case !known(r.ProtocolVersion):
		odd = append(odd, deviation{fmt.Sprintf("the protocol version %.40q in the answer to initialize is unknown", r.ProtocolVersion), bySDK})
	}
	return r, append(odd, initializeShape.deviations("the answer to initialize", result)...), nil
}

// note keeps deviations as warnings. With Check, those that the official clients
// reject are errors.
func (s *Session) note(found []deviation) error {
	if len(found) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range found {
		if d.rejected != byNobody && s.check {
			return malformed("%s", d)
		}
		if text := d.String(); !slices.Contains(s.warnings, text) && len(s.warnings) < maxWarnings {
			s.warnings = append(s.warnings, text)
		}
	}
	return nil
}

// maxWarnings limits the warnings of a session.
const maxWarnings = 20

// Warnings returns how the server departs from the protocol, each thing once.
func (s *Session) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

// Opening returns how long initialize and initialized took, 0 without sessions.
func (s *Session) Opening() time.Duration { return s.took }

// Era returns the negotiated era.
func (s *Session) Era() Era { return s.era }

// Over sends all that follows over a connection of its own; nil means net/http.
func (s *Session) Over(line http.RoundTripper) {
	if h, ok := s.wire.(*streamable); ok {
		h.ep.Line = line
		s.own = nil
		if line != nil {
			s.own = &exchange{}
		}
	}
}

// Alive reports whether the session can go on: the server has not forgotten it, and
// the stream or process that carries it is there.
func (s *Session) Alive() bool { return s.wire.alive() }

// Close ends the session so that the server knows: with DELETE, or by closing its
// stream. A server that does not allow DELETE is no error.
func (s *Session) Close(ctx context.Context) error { return s.wire.end(ctx) }

// Abandon drops the session without telling the server.
func (s *Session) Abandon() { s.wire.abandon() }

// Answer is the outcome of a request that was answered.
type Answer struct {
	Result   jsontext.Value // valid until the next request of the session
	IsError  bool           // the tool failed; the protocol did not
	Text     string         // why, where IsError: the first text of the result
	At       time.Time      // when the answer was complete
	Sent     int64          // bytes of the messages in both directions
	Received int64
}

// Cancel tells the server that the last request was given up. The modern revision
// has no such message: the end of the connection says it there.
func (s *Session) Cancel(ctx context.Context) error {
	if !s.era.Sessions() {
		return nil
	}
	return s.wire.notify(ctx, fmt.Appendf(nil,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,"reason":"the client is ending"}}`, s.seq.Load()))
}

// maxInputs limits how often a server asks for more input during one call.
const maxInputs = 20

// Do sends a request and waits for its answer. A server that asks for input first
// gets it. An error means that there is no result: the exchange failed, or the
// answer is an error of HTTP or JSON-RPC.
func (s *Session) Do(ctx context.Context, r *Request) (total Answer, err error) {
	defer report.Rescue(&err)
	params := r.Params
	for range maxInputs {
		x := s.exchange(r, params)
		err := s.wire.request(ctx, x)
		total.Sent += int64(len(x.body))
		total.Received += x.received
		if err != nil {
			return total, err
		}
		if total.At = x.at; x.at.IsZero() {
			total.At = time.Now()
		}
		v, err := s.judge(x)
		total.Result, total.IsError, total.Text = v.result, v.isError, v.text
		if err == nil && r.Method == "tools/call" && !v.inputRequired {
			v.deviations = append(v.deviations, s.judgeCall(r, &v)...)
		}
		if noted := s.note(append(x.deviations, v.deviations...)); err == nil {
			err = noted
		}
		if err != nil || !v.inputRequired {
			return total, err
		}
		if params, err = withInputs(r.Params, v.result); err != nil {
			return total, err
		}
	}
	return total, malformed("the server asks for input again and again")
}

// judge reads the answer to x. Errors do not show the id of the session.
func (s *Session) judge(x *exchange) (verdict, error) {
	v, err := judge(x.message, x.id, s.check)
	if err == nil && !v.isError {
		return v, nil
	}
	if secrets := s.wire.secrets(); len(secrets) > 0 {
		return judge(redact(x.message, secrets), x.id, s.check)
	}
	return v, err
}

// judgeCall compares the first result of each tool with the rules of the official
// clients. With Check it compares all.
func (s *Session) judgeCall(r *Request, v *verdict) []deviation {
	s.mu.Lock()
	known := s.judged[r.Name]
	if !known && len(s.judged) < maxJudged {
		if s.judged == nil {
			s.judged = map[string]bool{}
		}
		s.judged[r.Name] = true
	}
	s.mu.Unlock()
	if known && !s.check {
		return nil
	}
	odd := callShape.deviations("the result of a tool", v.result)
	if r.structured && !v.isError && structuredShape.faultOf(v.result) != "" {
		odd = append(odd, deviation{fmt.Sprintf("tool %.60q has an output schema, but its result has no structuredContent", r.Name), bySDK})
	}
	return odd
}

// maxJudged limits the tools that a session remembers.
const maxJudged = 1000

// exchange returns a request with parameters, ready to be sent. A Line keeps nothing
// of it, so that the next one uses the same memory.
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

// ask does a request with parameters made for it, and returns its result.
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

// encode appends a request. Every modern one names its client.
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

// appendMembers appends the members of an object to another that is open and not empty.
func appendMembers(dst []byte, object jsontext.Value) []byte {
	if len(object) <= 2 { // {} or nothing
		return append(dst, '}')
	}
	dst = append(dst, ',')
	return append(dst, object[1:]...)
}
