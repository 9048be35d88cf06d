package proxy

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Probes counts the probes of orphaned sessions by the server's answer.
type Probes struct {
	Sent      int64 `json:"sent"`
	Held      int64 `json:"held"`      // it still holds the session
	Gone      int64 `json:"gone"`      // it does not know the session any more, which is closed since then
	Undecided int64 `json:"undecided"` // a login page, an error, no answer in time
}

// probeResult is how the server answered a probe; "" is no probe.
type probeResult string

const (
	probeHeld      probeResult = "held"
	probeGone      probeResult = "gone"
	probeUndecided probeResult = "undecided"
)

// requestTemplate holds the path and headers for a request in the name of a
// session's client. They include credentials: it is kept until its one probe,
// and never shown.
type requestTemplate struct {
	url    *url.URL
	header http.Header
	size   int
}

// Bounds of a template and of those of all sessions, in bytes.
const (
	maxTemplate  = 16 << 10
	maxTemplates = 64 << 20
)

// keepTemplate keeps a template, which may be nil, in place of that of s, or none beyond
// the bound of all: s is not probed then. The caller holds the lock.
func (t *tracker) keepTemplate(s *session, template *requestTemplate) {
	if s.template != nil {
		t.templates -= s.template.size
	}
	if template != nil && t.templates+template.size > maxTemplates {
		t.exceeded(overflowTemplates)
		template = nil
	}
	if s.template = template; template != nil {
		t.templates += template.size
	}
}

// newRequestTemplate copies the headers of r that do not concern its own message.
// It returns nil if they are too long, and the session is not probed.
func newRequestTemplate(r *http.Request) *requestTemplate {
	header := r.Header.Clone()
	dropHopHeaders(header)
	for name := range header {
		switch {
		case strings.HasPrefix(name, "Content-"), strings.HasPrefix(name, "Accept"), strings.HasPrefix(name, "If-"), strings.HasPrefix(name, "Mcp-Param-"):
			delete(header, name)
		}
	}
	for _, name := range []string{"Expect", "Last-Event-Id", "Range", "Traceparent", "Tracestate", "Baggage", "Mcp-Method", "Mcp-Name"} {
		delete(header, name)
	}
	size := len(r.RequestURI)
	for name, values := range header {
		size += len(name)
		for _, v := range values {
			size += len(v)
		}
	}
	if size > maxTemplate {
		return nil
	}
	return &requestTemplate{url: &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}, header: header, size: size}
}

// Probes are sent one after the other, so that a server with thousands of
// orphaned sessions has time for its clients.
const (
	probeTimeout = 10 * time.Second
	probePause   = 20 * time.Millisecond
	probeEvery   = 10 * time.Second // at most this long after a session was orphaned
	probeRead    = 64 << 10         // bytes of an answer that are read
)

const (
	probeID   = `"mcpdiag-orphan"`
	probeBody = `{"jsonrpc":"2.0","id":` + probeID + `,"method":"ping"}`
)

// probeOrphans probes each session that is orphaned, once, until ctx ends.
func (f *forwarder) probeOrphans(ctx context.Context) {
	if f.tracker.orphans.probes == nil {
		return
	}
	tick := time.NewTicker(max(min(f.tracker.orphans.idle/4, probeEvery), time.Millisecond))
	defer tick.Stop()
	pause := time.NewTicker(probePause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range f.tracker.unprobed(time.Now()) {
			if ctx.Err() != nil || !f.probe(ctx, s) {
				break // the server cannot be reached: next time
			}
			<-pause.C
		}
	}
}

// unprobed returns the orphaned sessions that were not probed.
func (t *tracker) unprobed(now time.Time) []*session {
	t.mu.Lock()
	defer t.unlock()
	var all []*session
	for _, s := range t.sessions.open {
		if s.template != nil && s.idle(now) > t.orphans.idle {
			all = append(all, s)
		}
	}
	return all
}

// probe probes one session. It returns false if the server cannot be reached.
func (f *forwarder) probe(ctx context.Context, s *session) bool {
	defer f.tracker.rescue()
	template := f.tracker.takeTemplate(s, time.Now())
	if template == nil {
		return true // its client is back, or has ended it
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	resp, err := f.transport.RoundTrip(template.probe(ctx, f.to, s.key))
	switch {
	case err == nil:
		defer resp.Body.Close() //nolint:errcheck // it is given up
		f.tracker.probed(s, judgeProbe(resp), time.Now())
	case ctx.Err() != nil:
		f.tracker.probed(s, probeUndecided, time.Now())
	default:
		f.tracker.returnTemplate(s, template)
		return false
	}
	return true
}

// probe returns a ping in the session with this key.
func (template *requestTemplate) probe(ctx context.Context, to *url.URL, key string) *http.Request {
	header := template.header.Clone()
	header.Set("Mcp-Session-Id", key)
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json, text/event-stream")
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = nil // the transport would add its own
	}
	body := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(probeBody)), nil }
	in, _ := body()
	at := &url.URL{Scheme: to.Scheme, Host: to.Host, Path: template.url.Path, RawPath: template.url.RawPath, RawQuery: template.url.RawQuery}
	req := &http.Request{Method: http.MethodPost, URL: at, Header: header, Host: to.Host, Body: in, GetBody: body,
		ContentLength: int64(len(probeBody)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return req.WithContext(ctx)
}

// judgeProbe interprets the answer to a probe as that to any request in the session.
func judgeProbe(resp *http.Response) probeResult {
	if resp.StatusCode == http.StatusNotFound {
		return probeGone
	}
	found := probeUndecided
	scan := scanner{emit: func(m *message) {
		switch {
		case resp.StatusCode == http.StatusBadRequest && string(m.code) == codeServer:
			found = probeGone
		case resp.StatusCode/100 == 2 && string(m.id) == probeID && (m.result || m.fault):
			found = probeHeld
		}
	}}
	var to io.Writer = observer(scan.Write)
	if mcp.MediaType(resp.Header) == "text/event-stream" {
		events := eventScanner{scan: &scan}
		to = observer(events.Write)
	}
	body := io.LimitReader(resp.Body, probeRead)
	for buf := make([]byte, smallBuffer); found == probeUndecided; {
		n, err := body.Read(buf)
		_, _ = to.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return found
}

// takeTemplate removes the template of s for its one probe. It returns nil if s
// is not orphaned any more.
func (t *tracker) takeTemplate(s *session, now time.Time) *requestTemplate {
	t.mu.Lock()
	defer t.unlock()
	if s.closed || s.idle(now) <= t.orphans.idle {
		return nil
	}
	template := s.template
	t.keepTemplate(s, nil)
	return template
}

// probed notes how the server answered a probe.
func (t *tracker) probed(s *session, result probeResult, now time.Time) {
	t.mu.Lock()
	counts := t.orphans.probes
	counts.Sent++
	switch result {
	case probeHeld:
		counts.Held++
	case probeGone:
		counts.Gone++
	case probeUndecided:
		counts.Undecided++
	}
	s.probe = result
	t.mu.Unlock()
	if result == probeGone {
		t.endSession(s, true, now)
	}
}

// returnTemplate keeps an unused template, unless there is a newer one.
func (t *tracker) returnTemplate(s *session, template *requestTemplate) {
	t.mu.Lock()
	defer t.unlock()
	if s.template == nil && !s.closed {
		t.keepTemplate(s, template)
	}
}
