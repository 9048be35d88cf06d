package proxy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Document is the snapshot document of the proxy, with members that only a
// proxy knows.
type Document struct {
	snapshot.Snapshot
	Proxy    About     `json:"proxy"`
	Orphans  *Orphans  `json:"orphans,omitempty"`
	Sessions []Session `json:"sessions,omitempty"`
}

// About describes the proxy.
type About struct {
	PID            int              `json:"pid"`
	Transport      string           `json:"transport"` // "http" or "stdio"
	Since          snapshot.Time    `json:"since"`
	ServerName     string           `json:"serverName,omitempty"`             // that the server gave itself in initialize
	ExpiredTotal   int64            `json:"sessionsExpiredTotal"`             // of those closed: the server did not know them any more
	ForgottenTotal int64            `json:"sessionsForgottenTotal,omitempty"` // of those closed: silent for so long that the proxy dropped them
	FaultsTotal    int64            `json:"faultsTotal"`                      // panics while reading traffic, which passed unchanged
	Overflow       map[string]int64 `json:"overflow,omitempty"`               // values beyond a bound of the proxy, by kind
	LastError      string           `json:"lastError,omitempty"`              // that a server on stdio wrote on its standard error
	Warnings       []string         `json:"warnings,omitempty"`               // reasons not to trust all figures
}

// Session is the traffic of one session. ID is an alias: the session's id is a
// credential.
type Session struct {
	ID       string  `json:"id"`
	AgeMs    float64 `json:"ageMs"`
	IdleMs   float64 `json:"idleMs"`
	Streams  int     `json:"streams"`
	Calls    int64   `json:"calls"`
	Errors   int64   `json:"errors"`
	InBytes  int64   `json:"inBytes"`
	OutBytes int64   `json:"outBytes"`
	Probe    string  `json:"probe,omitempty"` // "held" or "undecided": the server's answer to a probe of this orphaned session
}

// maxListed is how many sessions the document lists: those with most bytes.
const maxListed = 100

// snapshot returns the document of the traffic until now.
func (t *tracker) snapshot(now time.Time) *Document {
	t.mu.Lock()
	defer t.unlock()
	t.forgetStale(now)
	d := &Document{Orphans: t.countOrphans(now)}
	d.Upstream = new(t.upstream)
	d.Timestamp = &snapshot.Time{Time: now}
	d.Proxy = About{Since: snapshot.Time{Time: t.start}, ServerName: t.serverName, ExpiredTotal: t.sessions.expired,
		ForgottenTotal: t.sessions.forgotten, FaultsTotal: t.faults.Load(), Overflow: maps.Clone(t.overflow), Warnings: slices.Clone(t.warnings)}
	d.CallsTotal, d.ErrorsTotal, d.OpenStreams = new(t.calls), new(t.errors), new(t.streams)
	t.fillSessions(d, now)
	t.fillCalls(d, now)
	d.Handlers = make(map[string]snapshot.Handler, len(t.tools))
	for name, counters := range t.tools {
		d.Handlers[name] = snapshot.Handler{Calls: new(counters.calls), Errors: new(counters.errors)}
	}
	return d
}

// fillSessions adds the sessions to d, unless there was traffic and none in a
// session: then the server has none, which is not the same as 0.
func (t *tracker) fillSessions(d *Document, now time.Time) {
	if t.plain && t.sessions.created == 0 {
		return
	}
	d.ActiveSessions = new(int64(len(t.sessions.open)))
	d.SessionsCreatedTotal, d.SessionsClosedTotal = new(t.sessions.created), new(t.sessions.closed)
	oldest := 0.0
	d.Sessions = make([]Session, 0, len(t.sessions.open))
	for _, s := range t.sessions.open {
		age := ageMs(s.start, now)
		oldest = max(oldest, age)
		d.Sessions = append(d.Sessions, Session{ID: s.alias, AgeMs: age, IdleMs: millis(s.idle(now)), Streams: s.streams,
			Calls: s.calls, Errors: s.errors, InBytes: s.in.Load(), OutBytes: s.out.Load(), Probe: string(s.probe)})
	}
	d.OldestSessionAgeMs = &oldest
	slices.SortFunc(d.Sessions, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.InBytes+b.OutBytes, a.InBytes+a.OutBytes), cmp.Compare(b.AgeMs, a.AgeMs))
	})
	d.Sessions = d.Sessions[:min(len(d.Sessions), maxListed)]
}

// fillCalls adds the requests in flight to d, the oldest first, and the calls
// held back.
func (t *tracker) fillCalls(d *Document, now time.Time) {
	waiting := slices.SortedFunc(maps.Values(t.inFlight), func(a, b *operation) int { return cmp.Compare(a.number, b.number) })
	d.ToolCallStack = make([]snapshot.Call, 0, len(waiting))
	for _, op := range waiting[:min(len(waiting), snapshot.MaxStack)] {
		d.ToolCallStack = append(d.ToolCallStack, op.entry(now))
	}
	for name, counters := range t.tools {
		if counters.held > 0 || t.limited {
			if d.HandlerQueue == nil {
				d.HandlerQueue = map[string]int64{}
			}
			d.HandlerQueue[name] = counters.held
		}
	}
}

// ageMs returns the milliseconds from start to now, 0 if it began after now: the
// document waits for the lock after it has read the clock.
func ageMs(start, now time.Time) float64 { return max(0, millis(now.Sub(start))) }

// entry returns op as the document lists it: under the name of its tool, or of
// its method.
func (op *operation) entry(now time.Time) snapshot.Call {
	c := snapshot.Call{ID: op.shown(), Name: op.tool, DurationMs: new(ageMs(op.start, now)), StartedAt: &snapshot.Time{Time: op.start}}
	if !op.isCall() {
		c.Name = op.method
	}
	if op.session != nil {
		c.SessionID = op.session.alias
	}
	if op.parent != nil && !op.parent.done {
		c.ParentID = op.parent.shown()
	}
	return c
}
