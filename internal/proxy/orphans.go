package proxy

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Orphans describes the orphaned sessions: those whose client has been silent
// for IdleMs while the server, as far as the traffic shows, still holds them.
// Answered, Gone and Undecided count sessions that were used again after that
// time, by the server's answer. With probes, Held counts those among Sessions
// for which the server answered a probe.
type Orphans struct {
	IdleMs       float64 `json:"idleMs"`
	Sessions     int64   `json:"sessions"`
	OldestIdleMs float64 `json:"oldestIdleMs,omitempty"`
	Answered     int64   `json:"answered"`
	Gone         int64   `json:"gone"`
	Undecided    int64   `json:"undecided,omitempty"` // a login page, an error
	Held         *int64  `json:"held,omitempty"`
	Probes       *Probes `json:"probes,omitempty"`
}

// orphanCounts counts orphaned sessions that were used again, and probes.
type orphanCounts struct {
	idle                      time.Duration // after which a session is orphaned
	answered, gone, undecided int64
	probes                    *Probes // nil without probes
}

// judgeReturn notes how the server answered in a session that had been orphaned.
func (t *tracker) judgeReturn(s *session, ok, gone bool) {
	if s == nil {
		return
	}
	t.mu.Lock()
	defer t.unlock()
	if !s.returned {
		return
	}
	s.returned = false
	switch {
	case gone:
		t.orphans.gone++
	case ok:
		t.orphans.answered++
	default:
		t.orphans.undecided++
	}
}

// countOrphans counts the orphaned sessions. The caller holds the lock.
func (t *tracker) countOrphans(now time.Time) *Orphans {
	if t.orphans.idle <= 0 {
		return nil
	}
	o := &Orphans{IdleMs: millis(t.orphans.idle), Answered: t.orphans.answered, Gone: t.orphans.gone, Undecided: t.orphans.undecided}
	held := int64(0)
	for _, s := range t.sessions.open {
		if idle := s.idle(now); idle > t.orphans.idle {
			o.Sessions++
			o.OldestIdleMs = max(o.OldestIdleMs, millis(idle))
			if s.probe == probeHeld {
				held++
			}
		}
	}
	if t.orphans.probes != nil {
		o.Held, o.Probes = &held, new(*t.orphans.probes)
	}
	return o
}

// millis returns d in milliseconds, without parts of a microsecond.
func millis(d time.Duration) float64 { return report.InMillis(d.Truncate(time.Microsecond)) }
