package snapshot

import (
	"cmp"
	"math"
	"time"
)

// Failed reports whether s records a poll without a document.
func (s *Snapshot) Failed() bool { return s.Poll != nil && s.Poll.Error != "" }

// Unreachable returns why the proxy that made s cannot reach its server, or "".
func (s *Snapshot) Unreachable() string {
	if s.Upstream == nil || !s.Upstream.Failing {
		return ""
	}
	return cmp.Or(s.Upstream.LastError, "it cannot be reached")
}

// At returns when the snapshot was taken, by the poller's clock if there is one, else
// by the server's. It is zero if neither is known.
func (s *Snapshot) At() time.Time {
	switch {
	case s.Poll != nil && !s.Poll.At.IsZero():
		return s.Poll.At.Time
	case s.Timestamp != nil:
		return s.Timestamp.Time
	}
	return time.Time{}
}

// Target returns the address that was polled, or "".
func (s *Snapshot) Target() string {
	if s.Poll == nil {
		return ""
	}
	return s.Poll.Target
}

// Queued returns the number of calls waiting in all queues.
func (s *Snapshot) Queued() int64 {
	var n int64
	for _, depth := range s.HandlerQueue {
		n += min(depth, math.MaxInt64-n) // a server can claim more than fits
	}
	return n
}

// Age returns how long c had been in flight when s was taken, and whether that is known.
func (s *Snapshot) Age(c *Call) (time.Duration, bool) {
	if c.DurationMs != nil {
		return fromMs(*c.DurationMs), true
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

// Oldest returns the call that has been in flight longest, with its age; nil if the
// age of none is known.
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

// Started returns when the server process started, by its start time or else its
// uptime. It is zero if neither is known.
func (s *Snapshot) Started() time.Time {
	switch {
	case s.StartTime != nil:
		return s.StartTime.Time
	case s.UptimeMs != nil && s.Timestamp != nil:
		return s.Timestamp.Add(-fromMs(*s.UptimeMs))
	}
	return time.Time{}
}

// Restarted reports whether the server restarted between before and after, two
// snapshots of one target, and returns the reason.
func Restarted(before, after *Snapshot) (reason string, restarted bool) {
	for i := range Fields {
		f := &Fields[i]
		if f.restart == nil {
			continue
		}
		a, knownA := f.Value(before)
		b, knownB := f.Value(after)
		if knownA && knownB {
			if reason := f.restart(a, b); reason != "" {
				return reason, true
			}
		}
	}
	return "", false
}

// Known returns a figure, and whether the server gave it.
func Known[T int64 | float64](v *T) (float64, bool) {
	if v == nil {
		return 0, false
	}
	return float64(*v), true
}

// fromMs converts milliseconds to a duration, limited to the longest one.
func fromMs(ms float64) time.Duration {
	if ms >= float64(math.MaxInt64/time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms * float64(time.Millisecond))
}
