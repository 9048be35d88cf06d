package proxy

import (
	"net/http"
	"strings"
	"time"
)

// exchange is one HTTP request with its answer, as the ledger follows it.
type exchange struct {
	ledger  *Ledger
	session *session // whose request it is, or nil
	key     string   // the session id that the client sent
	method  string
	path    string
	own     []*operation
	plea    *plea // where orphans are probed
	starts  bool  // it holds an initialize
	status  int
	stream  bool // the answer is an event stream

	ask    *scanner // or nil, when the request has passed
	reply  scanner
	events events
	text   bool // the answer is one that reply or events can read
	packed *inflater
	opaque bool // it is compressed in a way that cannot be read
}

// modern is the first revision without sessions.
const modern = "2026-07-28"

// open begins to follow a request.
func (l *Ledger) exchange(r *http.Request) (x *exchange) {
	defer l.rescue()
	x = &exchange{ledger: l, method: r.Method, path: r.URL.Path}
	x.ask, x.reply.emit = &scanner{emit: x.asked}, x.answered
	if r.Header.Get("Mcp-Protocol-Version") < modern {
		x.key = r.Header.Get("Mcp-Session-Id")
	}
	if l.orphans.probes != nil && r.Method != http.MethodDelete {
		x.plea = newPlea(r)
	}
	now := time.Now()
	x.session = l.find(x.key, x.plea, now)
	if x.session == nil && x.key == "" && r.Method == http.MethodPost {
		x.session = l.findURI(r.URL.RequestURI(), now)
	}
	return x
}

// sent takes bytes of the request.
func (x *exchange) sent(p []byte) {
	defer x.ledger.rescue()
	if x.session != nil {
		x.session.in.Add(int64(len(p)))
	}
	if x.method == http.MethodPost {
		x.ask.Write(p)
	}
}

// asked takes a message of the client.
func (x *exchange) asked(m *message) {
	op, ok := x.ledger.begin(x.session, m, time.Now())
	if !ok {
		return
	}
	x.own = append(x.own, op)
	x.starts = x.starts || op.method == "initialize"
}

// head takes the beginning of the answer.
func (x *exchange) head(resp *http.Response) {
	defer x.ledger.rescue()
	now := time.Now()
	x.status = resp.StatusCode
	kind := resp.Header.Get("Content-Type")
	x.stream = strings.HasPrefix(kind, "text/event-stream")
	x.text = x.stream || strings.HasPrefix(kind, "application/json")
	switch resp.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		x.packed = newInflater(x.read, x.ledger.rescue)
	default:
		x.text, x.opaque = false, true
	}
	x.judgeSession(resp, now)
	if x.stream {
		x.events = events{scan: &x.reply}
		if x.method == http.MethodGet && x.session == nil && x.packed == nil {
			x.events.endpoint = x.endpoint
		}
		x.ledger.stream(x.session, 1, now)
	}
}

// judgeSession notes what the answer says of the session.
func (x *exchange) judgeSession(resp *http.Response, now time.Time) {
	ok := x.status/100 == 2
	x.ledger.returned(x.session, ok, x.status == http.StatusNotFound)
	switch id := resp.Header.Get("Mcp-Session-Id"); {
	case ok && x.starts && id != "":
		x.ledger.opened(id, x.path, x.plea, now)
	case x.session != nil && x.status == http.StatusNotFound:
		x.ledger.end(x.session, true, now)
	case x.session != nil && ok && x.method == http.MethodDelete && !isEndpoint(x.session.key):
		x.ledger.end(x.session, false, now)
	case x.session == nil && ok && x.key != "" && x.method != http.MethodDelete:
		// It was opened before the proxy was there.
		x.session = x.ledger.adopt(x, now)
	}
}

// received takes bytes of the answer.
func (x *exchange) received(p []byte) {
	defer x.ledger.rescue()
	if x.session != nil {
		x.session.out.Add(int64(len(p)))
	}
	if x.packed != nil {
		x.packed.write(p)
		return
	}
	x.read(p)
}

// read takes what the answer says.
func (x *exchange) read(p []byte) {
	switch {
	case !x.text:
	case x.stream:
		x.events.Write(p)
	default:
		x.reply.Write(p)
	}
}

// codeServer is the JSON-RPC error with which TypeScript servers say, under
// status 400, that there is no such session.
const codeServer = "-32000"

// answered takes a message of the server.
func (x *exchange) answered(m *message) {
	if len(m.method) > 0 {
		return // a request or a notification of its own
	}
	x.ledger.answer(x.session, x.own, m, time.Now())
	if x.session != nil && x.status == http.StatusBadRequest && string(m.code) == codeServer {
		x.ledger.end(x.session, true, time.Now())
	}
}

// endpoint takes the URI that the stream of HTTP+SSE begins with. The stream is
// the session.
func (x *exchange) endpoint(uri []byte) {
	if x.session == nil {
		x.session = x.ledger.openStream(requestURI(string(uri), x.path), time.Now())
	}
}

// close ends the exchange: why is how it ended where it did not end well.
func (x *exchange) close(why outcome) {
	defer x.ledger.rescue()
	if x.packed != nil {
		x.packed.close()
	}
	now := time.Now()
	if x.stream {
		x.ledger.stream(x.session, -1, now)
	}
	if len(x.own) > 0 && !x.mayGoOn(why) {
		x.ledger.abandon(x.own, x.reason(why), now)
	}
	if x.session == nil {
		return
	}
	if x.events.endpoint != nil {
		x.ledger.end(x.session, false, now)
	}
	x.ledger.leave(x.session, now)
}

// mayGoOn reports whether an answer may still come elsewhere: on the stream of
// HTTP+SSE, or on a stream that the client resumes.
func (x *exchange) mayGoOn(why outcome) bool {
	switch {
	case x.session == nil:
		return false
	case x.status == http.StatusAccepted:
		return true
	}
	return x.stream && x.events.numbered && (why == outcomeOK || why == outcomeLost)
}

// reason is why a request that got no JSON-RPC answer has failed.
func (x *exchange) reason(why outcome) outcome {
	switch {
	case why != outcomeOK:
		return why
	case x.opaque && x.status/100 == 2:
		return outcomeOK // it was answered; with what, only the client can read
	case x.status >= 400:
		return statusOutcome(x.status)
	}
	return outcomeLost
}
