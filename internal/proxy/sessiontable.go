package proxy

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// session is a session as the traffic shows it.
type session struct {
	alias     string // shown instead of its id
	key       string
	place     string // pathKey of the endpoint that its requests go to
	start     time.Time
	seen      time.Time // last message of its client
	requests  map[string]*operation
	waiting   int // requests, with those that have the same id
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
	return max(0, now.Sub(s.seen)) // a document waits for the lock after it has read the clock
}

// sessionTable holds the open sessions. Callers hold the lock of the tracker.
type sessionTable struct {
	open      map[string]*session // by the server's id, which is a credential and never shown, or by endpoint
	endpoints int                 // sessions of HTTP+SSE among them
	once      boundedSet          // unknown ids with which the server answered a request
	stateless boundedSet          // places whose server answers initialize without a session id
	stateful  boundedSet          // places whose server gives session ids, or refuses unknown ones
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
	maxPath         = 1024 // bytes
	maxOnce         = 1000
	maxPlaces       = 64
	sessionLifetime = 24 * time.Hour   // of silence
	adoptedLifetime = 10 * time.Minute // unless Config.Idle says otherwise
)

func newSessionTable(idle time.Duration) sessionTable {
	return sessionTable{open: map[string]*session{}, once: newBoundedSet(maxOnce), stateless: newBoundedSet(maxPlaces),
		stateful: newBoundedSet(maxPlaces), adoptIdle: cmp.Or(idle, adoptedLifetime)}
}

// validSessionID reports whether MCP allows id and it is short enough to keep.
func validSessionID(id string) bool {
	return len(id) <= maxSessionID && strings.IndexFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) < 0
}

// pathKey returns the key of the path of a request in the table: a hash of a path that
// is very long, since the table may hold thousands.
func pathKey(path string) string {
	if len(path) <= maxPath {
		return strings.Clone(path) // not the line of the request around it
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(path)))
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
// was not seen, belongs to a session: it came before, and the server has shown that
// it has sessions. Others answer whatever id a client makes up.
func (t *sessionTable) mayAdopt(key, place string) bool {
	switch {
	case t.stateless.known[place]:
		return false
	case !t.once.known[key]:
		if !t.once.add(key) {
			clear(t.once.known)
		}
		return false
	case !t.stateful.known[place]:
		return false
	}
	delete(t.once.known, key)
	return true
}

// stale returns the sessions to forget: those that have been silent for very
// long, and if the table is full those that have been silent for longest.
func (t *sessionTable) stale(now time.Time) []*session {
	var old, silent []*session
	for _, s := range t.open {
		idle := s.idle(now)
		switch {
		case idle > sessionLifetime, s.adopted && (idle > t.adoptIdle || t.stateless.known[s.place]):
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

// forgetProbes withdraws the results of probes from before an outage: the server
// may be another one since.
func (t *sessionTable) forgetProbes() {
	for _, s := range t.open {
		if s.probe == probeHeld {
			s.probe = probeUndecided
		}
	}
}
