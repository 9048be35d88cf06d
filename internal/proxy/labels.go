package proxy

import "unicode/utf8"

// labelSet bounds the values of a label of /metrics that clients or servers
// choose. The caller holds the lock of the ledger.
type labelSet struct {
	max   int
	known map[string]bool
	over  int64 // values beyond the bound, counted each time
}

func newLabelSet(limit int) *labelSet { return &labelSet{max: limit, known: map[string]bool{}} }

// value returns v where it is known or can be added, else other.
func (s *labelSet) value(v string) string {
	switch {
	case s.known[v]:
	case len(s.known) >= s.max, !utf8.ValidString(v):
		s.over++
		return other
	default:
		s.known[v] = true
	}
	return v
}
