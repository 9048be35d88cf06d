package proxy

import (
	"bytes"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// operation is a request of the client that waits for its answer.
type operation struct {
	number  int64
	id      string
	method  string
	tool    string // of a tool call, else ""
	start   time.Time
	session *session // or nil
	trace   string   // trace id that the client sent
	parent  *operation
	later   *operation // a request of the session with the same id
	held    bool       // in the admission queue
	done    bool
}

// isCall reports whether op is a tool call: only those are counted and limited.
func (op *operation) isCall() bool { return op.method == methodCall }

// isStanding reports whether op is answered by a stream that stays open, and so
// never hangs.
func (op *operation) isStanding() bool { return op.method == "subscriptions/listen" }

// Methods with a meaning to the proxy.
const (
	methodCall       = "tools/call"
	methodInitialize = "initialize"
	methodDiscover   = "server/discover"
)

// outcome is how a request ended; "" is success. The others are the values of
// OpenTelemetry's error.type, a JSON-RPC code, or an HTTP status.
type outcome string

const (
	outcomeOK        outcome = ""
	outcomeTool      outcome = "tool_error" // a result with isError
	outcomeCancelled outcome = "cancelled"  // the client went away
	outcomeLost      outcome = "no_answer"  // the response ended without an answer
)

// begin notes a message of the client. It returns the request that waits for an
// answer, or nil.
func (t *tracker) begin(s *session, m *message, now time.Time) *operation {
	if string(m.method) == `"notifications/cancelled"` && s != nil {
		t.cancel(s, m.canceled, now)
	}
	if len(m.id) == 0 || len(m.method) == 0 || string(m.id) == "null" {
		return nil
	}
	op := &operation{id: string(m.id), method: methodName(m.method), start: now, session: s}
	t.mu.Lock()
	defer t.unlock()
	if len(t.inFlight) >= maxInFlight {
		t.exceeded(overflowInFlight)
		return nil
	}
	t.lastNumber++
	op.number = t.lastNumber
	if op.isCall() {
		op.tool = t.toolName(m.name)
		t.tool(op.tool)
		op.trace = traceID(m.trace)
		op.parent = t.outer(op)
	}
	if !op.isStanding() {
		t.inFlight[op.number] = op
	}
	if s == nil || s.alias == "" {
		t.plain = t.plain || op.method != methodInitialize
	}
	if s != nil {
		s.seen = now
		s.expect(op)
	}
	return op
}

// beginDelete notes the request to end s, which may hang as any other. It has no id.
func (t *tracker) beginDelete(s *session, now time.Time) *operation {
	t.mu.Lock()
	defer t.unlock()
	t.lastNumber++
	op := &operation{number: t.lastNumber, method: http.MethodDelete, start: now, session: s}
	if len(t.inFlight) < maxInFlight {
		t.inFlight[op.number] = op
	}
	return op
}

// expect notes that op waits for its answer in s. Requests with one id are answered
// in the order in which they came.
func (s *session) expect(op *operation) {
	if s.requests == nil {
		s.requests = map[string]*operation{}
	}
	if s.waiting >= maxInFlight {
		return
	}
	s.waiting++
	first := s.requests[op.id]
	if first == nil {
		s.requests[op.id] = op
		return
	}
	for first.later != nil {
		first = first.later
	}
	first.later = op
}

// forget notes that op does not wait for its answer in s any more.
func (s *session) forget(op *operation) {
	first := s.requests[op.id]
	for first != nil && first != op && first.later != op {
		first = first.later
	}
	switch {
	case first == nil:
		return // it did not wait
	case first != op:
		first.later = op.later
	case op.later != nil:
		s.requests[op.id] = op.later
	default:
		delete(s.requests, op.id)
	}
	s.waiting--
}

// outer returns the call that op is made for, according to the trace context: a
// call of the same trace that is in flight in another session. Calls of one
// session are siblings.
func (t *tracker) outer(op *operation) *operation {
	if op.trace == "" || op.session == nil {
		return nil
	}
	var outer *operation
	for _, o := range t.inFlight {
		if o.trace == op.trace && o.session != op.session && (outer == nil || o.number > outer.number) {
			outer = o
		}
	}
	return outer
}

// answer notes an answer of the server. own are the requests of the exchange
// that brought it.
func (t *tracker) answer(s *session, own []*operation, m *message, now time.Time) {
	if op := t.settle(s, own, m, now); op != nil && (op.method == methodInitialize || op.method == methodDiscover) {
		t.nameServer(m.server)
	}
}

// settle ends the operation that m answers and returns it, or nil.
func (t *tracker) settle(s *session, own []*operation, m *message, now time.Time) *operation {
	t.mu.Lock()
	defer t.unlock()
	answered := waiting(s, own, string(m.id))
	if answered == nil {
		answered = waiting(s, own, otherForm(m.id))
	}
	if answered != nil {
		t.finish(answered, m.outcome(), now)
	}
	return answered
}

// waiting returns the request with an id that waits, or nil.
func waiting(s *session, own []*operation, id string) *operation {
	repeated := false // the request was answered before
	for _, op := range own {
		if op.id == id && !op.done {
			return op
		}
		repeated = repeated || op.id == id
	}
	if s == nil || repeated {
		return nil
	}
	return s.requests[id]
}

// otherForm returns a number as a string and a string as a number: some servers
// answer the one with the other, which clients accept.
func otherForm(id []byte) string {
	text := strings.Trim(string(id), `"`)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		text = strconv.FormatInt(int64(n), 10)
	}
	if len(id) > 0 && id[0] != '"' && text == string(id) {
		return `"` + text + `"`
	}
	return text
}

// outcome returns how the request that m answers ended.
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
func (t *tracker) cancel(s *session, id []byte, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	if op := s.requests[string(id)]; op != nil {
		t.finish(op, outcomeCancelled, now)
	}
}

// abandon ends those requests of an exchange that were not answered.
func (t *tracker) abandon(own []*operation, reason outcome, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	for _, op := range own {
		t.finish(op, reason, now)
	}
}

// finish ends op. The caller holds the lock.
func (t *tracker) finish(op *operation, how outcome, now time.Time) {
	if op.done {
		return
	}
	op.done = true
	delete(t.inFlight, op.number)
	s := op.session
	if s != nil {
		s.forget(op)
	}
	if op.id != "" {
		t.measure(op, how, now.Sub(op.start))
	}
	if !op.isCall() {
		return
	}
	failed := int64(0)
	if how != outcomeOK {
		failed = 1
	}
	counters := t.tool(op.tool)
	t.calls, t.errors = t.calls+1, t.errors+failed
	counters.calls, counters.errors = counters.calls+1, counters.errors+failed
	if s != nil {
		s.calls, s.errors = s.calls+1, s.errors+failed
	}
}

// measure adds op to the histograms, under labels from bounded sets. The caller
// holds the lock.
func (t *tracker) measure(op *operation, how outcome, took time.Duration) {
	errorType := string(how)
	if !t.errorTypes.add(errorType) {
		t.exceeded(overflowErrorTypes)
		errorType = other
	}
	if !t.meter.operation(op.method, op.tool, errorType, took) {
		t.exceeded(overflowSeries)
	}
}

// methodName returns the name of a method of the protocol, or _OTHER: clients can
// make up any number of names.
func methodName(raw []byte) string {
	if name, ok := methods[string(raw)]; ok {
		return name
	}
	return other
}

// methods maps the JSON strings of the protocol's requests to their names.
var methods = func() map[string]string {
	quoted := map[string]string{}
	for _, name := range []string{"initialize", "server/discover", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get",
		"resources/list", "resources/read", "resources/templates/list", "resources/subscribe", "resources/unsubscribe",
		"subscriptions/listen", "completion/complete", "logging/setLevel", "tasks/get", "tasks/result", "tasks/list", "tasks/cancel"} {
		quoted[`"`+name+`"`] = name
	}
	return quoted
}()

// repeatable has the JSON strings of methods that may be sent twice: they read, or their
// effect stays the same. Calls of tools are not among them, nor is initialize, which
// opens a session each time.
var repeatable = func() map[string]bool {
	quoted := map[string]bool{}
	for _, name := range []string{"server/discover", "ping", "tools/list", "prompts/list", "prompts/get", "resources/list", "resources/read",
		"resources/templates/list", "resources/subscribe", "resources/unsubscribe", "completion/complete", "logging/setLevel", "tasks/get",
		"tasks/result", "tasks/list", "notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed"} {
		quoted[`"`+name+`"`] = true
	}
	return quoted
}()

// unquote decodes a JSON string that may be cut off, or returns "".
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

// traceID returns the trace id of a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>.
func traceID(raw []byte) string {
	parts := strings.Split(unquote(raw), "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return parts[1]
}

// shown returns the id under which op is shown: the alias of its session and the
// request id, which can be found in a log, or its number if they are not unique.
func (op *operation) shown() string {
	if op.session != nil && op.session.alias != "" && len(op.id) <= 24 && op.session.requests[op.id] == op {
		return op.session.alias + "-" + strings.Trim(op.id, `"`)
	}
	return "c" + strconv.FormatInt(op.number, 10)
}
