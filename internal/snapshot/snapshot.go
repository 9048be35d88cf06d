// Package snapshot knows the snapshot document, what one poll of a server's
// /debug/snapshot says, and the trace file, one snapshot a line.
package snapshot

import (
	"cmp"
	_ "embed"
	"math"
	"strconv"
	"time"
)

// Schema is the JSON Schema of the snapshot document.
//
//go:embed schema.json
var Schema []byte

// Bounds of what is read from a server, which is not trusted.
const (
	MaxStack = 10_000   // entries of toolCallStack that are kept
	MaxName  = 1_000    // bytes of a name or an id that are kept
	MaxLine  = 16 << 20 // bytes of one line of a trace
)

// Snapshot is one answer of a server about itself. A nil pointer is a figure
// that the server did not give, which is not the same as 0. MB is 2^20 bytes.
type Snapshot struct {
	Timestamp            *Time              `json:"timestamp,omitempty"`
	ActiveSessions       *int64             `json:"activeSessions,omitempty"`
	ToolCallStack        []Call             `json:"toolCallStack"`
	HandlerQueue         map[string]int64   `json:"handlerQueue,omitzero"`
	HeapUsedMB           *float64           `json:"heapUsedMB,omitempty"`
	HeapSource           string             `json:"heapSource,omitempty"` // HeapOfProcess, or "" where the runtime tells of its heap
	RSSMB                *float64           `json:"rssMB,omitempty"`
	PID                  *int64             `json:"pid,omitempty"`
	StartTime            *Time              `json:"startTime,omitempty"`
	UptimeMs             *float64           `json:"uptimeMs,omitempty"`
	SessionsCreatedTotal *int64             `json:"sessionsCreatedTotal,omitempty"`
	SessionsClosedTotal  *int64             `json:"sessionsClosedTotal,omitempty"`
	OldestSessionAgeMs   *float64           `json:"oldestSessionAgeMs,omitempty"`
	OpenStreams          *int64             `json:"openStreams,omitempty"`
	CallsTotal           *int64             `json:"callsTotal,omitempty"`
	ErrorsTotal          *int64             `json:"errorsTotal,omitempty"`
	Handlers             map[string]Handler `json:"handlers,omitzero"`
	Upstream             *Upstream          `json:"upstream,omitempty"`
	Poll                 *Poll              `json:"poll,omitempty"`

	// Raw is the document as the server sent it, where it was read from one.
	Raw []byte `json:"-"`
	// Warnings name each field whose value could not be meant, and say what was done with it.
	Warnings []string `json:"-"`
}

// HeapOfProcess says that HeapUsedMB is what the process holds for itself
// (anonymous memory), seen from outside: what its collector has not given back counts too.
const HeapOfProcess = "process"

// Upstream is how a proxy, which answers in its stead, reaches the server.
type Upstream struct {
	To        string `json:"to,omitempty"`
	Failing   bool   `json:"failing"`
	Outages   int64  `json:"outages"` // times that it could not be reached
	Failures  int64  `json:"failures"`
	Since     *Time  `json:"since,omitempty"` // the last change: it came back, or began to fail
	LastError string `json:"lastError,omitempty"`
}

// Call is a tool call in flight. Its age is DurationMs where the server gives
// it, else the time since StartedAt.
type Call struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	DurationMs *float64 `json:"durationMs,omitempty"`
	ParentID   string   `json:"parentId,omitempty"`
	SessionID  string   `json:"sessionId,omitempty"`
	Handler    string   `json:"handler,omitempty"`
	StartedAt  *Time    `json:"startedAt,omitempty"`
}

// Handler is what a server has counted of one handler since it started.
type Handler struct {
	Calls      *int64   `json:"calls,omitempty"`
	Errors     *int64   `json:"errors,omitempty"`
	RetainedMB *float64 `json:"retainedMB,omitempty"`
}

// Poll is what the poller knows about a snapshot: when it asked, whom, how long
// the answer took and its parts (those of a connection that was there are 0), the interval it polled at, how many ticks it missed before
// this one, and whether the server had restarted since the poll before. A poll
// that failed has only this, with Error.
type Poll struct {
	At          Time    `json:"at"`
	Target      string  `json:"target,omitempty"`
	LatencyMs   float64 `json:"latencyMs"`
	DNSMs       float64 `json:"dnsMs,omitempty"`
	ConnectMs   float64 `json:"connectMs,omitempty"`
	TLSMs       float64 `json:"tlsMs,omitempty"`
	FirstByteMs float64 `json:"firstByteMs,omitempty"`
	IntervalMs  float64 `json:"intervalMs,omitempty"`
	Skipped     int64   `json:"skipped,omitempty"`
	Restarted   bool    `json:"restarted,omitempty"`
	Error       string  `json:"error,omitempty"`
}

// Failed reports whether s is the record of a poll that got no document.
func (s *Snapshot) Failed() bool { return s.Poll != nil && s.Poll.Error != "" }

// Unreachable is why the server behind the proxy that made s cannot be reached, or "".
func (s *Snapshot) Unreachable() string {
	if s.Upstream == nil || !s.Upstream.Failing {
		return ""
	}
	return cmp.Or(s.Upstream.LastError, "it cannot be reached")
}

// At is when the snapshot was taken: by the poller's clock, by the server's
// only where there is no poller. It is zero where neither says.
func (s *Snapshot) At() time.Time {
	switch {
	case s.Poll != nil && !s.Poll.At.IsZero():
		return s.Poll.At.Time
	case s.Timestamp != nil:
		return s.Timestamp.Time
	}
	return time.Time{}
}

// Target is the address that was polled, or "".
func (s *Snapshot) Target() string {
	if s.Poll == nil {
		return ""
	}
	return s.Poll.Target
}

// Queued is the number of calls that wait in all queues together.
func (s *Snapshot) Queued() int64 {
	var n int64
	for _, depth := range s.HandlerQueue {
		n += min(depth, math.MaxInt64-n) // a server can claim more than fits
	}
	return n
}

// Age is how long c had been in flight when s was taken, and whether s tells.
func (s *Snapshot) Age(c *Call) (time.Duration, bool) {
	if c.DurationMs != nil {
		return millis(*c.DurationMs), true
	}
	now := s.Timestamp
	if now == nil && s.Poll != nil {
		now = &s.Poll.At
	}
	if c.StartedAt == nil || now == nil || now.Before(c.StartedAt.Time) {
		return 0, false
	}
	return now.Sub(c.StartedAt.Time), true
}

// Oldest is the call that has been in flight longest, with its age; nil where
// there is none whose age is known.
func (s *Snapshot) Oldest() (*Call, time.Duration) {
	var oldest *Call
	var age time.Duration
	for i := range s.ToolCallStack {
		if a, ok := s.Age(&s.ToolCallStack[i]); ok && (oldest == nil || a > age) {
			oldest, age = &s.ToolCallStack[i], a
		}
	}
	return oldest, age
}

// Started is when the server process started: its start time, or what its
// uptime and its clock make of it. It is zero where the server tells neither.
func (s *Snapshot) Started() time.Time {
	switch {
	case s.StartTime != nil:
		return s.StartTime.Time
	case s.UptimeMs != nil && s.Timestamp != nil:
		return s.Timestamp.Add(-millis(*s.UptimeMs))
	}
	return time.Time{}
}

// Restarted reports whether the server restarted between before and after,
// two snapshots of one target: another process, a later start, an uptime or a
// counter that fell. The reason says which.
func Restarted(before, after *Snapshot) (reason string, restarted bool) {
	if before.PID != nil && after.PID != nil && *before.PID != *after.PID {
		return "the pid changed from " + strconv.FormatInt(*before.PID, 10) + " to " + strconv.FormatInt(*after.PID, 10), true
	}
	if before.StartTime != nil && after.StartTime != nil && after.StartTime.Sub(before.StartTime.Time) > time.Second {
		return "the start time moved on", true
	}
	if fell(before.UptimeMs, after.UptimeMs) {
		return "the uptime fell", true
	}
	for _, c := range []struct {
		name          string
		before, after *int64
	}{
		{"callsTotal", before.CallsTotal, after.CallsTotal},
		{"errorsTotal", before.ErrorsTotal, after.ErrorsTotal},
		{"sessionsCreatedTotal", before.SessionsCreatedTotal, after.SessionsCreatedTotal},
		{"sessionsClosedTotal", before.SessionsClosedTotal, after.SessionsClosedTotal},
	} {
		if fell(c.before, c.after) {
			return c.name + " fell", true
		}
	}
	return "", false
}

// Known is a figure, and whether the server gave it.
func Known[T int64 | float64](v *T) (float64, bool) {
	if v == nil {
		return 0, false
	}
	return float64(*v), true
}

func fell[T int64 | float64](before, after *T) bool {
	return before != nil && after != nil && *after < *before
}

// millis is ms as a duration, the longest there is where it is longer.
func millis(ms float64) time.Duration {
	if ms >= float64(math.MaxInt64/time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms * float64(time.Millisecond))
}
