package proxy

import (
	"context"
	"iter"
	"net/http"
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

// unreached notes that the server could not be reached, by so many requests.
func (l *Ledger) unreached(why string, requests int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upstream.Failures += requests
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

const (
	knockEvery   = 2 * time.Second
	knockPatient = time.Second
	whyRefused   = "connection refused"
)

// knock tells from the start whether somebody listens at the server's address,
// and of a server that refused connections when somebody does again: it may be
// long until the next request. Nothing is sent. Through a proxy of the
// environment one cannot tell.
func (f *forwarder) knock(ctx context.Context) {
	if through, err := http.ProxyFromEnvironment(&http.Request{URL: f.to}); through != nil || err != nil {
		return
	}
	tick := time.NewTicker(knockEvery)
	defer tick.Stop()
	for begun := false; ; begun = true {
		if !begun || f.ledger.refuses() {
			dialing, cancel := context.WithTimeout(ctx, knockPatient)
			conn, err := f.dial(dialing, "tcp", hostPort(f.to))
			cancel()
			switch {
			case err == nil:
				_ = conn.Close() // nothing was sent
				f.ledger.reached()
			case !begun && ctx.Err() == nil:
				f.ledger.unreached(unreachable(err), 0)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refuses reports whether the server refused the last connection.
func (l *Ledger) refuses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.upstream.Failing && l.upstream.LastError == whyRefused
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
