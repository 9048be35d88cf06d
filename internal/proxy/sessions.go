package proxy

import (
	"net/url"
	"time"
)

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

// close ends s and the requests in flight in it. The caller holds the lock.
func (t *tracker) close(s *session, now time.Time) {
	s.closed = true
	t.keepTemplate(s, nil)
	if s.alias != "" {
		t.sessions.remove(s)
	}
	for _, op := range s.requests {
		for op != nil {
			later := op.later
			t.finish(op, outcomeLost, now)
			op = later
		}
	}
}

// endSession notes that s is over: its client ended it, or the server does not
// know it any more.
func (t *tracker) endSession(s *session, expired bool, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
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
	defer t.unlock()
	s := t.sessions.open[key]
	if s == nil {
		return nil
	}
	s.returned = s.returned || t.orphans.idle > 0 && s.idle(now) > t.orphans.idle
	s.seen = now
	s.exchanges++
	t.keepTemplate(s, template)
	s.probe = ""
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
func (t *tracker) opened(id, place string, template *requestTemplate, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	if !validSessionID(id) {
		t.exceeded(overflowSessionIDs)
		return
	}
	t.sessions.stateful.add(place)
	if s := t.openSession(id, now); s != nil {
		s.place, s.adopted = place, false
		t.keepTemplate(s, template)
	}
}

// keepsSessions notes that the server at place tells ids of sessions from others.
func (t *tracker) keepsSessions(place string) {
	t.mu.Lock()
	defer t.unlock()
	t.sessions.stateful.add(place)
}

// openedNone notes that the server at place answered initialize without a
// session id: ids that clients send there are made up.
func (t *tracker) openedNone(place string, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	if !t.sessions.stateless.known[place] && t.sessions.stateless.add(place) {
		t.forgetStale(now)
	}
}

// adopt takes up a session that was opened before the proxy ran, with the
// requests that have begun in it, and returns it, or nil. The caller holds x's lock.
func (t *tracker) adopt(x *exchange, now time.Time) *session {
	t.mu.Lock()
	defer t.unlock()
	if !t.sessions.mayAdopt(x.key, x.place) {
		return nil
	}
	s := t.openSession(x.key, now)
	if s == nil {
		return nil
	}
	s.place, s.adopted = x.place, true
	t.keepTemplate(s, x.template)
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
	defer t.unlock()
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
	defer t.unlock()
	if s.alias == "" {
		t.sessions.register(s, "stdio", now)
	}
}

// leave notes that an exchange of s is over.
func (t *tracker) leave(s *session, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
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
