// Package proxy stands before (HTTP) or around (stdio) any MCP server, passes
// every byte as it came, and derives from the traffic what a server with a
// snapshot endpoint would say about itself.
package proxy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Ledger is what the traffic has shown of the server. Its methods are told what
// passes by; they hold one lock for a moment each.
type Ledger struct {
	start   time.Time
	meter   *meter
	failing atomic.Bool  // the server could not be reached the last time
	faults  atomic.Int64 // panics of the observing code, see rescue

	mu       sync.Mutex
	sessions map[string]*session // by what the server calls them, which is a credential and never shown
	byURI    int                 // sessions of HTTP+SSE among them, which are known by their endpoint
	tools    map[string]*tool
	reasons  *labelSet            // error codes and statuses, for the label error_type
	running  map[int64]*operation // tool calls in flight
	created  int64
	closed   int64
	expired  int64 // of those closed: the server said that it knows them no more
	lastCall int64
	calls    int64
	errors   int64
	streams  int64
	plain    bool // there were requests of no session
	holds    bool // calls beyond a limit are held
	orphans  orphanCount
	upstream snapshot.Upstream
	onChange func(u snapshot.Upstream, lasted time.Duration) // told when the server is lost or back
}

// session is one session as the traffic shows it.
type session struct {
	alias     string // shown instead of its id
	key       string
	path      string // where its requests go
	start     time.Time
	seen      time.Time // the last message of its client
	requests  map[string]*operation
	streams   int // that are open
	exchanges int // that are under way
	calls     int64
	errors    int64
	closed    bool
	back      bool // it is used again after it had been idle for long
	plea      *plea
	probe     probe // what became of the last one, while its client is silent
	in, out   atomic.Int64
}

// tool is what was counted of one tool.
type tool struct {
	calls, errors, held int64
}

// maxTools bounds the names that are counted one by one: clients choose them.
const (
	maxTools   = 1000
	maxReasons = 64
	other      = "_OTHER"
)

// NewLedger returns an empty Ledger.
func NewLedger() *Ledger {
	return &Ledger{
		start: time.Now(), meter: newMeter(), sessions: map[string]*session{},
		tools: map[string]*tool{}, reasons: newLabelSet(maxReasons), running: map[int64]*operation{},
	}
}

// find is the session with this id, or nil, and notes that its client is there
// and, where orphans are probed, how it asks.
func (l *Ledger) find(key string, plea *plea, now time.Time) *session {
	if key == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions[key]
	if s != nil {
		l.notice(s, now)
		s.exchanges++
		s.plea, s.probe = plea, ""
	}
	return s
}

// findURI is the session of HTTP+SSE whose endpoint this is, or nil.
func (l *Ledger) findURI(uri string, now time.Time) *session {
	l.mu.Lock()
	none := l.byURI == 0
	l.mu.Unlock()
	if none {
		return nil
	}
	return l.find(endpointKey(uri), nil, now)
}

// endpointKey tells the endpoints of HTTP+SSE from session ids, which have no spaces.
func endpointKey(uri string) string { return "POST " + uri }

// open notes a new session; of one that is known already it notes nothing.
func (l *Ledger) open(key string, now time.Time) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[key]; s != nil {
		return s
	}
	l.created++
	s := &session{alias: fmt.Sprintf("s%d", l.created), key: key, start: now, seen: now}
	l.sessions[key] = s
	if isEndpoint(key) {
		l.byURI++
	}
	return s
}

func isEndpoint(key string) bool { return len(key) > 5 && key[:5] == "POST " }

// end notes that a session is over: its client ended it, or the server no
// longer knows it. What is in flight in it is lost.
func (l *Ledger) end(s *session, expired bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.plea = true, nil
	if s.alias != "" {
		l.strike(s, expired, now)
	}
	for _, op := range s.requests {
		l.finish(op, outcomeLost, now)
	}
}

// strike takes s off the list; the caller holds the lock.
func (l *Ledger) strike(s *session, expired bool, now time.Time) {
	delete(l.sessions, s.key)
	if isEndpoint(s.key) {
		l.byURI--
	}
	l.closed++
	if expired {
		l.expired++
	}
	l.meter.session(now.Sub(s.start), expired)
}

// idle is how long the client of s has not been heard of.
func (s *session) idle(now time.Time) time.Duration {
	if s.streams > 0 || s.exchanges > 0 {
		return 0
	}
	return now.Sub(s.seen)
}

// stream notes that an event stream opened, or ended.
func (l *Ledger) stream(s *session, n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams += int64(n)
	if s != nil {
		s.streams += n
		s.seen = now
	}
}

// tool is the tool of this name. Of names beyond the bound all are one.
func (l *Ledger) tool(name string) *tool {
	t := l.tools[name]
	if t == nil {
		t = &tool{}
		l.tools[name] = t
	}
	return t
}

// toolName makes of a name that a client sent one that can be shown and counted.
func (l *Ledger) toolName(raw []byte) string {
	name := unquote(raw)
	if _, known := l.tools[name]; !known && len(l.tools) >= maxTools {
		return other
	}
	return name
}
