package proxy

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// operation is a request of the client that waits for its answer.
type operation struct {
	number  int64 // of a tool call, else 0
	id      string
	method  string
	tool    string // of a tool call
	start   time.Time
	session *session // or nil
	trace   string   // the trace that the client says it is part of
	parent  *operation
	done    bool
}

// outcome is how a request ended; "" is well. The others are the values of
// OpenTelemetry's error.type, or a JSON-RPC code, or an HTTP status.
type outcome string

const (
	outcomeOK        outcome = ""
	outcomeTool      outcome = "tool_error" // a result with isError
	outcomeCancelled outcome = "cancelled"  // the client went away
	outcomeLost      outcome = "no_answer"  // the answer ended without one
)

// begin notes a request. ok is false for what needs no answer.
func (l *Ledger) begin(s *session, m *message, now time.Time) (op *operation, ok bool) {
	if len(m.id) == 0 || len(m.method) == 0 || string(m.id) == "null" {
		return nil, false
	}
	op = &operation{id: string(m.id), method: methodName(m.method), start: now, session: s}
	l.mu.Lock()
	defer l.mu.Unlock()
	if op.method == "tools/call" {
		l.call(op, m)
	}
	if s == nil || s.alias == "" {
		l.plain = l.plain || op.method != "initialize"
	}
	if s == nil {
		return op, true
	}
	s.seen = now
	if s.requests == nil {
		s.requests = map[string]*operation{}
	}
	if s.requests[op.id] == nil { // a second request with the id will be refused; the first one waits
		s.requests[op.id] = op
	}
	return op, true
}

// call notes a tool call.
func (l *Ledger) call(op *operation, m *message) {
	l.lastCall++
	op.number = l.lastCall
	op.tool = l.toolName(m.name)
	l.tool(op.tool)
	op.trace = traceID(m.trace)
	op.parent = l.outer(op)
	l.running[op.number] = op
}

// outer is the call that op is made for, where the trace context says so: a
// call of the same trace that is in flight in another session. Two calls of
// one session are side by side.
func (l *Ledger) outer(op *operation) *operation {
	if op.trace == "" || op.session == nil {
		return nil
	}
	var outer *operation
	for _, o := range l.running {
		if o.trace == op.trace && o.session != op.session && (outer == nil || o.number > outer.number) {
			outer = o
		}
	}
	return outer
}

// answer notes an answer of the server. own are the requests of the exchange
// that it came in.
func (l *Ledger) answer(s *session, own []*operation, m *message, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range own {
		if op.id == string(m.id) && !op.done {
			l.finish(op, m.outcome(), now)
			return
		}
	}
	if s == nil {
		return
	}
	if op := s.requests[string(m.id)]; op != nil {
		l.finish(op, m.outcome(), now)
	}
}

func (m *message) outcome() outcome {
	switch {
	case m.fault && isInteger(m.code):
		return outcome(m.code)
	case m.fault:
		return other
	case string(m.isError) == "true":
		return outcomeTool
	}
	return outcomeOK
}

// isInteger reports whether raw is an integer as JSON-RPC wants an error code.
func isInteger(raw []byte) bool {
	n, err := strconv.ParseInt(string(raw), 10, 32)
	return err == nil && strconv.FormatInt(n, 10) == string(raw)
}

// cancel notes that the client no longer wants the answer to a request.
func (l *Ledger) cancel(s *session, id []byte, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if op := s.requests[string(id)]; op != nil {
		l.finish(op, outcomeCancelled, now)
	}
}

// abandon ends those of an exchange's requests that were not answered.
func (l *Ledger) abandon(own []*operation, why outcome, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range own {
		l.finish(op, why, now)
	}
}

// finish ends op; the caller holds the lock.
func (l *Ledger) finish(op *operation, how outcome, now time.Time) {
	if op.done {
		return
	}
	op.done = true
	s := op.session
	if s != nil && s.requests[op.id] == op {
		delete(s.requests, op.id)
	}
	l.meter.operation(op, outcome(l.reasons.value(string(how))), now.Sub(op.start))
	if op.number == 0 {
		return
	}
	delete(l.running, op.number)
	failed := int64(0)
	if how != outcomeOK {
		failed = 1
	}
	t := l.tool(op.tool)
	l.calls, l.errors = l.calls+1, l.errors+failed
	t.calls, t.errors = t.calls+1, t.errors+failed
	if s != nil {
		s.calls, s.errors = s.calls+1, s.errors+failed
	}
}

// methodName is a method of the protocol, or _OTHER: a client can make up any number.
func methodName(raw []byte) string {
	if name, ok := methods[string(raw)]; ok {
		return name
	}
	return other
}

// methods are the requests of the protocol, by their names as they stand in JSON.
var methods = func() map[string]string {
	quoted := map[string]string{}
	for _, name := range []string{"initialize", "server/discover", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get",
		"resources/list", "resources/read", "resources/templates/list", "resources/subscribe", "resources/unsubscribe",
		"subscriptions/listen", "completion/complete", "logging/setLevel", "tasks/get", "tasks/result", "tasks/list", "tasks/cancel"} {
		quoted[`"`+name+`"`] = name
	}
	return quoted
}()

// unquote is a JSON string, cut to a length that can be shown, or "".
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	closed := raw[len(raw)-1] == '"' && len(raw) < maxValue
	text := raw[1:]
	if closed {
		text = raw[1 : len(raw)-1]
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		if plain, err := jsontext.AppendUnquote(nil, raw); err == nil || len(plain) > 0 {
			text = plain
		}
	}
	if utf8.Valid(text) {
		return string(text)
	}
	return strings.ToValidUTF8(string(text), "\ufffd")
}

// traceID is the trace of a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>.
func traceID(raw []byte) string {
	parts := strings.Split(unquote(raw), "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return parts[1]
}

// shown is the id under which op is shown: the session's alias and the id that
// the client gave the request, where both say something, so that it can be
// found in a log, else its number.
func (op *operation) shown() string {
	if op.session != nil && op.session.alias != "" && len(op.id) <= 24 && op.session.requests[op.id] == op {
		return op.session.alias + "-" + strings.Trim(op.id, `"`)
	}
	return "c" + strconv.FormatInt(op.number, 10)
}
