package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// tracker derives sessions, requests in flight and counters from the traffic.
// Its methods hold one lock for a moment each.
type tracker struct {
	start     time.Time
	meter     *meter
	failing   atomic.Bool  // the server could not be reached the last time
	faults    atomic.Int64 // panics of the observing code, see rescue
	onChange  func(u snapshot.Upstream, lasted time.Duration)
	onWarning func(text string)
	onServer  func(name string)

	mu         sync.Mutex
	sessions   sessionTable
	tools      map[string]*tool
	errorTypes boundedSet
	inFlight   map[int64]*operation
	lastNumber int64
	calls      int64
	errors     int64
	streams    int64
	warned     map[string]bool // kinds of warnings about addresses
	plain      bool            // there were requests outside of sessions
	limited    bool            // calls beyond a limit are held back
	orphans    orphanCounts
	templates  int // bytes of those that sessions keep
	upstream   snapshot.Upstream
	serverName string
	warnings   []string
	overflow   map[string]int64 // by kind
	pending    []func()         // callbacks to make when the lock is released
}

// tool counts the calls of one tool.
type tool struct {
	calls, errors, held int64
}

// Bounds of values that clients and servers choose.
const (
	maxTools      = 1000
	maxErrorTypes = 64
	maxInFlight   = 10_000
	nameWidth     = 128 // columns of a name that is shown

	other = "_OTHER" // counts everything beyond a bound
)

func newTracker(cfg *Config) *tracker {
	t := &tracker{
		start: time.Now(), meter: newMeter(), sessions: newSessionTable(cfg.Idle), errorTypes: newBoundedSet(maxErrorTypes),
		tools: map[string]*tool{}, inFlight: map[int64]*operation{}, overflow: map[string]int64{}, warned: map[string]bool{},
		onChange: cfg.OnChange, onWarning: cfg.OnWarning, onServer: cfg.OnServerName,
	}
	t.upstream.To = cfg.Name
	t.orphans.idle = cfg.Idle
	if cfg.Probe && cfg.Idle > 0 {
		t.orphans.probes = &Probes{}
	}
	return t
}

// rescue ends a panic of the observing code and counts it as a fault: a fault
// in observing never ends the traffic. It is deferred by every function that
// reads bytes of clients or servers.
func (t *tracker) rescue() {
	if fault := recover(); fault != nil && t.faults.Add(1) == 1 {
		t.mu.Lock()
		defer t.unlock()
		t.warn("a fault in mcpdiag kept it from reading a message, which was passed on unchanged; please report this")
	}
}

// unlock releases the lock and then makes the pending callbacks: if one
// blocks, it holds up no other request.
func (t *tracker) unlock() {
	pending := t.pending
	t.pending = nil
	t.mu.Unlock()
	for _, callback := range pending {
		callback()
	}
}

// warn adds a warning to the document and reports it. The caller holds the lock
// and calls it once for each kind of warning.
func (t *tracker) warn(text string) {
	t.warnings = append(t.warnings, text)
	if t.onWarning != nil {
		t.pending = append(t.pending, func() { t.onWarning(text) })
	}
}

// Kinds of values that are bounded, as they show in the document and in /metrics.
const (
	overflowTools      = "tools"
	overflowErrorTypes = "errorTypes"
	overflowSeries     = "series"
	overflowSessions   = "sessions"
	overflowSessionIDs = "sessionIds"
	overflowInFlight   = "inFlight"
	overflowTemplates  = "probes"
)

// overflowKinds has a warning for each kind.
var overflowKinds = map[string]string{
	overflowTools:      "more than 1000 tool names were called: the others count as _OTHER",
	overflowErrorTypes: "more than 64 error codes were answered: the others count as _OTHER",
	overflowSeries:     "/metrics has 1000 series of durations: the tools of further ones count as _OTHER",
	overflowSessions:   "20000 sessions are open: sessions idle for longest are forgotten",
	overflowSessionIDs: "session ids that are longer than 1024 bytes or not visible ASCII are not followed",
	overflowTemplates:  "the headers of all sessions take more than 64 MB: some orphaned sessions are not probed",
	overflowInFlight:   "10000 requests wait for an answer: further ones are passed on and not counted",
}

// exceeded counts a value beyond a bound and warns of the first one. The caller
// holds the lock.
func (t *tracker) exceeded(kind string) {
	if t.overflow[kind]++; t.overflow[kind] == 1 {
		t.warn(overflowKinds[kind])
	}
}

// tool returns the counters of a tool. The caller holds the lock.
func (t *tracker) tool(name string) *tool {
	known := t.tools[name]
	if known == nil {
		known = &tool{}
		t.tools[name] = known
	}
	return known
}

// toolName makes a name that a client sent safe to show and to count. The
// caller holds the lock.
func (t *tracker) toolName(raw []byte) string {
	name := report.Cell(unquote(raw), nameWidth)
	if _, known := t.tools[name]; !known && len(t.tools) >= maxTools {
		t.exceeded(overflowTools)
		return other
	}
	return name
}

// stream adds n to the number of open event streams.
func (t *tracker) stream(s *session, n int, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	t.streams += int64(n)
	if s != nil {
		s.streams += n
		s.seen = now
	}
}

// nameServer notes the name that the server gave itself. Only the first one
// counts until the server was unreachable.
func (t *tracker) nameServer(raw []byte) {
	name := report.Cell(unquote(raw), nameWidth)
	t.mu.Lock()
	defer t.unlock()
	if name == "" || t.serverName != "" {
		return
	}
	t.serverName = name
	if t.onServer != nil {
		t.pending = append(t.pending, func() { t.onServer(name) })
	}
}

// boundedSet is a set of strings with a bound.
type boundedSet struct {
	limit int
	known map[string]bool
}

func newBoundedSet(limit int) boundedSet { return boundedSet{limit: limit, known: map[string]bool{}} }

// add reports whether v is in the set afterwards.
func (s *boundedSet) add(v string) bool {
	if !s.known[v] && len(s.known) < s.limit {
		s.known[v] = true
	}
	return s.known[v]
}
