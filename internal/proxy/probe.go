package proxy

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Probes say what the server did with orphans when the proxy asked for them.
type Probes struct {
	Sent      int64 `json:"sent"`
	Held      int64 `json:"held"`      // it answered: it still holds the session
	Gone      int64 `json:"gone"`      // it knows the session no more, which is closed since then
	Undecided int64 `json:"undecided"` // it said neither: a login, an error, nothing in time
}

// probe is what became of the last one in a session.
type probe string

const (
	probeHeld      probe = "held"
	probeGone      probe = "gone"
	probeUndecided probe = "undecided"
)

// plea is how the client of a session asks for it: all that a request in its
// name needs. It holds credentials, so it lives no longer than until the one
// probe that it is for, and is never shown.
type plea struct {
	url    *url.URL
	header http.Header
}

// newPlea keeps of a request what is not about its own message.
func newPlea(r *http.Request) *plea {
	header := r.Header.Clone()
	dropHops(header)
	for name := range header {
		switch {
		case strings.HasPrefix(name, "Content-"), strings.HasPrefix(name, "Accept"), strings.HasPrefix(name, "If-"), strings.HasPrefix(name, "Mcp-Param-"):
			delete(header, name)
		}
	}
	for _, name := range []string{"Expect", "Last-Event-Id", "Range", "Traceparent", "Tracestate", "Baggage", "Mcp-Method", "Mcp-Name"} {
		delete(header, name)
	}
	return &plea{url: &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}, header: header}
}

// The probes are sent one after the other, so that a server with thousands of
// orphans has time for its clients.
const (
	probeTime  = 10 * time.Second
	probePause = 20 * time.Millisecond
	probeEvery = 10 * time.Second // at most so long after a session became an orphan
	probeRead  = 64 << 10         // bytes of an answer that are looked at
)

const (
	probeID   = `"mcpdiag-orphan"`
	probeBody = `{"jsonrpc":"2.0","id":` + probeID + `,"method":"ping"}`
)

// probeOrphans asks the server for each session that has become an orphan,
// once, until ctx ends.
func (f *forwarder) probeOrphans(ctx context.Context) {
	tick := time.NewTicker(max(min(f.ledger.orphans.idle/4, probeEvery), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range f.ledger.unprobed(time.Now()) {
			if ctx.Err() != nil || !f.probe(ctx, s) {
				break // it cannot be reached: the next time
			}
			time.Sleep(probePause)
		}
	}
}

// unprobed are the orphans that the server was not asked for.
func (l *Ledger) unprobed(now time.Time) []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*session
	for _, s := range l.sessions {
		if s.plea != nil && s.idle(now) > l.orphans.idle {
			all = append(all, s)
		}
	}
	return all
}

// probe asks for one session. It is false where the server cannot be reached.
func (f *forwarder) probe(ctx context.Context, s *session) bool {
	p := f.ledger.takePlea(s, time.Now())
	if p == nil {
		return true // its client is back, or has ended it
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req := p.request(ctx, f.to, s.key)
	resp, err := f.transport.RoundTrip(req)
	switch {
	case err == nil:
		defer resp.Body.Close() //nolint:errcheck // it is given up
		f.ledger.probed(s, judgeProbe(resp), time.Now())
	case ctx.Err() != nil:
		f.ledger.probed(s, probeUndecided, time.Now())
	default:
		f.ledger.givePlea(s, p)
		return false
	}
	return true
}

// request is the ping that is sent in the name of a session's client.
func (p *plea) request(ctx context.Context, to *url.URL, key string) *http.Request {
	header := p.header.Clone()
	header.Set("Mcp-Session-Id", key)
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json, text/event-stream")
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = nil // the transport would add its own
	}
	body := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(probeBody)), nil }
	in, _ := body()
	req := &http.Request{Method: http.MethodPost, Header: header, Host: to.Host, Body: in, GetBody: body, ContentLength: int64(len(probeBody)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: to.Scheme, Host: to.Host, Path: p.url.Path, RawPath: p.url.RawPath, RawQuery: p.url.RawQuery}}
	return req.WithContext(ctx)
}

// judgeProbe says what the answer to a probe means, as of any request in the session.
func judgeProbe(resp *http.Response) probe {
	if resp.StatusCode == http.StatusNotFound {
		return probeGone
	}
	said := probeUndecided
	scan := scanner{emit: func(m *message) {
		switch {
		case resp.StatusCode == http.StatusBadRequest && string(m.code) == codeServer:
			said = probeGone
		case resp.StatusCode/100 == 2 && string(m.id) == probeID && (m.result || m.fault):
			said = probeHeld
		}
	}}
	var to io.Writer = sink(scan.Write)
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		events := events{scan: &scan}
		to = sink(events.Write)
	}
	body := io.LimitReader(resp.Body, probeRead)
	for buf := make([]byte, smallBuffer); said == probeUndecided; {
		n, err := body.Read(buf)
		_, _ = to.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return said
}

// takePlea takes what a probe needs, which there is once.
func (l *Ledger) takePlea(s *session, now time.Time) *plea {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.closed || s.idle(now) <= l.orphans.idle {
		return nil
	}
	p := s.plea
	s.plea = nil
	return p
}

// probed notes what the server did with an orphan.
func (l *Ledger) probed(s *session, what probe, now time.Time) {
	l.mu.Lock()
	o := l.orphans.probes
	o.Sent++
	switch what {
	case probeHeld:
		o.Held++
	case probeGone:
		o.Gone++
	case probeUndecided:
		o.Undecided++
	}
	s.probe = what
	l.mu.Unlock()
	if what == probeGone {
		l.end(s, true, now)
	}
}

// givePlea gives a plea back that was of no use, unless there is a newer one.
func (l *Ledger) givePlea(s *session, p *plea) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.plea == nil && !s.closed {
		s.plea = p
	}
}

// forgetHeld takes back what probes said of the server before it was lost: it
// may be another one since. The caller holds the lock.
func (l *Ledger) forgetHeld() {
	for _, s := range l.sessions {
		if s.probe == probeHeld {
			s.probe = probeUndecided
		}
	}
}
