package fold

import "github.com/mcpdiag/mcpdiag/internal/snapshot"

// lastPoll is a copy of what the next poll is compared with. A reader reuses its
// snapshot as soon as it reads the next one.
type lastPoll struct {
	snapshot.Snapshot
	taken bool

	poll                            snapshot.Poll
	timestamp, started              snapshot.Time
	uptime                          float64
	pid, calls, errors, made, ended int64
}

func (l *lastPoll) copy(s *snapshot.Snapshot) {
	l.taken = true
	copyOf(&l.Poll, &l.poll, s.Poll)
	copyOf(&l.Timestamp, &l.timestamp, s.Timestamp)
	copyOf(&l.StartTime, &l.started, s.StartTime)
	copyOf(&l.UptimeMs, &l.uptime, s.UptimeMs)
	copyOf(&l.PID, &l.pid, s.PID)
	copyOf(&l.CallsTotal, &l.calls, s.CallsTotal)
	copyOf(&l.ErrorsTotal, &l.errors, s.ErrorsTotal)
	copyOf(&l.SessionsCreatedTotal, &l.made, s.SessionsCreatedTotal)
	copyOf(&l.SessionsClosedTotal, &l.ended, s.SessionsClosedTotal)
}

// copyOf makes to point to a copy of from, kept in place; nil stays nil.
func copyOf[T any](to **T, place, from *T) {
	*to = nil
	if from != nil {
		*place = *from
		*to = place
	}
}
