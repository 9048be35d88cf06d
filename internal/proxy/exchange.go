package proxy

import (
	"net/http"
	"sync"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// exchange observes one HTTP request and its response.
type exchange struct {
	tracker  *tracker
	key      string // the session id that the client sent
	method   string
	host     string // that the client asked for
	path     string
	place    string           // pathKey of path
	template *requestTemplate // with probes of orphaned sessions
	status   int
	stream   bool // the response is an event stream

	request  *scanner // of a POST
	response scanner
	events   eventScanner
	text     bool // response or events can read the response
	packed   *inflater
	opaque   bool   // the response is compressed in a way that cannot be read, or so that not all was
	metadata []byte // of the server as a protected resource, if the response has them

	// A streamed request may still be read while its response comes, and when that has
	// ended. mu guards these, but that session is written by the response alone, which
	// reads it without mu.
	mu         sync.Mutex
	session    *session // that the request belongs to, or nil
	own        []*operation
	initialize bool // the request holds an initialize
	messages   int  // that the request holds
	effects    bool // one of them may change something each time that it is sent
	closed     bool
}

// modern is the first revision of MCP without sessions.
const modern = "2026-07-28"

// exchange begins to observe a request.
func (t *tracker) exchange(r *http.Request) (x *exchange) {
	defer t.rescue()
	x = &exchange{tracker: t, method: r.Method, host: r.Host, path: r.URL.Path, place: pathKey(r.URL.Path)}
	x.response.emit = x.answered
	if r.Method == http.MethodPost {
		x.request = &scanner{emit: x.asked}
	}
	if r.Header.Get("Mcp-Protocol-Version") < modern {
		x.key = t.sessionKey(r)
	}
	if t.orphans.probes != nil && r.Method != http.MethodDelete {
		x.template = newRequestTemplate(r)
	}
	now := time.Now()
	switch {
	case x.key != "":
		x.session = t.find(x.key, x.template, now)
	case r.Method == http.MethodPost:
		x.session = t.findEndpoint(r.URL.RequestURI(), now)
	}
	if x.session != nil && r.Method == http.MethodDelete {
		x.own = append(x.own, t.beginDelete(x.session, now))
	}
	return x
}

// sessionKey returns the session id of a request, or "" if it is not valid.
func (t *tracker) sessionKey(r *http.Request) string {
	id := r.Header.Get("Mcp-Session-Id")
	if validSessionID(id) {
		return id
	}
	t.mu.Lock()
	defer t.unlock()
	t.exceeded(overflowSessionIDs)
	return ""
}

// sent observes bytes of the request.
func (x *exchange) sent(p []byte) {
	defer x.tracker.rescue()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	if x.session != nil {
		x.session.in.Add(int64(len(p)))
	}
	if x.request != nil {
		x.request.Write(p)
	}
}

// asked notes a message of the client. The caller holds the lock.
func (x *exchange) asked(m *message) {
	x.messages++
	x.effects = x.effects || !repeatable[string(m.method)]
	if op := x.tracker.begin(x.session, m, time.Now()); op != nil {
		x.own = append(x.own, op)
		x.initialize = x.initialize || op.method == methodInitialize
	}
}

// isIdempotent reports whether sending the request twice has the effect of sending
// it once, as far as HTTP and MCP define that.
func (x *exchange) isIdempotent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch x.method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, http.MethodPut:
		return true
	}
	return x.messages > 0 && !x.effects
}

// requests returns the requests of the exchange that wait for an answer.
func (x *exchange) requests() []*operation {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.own
}

// mayBringCall reports whether the part of the request that was not read yet may hold
// a tool call.
func (x *exchange) mayBringCall() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.request != nil && x.request.mayBringCall()
}

// awaitsEndpoint reports whether the response may be the stream of HTTP+SSE, which
// begins with its endpoint.
func (x *exchange) awaitsEndpoint() bool { return x.events.endpoint != nil && x.key == "" }

// head observes the status and header of the response.
func (x *exchange) head(resp *http.Response) {
	defer x.tracker.rescue()
	now := time.Now()
	x.status = resp.StatusCode
	kind := mcp.MediaType(resp.Header)
	x.stream = kind == "text/event-stream"
	x.text = x.stream || kind == "application/json"
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		var err error
		x.packed, err = newInflater(resp.Header, x.read, x.tracker.rescue)
		if x.opaque = err != nil; x.opaque {
			x.text = false
		}
	}
	x.judgeSession(resp, now)
	if x.stream {
		x.events = eventScanner{scan: &x.response}
		if x.method == http.MethodGet && x.session == nil && x.packed == nil {
			x.events.endpoint = x.endpoint
		}
		x.tracker.stream(x.session, 1, now)
	}
}

// judgeSession notes whether the response opens, ends or continues a session.
func (x *exchange) judgeSession(resp *http.Response, now time.Time) {
	ok := x.status/100 == 2
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tracker.judgeReturn(x.session, ok, x.status == http.StatusNotFound)
	switch id := resp.Header.Get("Mcp-Session-Id"); {
	case ok && x.initialize && id != "":
		x.tracker.opened(id, x.place, x.template, now)
	case x.status == http.StatusOK && x.initialize && x.session == nil:
		x.tracker.openedNone(x.place, now)
	case x.session != nil && x.status == http.StatusNotFound:
		x.tracker.endSession(x.session, true, now)
	case x.session != nil && ok && x.method == http.MethodDelete && !isEndpoint(x.session.key):
		x.tracker.endSession(x.session, false, now)
	case x.session == nil && x.key != "" && x.status == http.StatusNotFound:
		x.tracker.keepsSessions(x.place)
	case x.session == nil && ok && x.key != "" && x.method != http.MethodDelete && (id == "" || id == x.key): // else it is the answer of another session
		if id == x.key {
			x.tracker.keepsSessions(x.place)
		}
		x.session = x.tracker.adopt(x, now)
	}
}

// received observes bytes of the response.
func (x *exchange) received(p []byte) {
	defer x.tracker.rescue()
	if x.session != nil {
		x.session.out.Add(int64(len(p)))
	}
	if x.packed != nil {
		x.packed.write(p)
		return
	}
	x.read(p)
}

// read scans bytes of the response that are not compressed.
func (x *exchange) read(p []byte) {
	switch {
	case !x.text:
	case x.stream:
		x.events.Write(p)
	default:
		x.response.Write(p)
	}
	if x.status == http.StatusOK && isMetadata(x.path) {
		x.metadata = append(x.metadata, p[:min(len(p), maxMetadata-len(x.metadata))]...)
	}
}

// codeServer is the JSON-RPC error with which TypeScript servers report, under
// status 400, an unknown session.
const codeServer = "-32000"

// answered notes a message of the server.
func (x *exchange) answered(m *message) {
	if len(m.method) > 0 {
		return // a request or a notification of its own
	}
	x.tracker.answer(x.session, x.requests(), m, time.Now())
	if x.status != http.StatusBadRequest || string(m.code) != codeServer {
		return
	}
	if x.session != nil {
		x.tracker.endSession(x.session, true, time.Now())
	} else if x.key != "" {
		x.tracker.keepsSessions(x.place)
	}
}

// endpoint notes the URI with which a stream of HTTP+SSE begins. The stream is
// the session.
func (x *exchange) endpoint(uri []byte) {
	if x.session != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.session = x.tracker.openEndpoint(endpointURI(string(uri), x.path), time.Now())
	x.tracker.leadsPast(pastEndpoint, string(uri), x.host)
}

// close ends the exchange. reason is how it ended unless an answer says so.
func (x *exchange) close(reason outcome) {
	defer x.tracker.rescue()
	if x.packed != nil {
		x.packed.close()
		x.opaque = x.opaque || x.packed.beyond
	}
	if len(x.metadata) > 0 {
		x.judgeMetadata()
	}
	now := time.Now()
	if x.stream {
		x.tracker.stream(x.session, -1, now)
	}
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	if own := x.requests(); len(own) > 0 && !x.mayContinue(reason) {
		x.tracker.abandon(own, x.failure(reason), now)
	}
	if x.session == nil {
		return
	}
	if x.events.endpoint != nil {
		x.tracker.endSession(x.session, false, now)
	}
	x.tracker.leave(x.session, now)
}

// mayContinue reports whether an answer may still come elsewhere: on the stream
// of HTTP+SSE, or on a stream that the client resumes.
func (x *exchange) mayContinue(reason outcome) bool {
	switch {
	case x.session == nil:
		return false
	case x.status == http.StatusAccepted, isEndpoint(x.session.key) && x.status/100 == 2:
		return true
	}
	return x.stream && x.events.numbered && (reason == outcomeOK || reason == outcomeLost)
}

// failure returns why a request without a JSON-RPC answer has failed.
func (x *exchange) failure(reason outcome) outcome {
	switch {
	case reason != outcomeOK:
		return reason
	case x.opaque && x.status/100 == 2:
		return outcomeOK // it was answered, readable by the client only
	case x.status >= 400:
		return statusOutcome(x.status)
	}
	return outcomeLost
}
