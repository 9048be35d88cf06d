package proxy

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// opened notes the session that the answer to an initialize names.
func (l *Ledger) opened(key, path string, plea *plea, now time.Time) {
	s := l.open(key, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.path, s.plea = path, plea
}

// adopt takes up a session that was opened before the proxy was there, with
// the requests that have begun in it.
func (l *Ledger) adopt(x *exchange, now time.Time) *session {
	s := l.open(x.key, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.path, s.plea = x.path, x.plea
	s.exchanges++
	for _, op := range x.own {
		op.session = s
	}
	return s
}

// openStream notes a session of HTTP+SSE, whose stream is the exchange at hand.
func (l *Ledger) openStream(uri string, now time.Time) *session {
	s := l.open(endpointKey(uri), now)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.exchanges++
	s.streams++
	return s
}

// enroll counts the connection of a server on stdio as a session, from now on.
func (l *Ledger) enroll(s *session, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.alias != "" {
		return // a second initialize
	}
	l.created++
	s.alias, s.key, s.start, s.seen = fmt.Sprintf("s%d", l.created), "stdio", now, now
	l.sessions[s.key] = s
}

// leave notes that an exchange of s is over.
func (l *Ledger) leave(s *session, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.exchanges--
	s.seen = now
}

// requestURI is what a client asks for when a server at path names uri as its endpoint.
func requestURI(uri, path string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	base := &url.URL{Path: path}
	return base.ResolveReference(&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).RequestURI()
}

func statusOutcome(status int) outcome { return outcome(strconv.Itoa(status)) }
