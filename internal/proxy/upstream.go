package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// refuse answers for a server that cannot be reached.
func (f *forwarder) refuse(w http.ResponseWriter, r *http.Request, err error) outcome {
	if r.Context().Err() != nil {
		return outcomeCancelled
	}
	if errors.Is(err, syscall.EMFILE) {
		http.Error(w, "mcpdiag proxy: too many open files; raise the limit (ulimit -n)", http.StatusServiceUnavailable)
		return outcome("503") // not the server's fault
	}
	reason := unreachable(err)
	f.tracker.unreached(reason, 1)
	http.Error(w, fmt.Sprintf("mcpdiag proxy: %s: %s", f.to.Host, reason), http.StatusBadGateway)
	return outcome("502")
}

const connectionRefused = "connection refused"

// unreachable returns in words why the server could not be reached.
func unreachable(err error) string {
	timed, limited := errors.AsType[net.Error](err)
	switch {
	case client.IsRefused(err):
		return connectionRefused
	case client.IsReset(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		strings.HasSuffix(err.Error(), "http: server closed idle connection"), strings.HasSuffix(err.Error(), "connection broken: EOF"):
		return "the server closed the connection"
	case limited && timed.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, errSwitches):
		return errSwitches.Error()
	}
	if hint := client.TLSHint(err); hint != "" {
		return hint
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return "the server's answer is not valid HTTP"
}

// reached notes that the server answered.
func (t *tracker) reached() {
	if !t.failing.Load() {
		return
	}
	t.mu.Lock()
	defer t.unlock()
	if !t.failing.CompareAndSwap(true, false) {
		return
	}
	t.upstream.Failing = false
	t.serverName = "" // it may be another server now
	t.sessions.forgetProbes()
	t.reportChange(time.Now())
}

// unreached notes that the server could not be reached by this many requests.
func (t *tracker) unreached(reason string, requests int64) {
	t.mu.Lock()
	defer t.unlock()
	t.upstream.Failures += requests
	t.upstream.LastError = reason
	if t.failing.CompareAndSwap(false, true) {
		t.upstream.Failing = true
		t.upstream.Outages++
		t.reportChange(time.Now())
	}
}

// reportChange has OnChange called. The caller holds the lock.
func (t *tracker) reportChange(now time.Time) {
	before := t.upstream.Since
	t.upstream.Since = &snapshot.Time{Time: now}
	if t.onChange == nil {
		return
	}
	lasted := time.Duration(0)
	if before != nil {
		lasted = now.Sub(before.Time)
	}
	u := t.upstream
	t.pending = append(t.pending, func() { t.onChange(u, lasted) })
}

const (
	dialEvery   = 2 * time.Second
	dialPatient = time.Second
)

// statusOutcome returns the outcome of a request that got an HTTP error status.
func statusOutcome(status int) outcome { return outcome(strconv.Itoa(status)) }

// watchReachability dials the server once at the start, and every dialEvery
// while it refuses connections: the next request may be a long time off. It
// sends nothing. It does nothing behind a proxy of the environment, which would
// accept the connection itself.
func (f *forwarder) watchReachability(ctx context.Context) {
	if through, err := http.ProxyFromEnvironment(&http.Request{URL: f.to}); through != nil || err != nil {
		return
	}
	if err := f.dial(ctx); err != nil && ctx.Err() == nil {
		f.tracker.unreached(unreachable(err), 0)
	}
	tick := time.NewTicker(dialEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if f.tracker.refuses() && f.dial(ctx) == nil {
			f.tracker.reached()
		}
	}
}

// dial opens a connection to the server and closes it.
func (f *forwarder) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialPatient)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", client.HostPort(f.to))
	if err != nil {
		return err
	}
	_ = conn.Close() // nothing was sent
	return nil
}

// refuses reports whether the server refused the last connection.
func (t *tracker) refuses() bool {
	t.mu.Lock()
	defer t.unlock()
	return t.upstream.Failing && t.upstream.LastError == connectionRefused
}
