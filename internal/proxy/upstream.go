package proxy

import (
	"iter"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// reached notes that the server answered.
func (l *Ledger) reached() {
	if !l.failing.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.failing.CompareAndSwap(true, false) {
		return
	}
	l.upstream.Failing = false
	l.forgetHeld()
	l.change(time.Now())
}

// unreached notes that the server could not be reached.
func (l *Ledger) unreached(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upstream.Failures++
	l.upstream.LastError = why
	if l.failing.CompareAndSwap(false, true) {
		l.upstream.Failing = true
		l.upstream.Outages++
		l.change(time.Now())
	}
}

// change tells of a change; the caller holds the lock.
func (l *Ledger) change(now time.Time) {
	before := l.upstream.Since
	l.upstream.Since = &snapshot.Time{Time: now}
	if l.onChange == nil {
		return
	}
	lasted := time.Duration(0)
	if before != nil {
		lasted = now.Sub(before.Time)
	}
	l.onChange(l.upstream, lasted)
}

// splitList yields the members of a header that is a list.
func splitList(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && !yield(name) {
				return
			}
		}
	}
}
