package proxy

import "time"

// Orphans are the sessions whose client has not been heard of for IdleMs while
// the server, as far as one can see, still holds them. Answered and Gone say
// what became of sessions that were used again after that time: the server
// answered, so it had held them all along, or it knew them no more. Where the
// proxy asks for orphans itself, Held are those among Sessions for which the
// server answered.
type Orphans struct {
	IdleMs       float64 `json:"idleMs"`
	Sessions     int64   `json:"sessions"`
	OldestIdleMs float64 `json:"oldestIdleMs,omitempty"`
	Answered     int64   `json:"answered"`
	Gone         int64   `json:"gone"`
	Undecided    int64   `json:"undecided,omitempty"` // the server said neither: a login, an error
	Held         *int64  `json:"held,omitempty"`
	Probes       *Probes `json:"probes,omitempty"`
}

// orphanCount is what the ledger remembers of orphans.
type orphanCount struct {
	idle                      time.Duration // after which a session is one
	answered, gone, undecided int64
	probes                    *Probes // or nil, where the proxy does not ask
}

// notice notes that the client of s is there; the caller holds the lock.
func (l *Ledger) notice(s *session, now time.Time) {
	if l.orphans.idle > 0 && s.idle(now) > l.orphans.idle {
		s.back = true
	}
	s.seen = now
}

// returned notes what the server made of a session that had been an orphan.
func (l *Ledger) returned(s *session, ok, gone bool) {
	if s == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.back {
		return
	}
	s.back = false
	l.judge(ok, gone)
}

func (l *Ledger) judge(ok, gone bool) {
	switch {
	case gone:
		l.orphans.gone++
	case ok:
		l.orphans.answered++
	default:
		l.orphans.undecided++
	}
}

// count looks at all sessions; the caller holds the lock.
func (l *Ledger) countOrphans(now time.Time) *Orphans {
	if l.orphans.idle <= 0 {
		return nil
	}
	o := &Orphans{IdleMs: millis(l.orphans.idle), Answered: l.orphans.answered, Gone: l.orphans.gone, Undecided: l.orphans.undecided}
	held := int64(0)
	for _, s := range l.sessions {
		if idle := s.idle(now); idle > l.orphans.idle {
			o.Sessions++
			o.OldestIdleMs = max(o.OldestIdleMs, millis(idle))
			if s.probe == probeHeld {
				held++
			}
		}
	}
	if l.orphans.probes != nil {
		o.Held, o.Probes = &held, new(*l.orphans.probes)
	}
	return o
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
