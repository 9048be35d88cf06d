package proxy

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Document is the snapshot document that the proxy serves, with what only a
// proxy knows.
type Document struct {
	snapshot.Snapshot
	Proxy    About     `json:"proxy"`
	Orphans  *Orphans  `json:"orphans,omitempty"`
	Sessions []Session `json:"sessions,omitempty"`
}

// About says what the proxy is.
type About struct {
	PID          int           `json:"pid"`
	Transport    string        `json:"transport"` // "http" or "stdio"
	Since        snapshot.Time `json:"since"`
	ExpiredTotal int64         `json:"sessionsExpiredTotal"` // of those closed, the ones that the server knew no more
	FaultsTotal  int64         `json:"faultsTotal"`          // messages that the proxy passed on and could not read because of a fault of its own
}

// Session is what passed in one session. ID is not the session's id, which is
// a credential.
type Session struct {
	ID       string  `json:"id"`
	AgeMs    float64 `json:"ageMs"`
	IdleMs   float64 `json:"idleMs"`
	Streams  int     `json:"streams"`
	Calls    int64   `json:"calls"`
	Errors   int64   `json:"errors"`
	InBytes  int64   `json:"inBytes"`
	OutBytes int64   `json:"outBytes"`
	Probe    string  `json:"probe,omitempty"` // "held" or "undecided": what the server did when the proxy asked for this orphan
}

// maxSessions is how many sessions the document lists: those with most bytes.
const maxSessions = 100

// Snapshot is what the ledger makes of the traffic until now.
func (l *Ledger) Snapshot(now time.Time) *Document {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := &Document{Orphans: l.countOrphans(now)}
	d.Upstream = new(l.upstream)
	d.Timestamp = &snapshot.Time{Time: now}
	d.Proxy = About{Since: snapshot.Time{Time: l.start}, ExpiredTotal: l.expired, FaultsTotal: l.faults.Load()}
	d.CallsTotal, d.ErrorsTotal, d.OpenStreams = new(l.calls), new(l.errors), new(l.streams)
	l.fillSessions(d, now)
	l.fillCalls(d, now)
	d.Handlers = make(map[string]snapshot.Handler, len(l.tools))
	for name, t := range l.tools {
		d.Handlers[name] = snapshot.Handler{Calls: new(t.calls), Errors: new(t.errors)}
	}
	return d
}

// fillSessions tells of sessions, unless there was traffic and none in a
// session: then the server has none, which is not the same as 0.
func (l *Ledger) fillSessions(d *Document, now time.Time) {
	if l.plain && l.created == 0 {
		return
	}
	d.ActiveSessions = new(int64(len(l.sessions)))
	d.SessionsCreatedTotal, d.SessionsClosedTotal = new(l.created), new(l.closed)
	oldest := 0.0
	d.Sessions = make([]Session, 0, len(l.sessions))
	for _, s := range l.sessions {
		age := millis(now.Sub(s.start))
		oldest = max(oldest, age)
		d.Sessions = append(d.Sessions, Session{ID: s.alias, AgeMs: age, IdleMs: millis(s.idle(now)), Streams: s.streams,
			Calls: s.calls, Errors: s.errors, InBytes: s.in.Load(), OutBytes: s.out.Load(), Probe: string(s.probe)})
	}
	d.OldestSessionAgeMs = &oldest
	slices.SortFunc(d.Sessions, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.InBytes+b.OutBytes, a.InBytes+a.OutBytes), cmp.Compare(b.AgeMs, a.AgeMs))
	})
	d.Sessions = d.Sessions[:min(len(d.Sessions), maxSessions)]
}

// fillCalls lists the calls in flight, the oldest first.
func (l *Ledger) fillCalls(d *Document, now time.Time) {
	running := make([]*operation, 0, len(l.running))
	for _, op := range l.running {
		running = append(running, op)
	}
	slices.SortFunc(running, func(a, b *operation) int { return cmp.Compare(a.number, b.number) })
	d.ToolCallStack = make([]snapshot.Call, 0, len(running))
	for _, op := range running[:min(len(running), snapshot.MaxStack)] {
		d.ToolCallStack = append(d.ToolCallStack, op.call(now))
	}
	for name, t := range l.tools {
		if t.held > 0 || l.holds {
			if d.HandlerQueue == nil {
				d.HandlerQueue = map[string]int64{}
			}
			d.HandlerQueue[name] = t.held
		}
	}
}

func (op *operation) call(now time.Time) snapshot.Call {
	c := snapshot.Call{ID: op.shown(), Name: op.tool, DurationMs: new(millis(now.Sub(op.start))), StartedAt: &snapshot.Time{Time: op.start}}
	if op.session != nil {
		c.SessionID = op.session.alias
	}
	if op.parent != nil && !op.parent.done {
		c.ParentID = op.parent.shown()
	}
	return c
}
