package proxy

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// session is a session as the traffic shows it.
type session struct {
	alias     string // shown instead of its id
	key       string
	path      string // of the endpoint that its requests go to
	start     time.Time
	seen      time.Time // last message of its client
	requests  map[string]*operation
	streams   int // open event streams
	exchanges int // HTTP requests under way
	calls     int64
	errors    int64
	adopted   bool // its initialize was not seen
	closed    bool
	returned  bool             // its client came back after it had been orphaned
	template  *requestTemplate // for probes
	probe     probeResult      // of the last probe since its client went silent
	in, out   atomic.Int64     // bytes
}

// idle returns how long the client of s has been silent.
func (s *session) idle(now time.Time) time.Duration {
	if s.streams > 0 || s.exchanges > 0 {
		return 0
	}
	return now.Sub(s.seen)
}

// sessionTable holds the open sessions. Callers hold the lock of the tracker.
type sessionTable struct {
	open      map[string]*session // by the server's id, which is a credential and never shown, or by endpoint
	endpoints int                 // sessions of HTTP+SSE among them
	once      boundedSet          // unknown ids with which the server answered a request
	stateless boundedSet          // paths whose server answers initialize without a session id
	adoptIdle time.Duration       // after which an adopted session is forgotten
	created   int64
	closed    int64
	expired   int64 // of those closed: the server did not know them any more
	forgotten int64 // of those closed: dropped from the table
}

// Bounds of the session table.
const (
	maxSessions     = 20_000
	maxSessionID    = 1024 // bytes
	maxOnce         = 1000
	maxStateless    = 64
	sessionLifetime = 24 * time.Hour   // of silence
	adoptedLifetime = 10 * time.Minute // unless Config.Idle says otherwise
)

func newSessionTable(idle time.Duration) sessionTable {
	return sessionTable{open: map[string]*session{}, once: newBoundedSet(maxOnce), stateless: newBoundedSet(maxStateless),
		adoptIdle: cmp.Or(idle, adoptedLifetime)}
}

// validSessionID reports whether id is one that MCP allows and that is not too
// long to keep.
func validSessionID(id string) bool {
	return len(id) <= maxSessionID && strings.IndexFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) < 0
}

// endpointKey returns the key of a session of HTTP+SSE. Session ids have no spaces.
func endpointKey(uri string) string { return "POST " + uri }

// isEndpoint reports whether key belongs to a session of HTTP+SSE.
func isEndpoint(key string) bool { return strings.HasPrefix(key, "POST ") }

// add returns the session with this key, a new one if there is none, or nil if
// the table is full of sessions that are in use.
func (t *sessionTable) add(key string, now time.Time) *session {
	if s := t.open[key]; s != nil {
		return s
	}
	if len(t.open) >= maxSessions {
		return nil
	}
	s := &session{}
	t.register(s, key, now)
	return s
}

// register enters s into the table.
func (t *sessionTable) register(s *session, key string, now time.Time) {
	t.created++
	s.alias, s.key, s.start, s.seen = fmt.Sprintf("s%d", t.created), key, now, now
	t.open[key] = s
	if isEndpoint(key) {
		t.endpoints++
	}
}

// remove takes s out of the table.
func (t *sessionTable) remove(s *session) {
	delete(t.open, s.key)
	t.closed++
	if isEndpoint(s.key) {
		t.endpoints--
	}
}

// mayAdopt reports whether an id that the server answered, and whose initialize
// was not seen, belongs to a session: it came before, and the server does not
// answer initialize without a session.
func (t *sessionTable) mayAdopt(key, path string) bool {
	switch {
	case t.stateless.known[path]:
		return false
	case t.once.known[key]:
		delete(t.once.known, key)
		return true
	case !t.once.add(key):
		clear(t.once.known)
	}
	return false
}

// stale returns the sessions to forget: those that have been silent for very
// long, and if the table is full those that have been silent for longest.
func (t *sessionTable) stale(now time.Time) []*session {
	var old, silent []*session
	for _, s := range t.open {
		idle := s.idle(now)
		switch {
		case idle > sessionLifetime, s.adopted && (idle > t.adoptIdle || t.stateless.known[s.path]):
			old = append(old, s)
		case idle > 0:
			silent = append(silent, s)
		}
	}
	if spare := maxSessions - len(t.open) + len(old); spare <= 0 {
		slices.SortFunc(silent, func(a, b *session) int { return a.seen.Compare(b.seen) })
		old = append(old, silent[:min(len(silent), maxSessions/10)]...)
	}
	return old
}

// forgetProbes withdraws what probes found before the server was unreachable:
// it may be another one since.
func (t *sessionTable) forgetProbes() {
	for _, s := range t.open {
		if s.probe == probeHeld {
			s.probe = probeUndecided
		}
	}
}

// openSession returns the session with this key, a new one if there is none,
// or nil if there are too many. The caller holds the lock.
func (t *tracker) openSession(key string, now time.Time) *session {
	if len(t.sessions.open) >= maxSessions && t.sessions.open[key] == nil {
		t.exceeded(overflowSessions)
		t.forgetStale(now)
	}
	return t.sessions.add(key, now)
}

// forgetStale forgets sessions. The caller holds the lock.
func (t *tracker) forgetStale(now time.Time) {
	for _, s := range t.sessions.stale(now) {
		t.sessions.forgotten++
		t.close(s, now)
	}
}

// close ends s and with it what is in flight in it. The caller holds the lock.
func (t *tracker) close(s *session, now time.Time) {
	s.closed, s.template = true, nil
	if s.alias != "" {
		t.sessions.remove(s)
	}
	for _, op := range s.requests {
		t.finish(op, outcomeLost, now)
	}
}

// endSession notes that s is over: its client ended it, or the server does not
// know it any more.
func (t *tracker) endSession(s *session, expired bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.closed {
		return
	}
	t.close(s, now)
	if s.alias == "" {
		return
	}
	if expired {
		t.sessions.expired++
	}
	t.meter.session(now.Sub(s.start), expired)
}

// find returns the session with this key, or nil, and notes that its client is
// there and how it asks.
func (t *tracker) find(key string, template *requestTemplate, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions.open[key]
	if s == nil {
		return nil
	}
	s.returned = s.returned || t.orphans.idle > 0 && s.idle(now) > t.orphans.idle
	s.seen = now
	s.exchanges++
	s.template, s.probe = template, ""
	return s
}

// findEndpoint returns the session of HTTP+SSE with this endpoint, or nil.
func (t *tracker) findEndpoint(uri string, now time.Time) *session {
	t.mu.Lock()
	none := t.sessions.endpoints == 0
	t.mu.Unlock()
	if none {
		return nil
	}
	return t.find(endpointKey(uri), nil, now)
}

// opened notes the session that the answer to an initialize names.
func (t *tracker) opened(id, path string, template *requestTemplate, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !validSessionID(id) {
		t.exceeded(overflowSessionIDs)
		return
	}
	if s := t.openSession(id, now); s != nil {
		s.path, s.template, s.adopted = path, template, false
	}
}

// openedNone notes that the server at path answered initialize without a
// session id: what it does with ids is up to the clients.
func (t *tracker) openedNone(path string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sessions.stateless.known[path] && t.sessions.stateless.add(path) {
		t.forgetStale(now)
	}
}

// adopt takes up a session that was opened before the proxy ran, with the
// requests that have begun in it, and returns it, or nil.
func (t *tracker) adopt(x *exchange, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sessions.mayAdopt(x.key, x.path) {
		return nil
	}
	s := t.openSession(x.key, now)
	if s == nil {
		return nil
	}
	s.path, s.template, s.adopted = x.path, x.template, true
	s.exchanges++
	for _, op := range x.own {
		op.session = s
	}
	return s
}

// openEndpoint notes a session of HTTP+SSE, whose stream the caller's exchange
// is, and returns it, or nil.
func (t *tracker) openEndpoint(uri string, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.openSession(endpointKey(uri), now)
	if s != nil {
		s.exchanges++
		s.streams++
	}
	return s
}

// openPipe counts the connection to a server on stdio as a session, unless it
// does already.
func (t *tracker) openPipe(s *session, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.alias == "" {
		t.sessions.register(s, "stdio", now)
	}
}

// leave notes that an exchange of s is over.
func (t *tracker) leave(s *session, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.exchanges--
	s.seen = now
}

// endpointURI returns the request URI that a client sends its messages to when
// the stream at path names uri as its endpoint.
func endpointURI(uri, path string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	base := &url.URL{Path: path}
	return base.ResolveReference(&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).RequestURI()
}
