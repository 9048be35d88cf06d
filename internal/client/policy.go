package client

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
)

// policy is the RoundTripper that keeps the rules for every request.
type policy struct {
	next    http.RoundTripper
	cfg     Config
	secrets Secrets     // that are looked for in answers
	http2   atomic.Bool // an answer came over HTTP/2
}

// limit is how much of an answer is read. A standing stream of events has no
// end; who reads it bounds each event.
func (p *policy) limit(req *http.Request) int64 {
	if req.Method == http.MethodGet && req.Header.Get("Accept") == "text/event-stream" {
		return math.MaxInt64 - 1
	}
	return p.cfg.MaxBody
}

// RoundTrip sends the credentials only to the origins that they were given for,
// bounds the answer, and makes each failure say its stage.
func (p *policy) RoundTrip(req *http.Request) (*http.Response, error) {
	stage := new(progress)
	req = req.Clone(stage.watch(req.Context()))
	if p.isOrigin(req.URL) {
		maps.Copy(req.Header, p.cfg.Header)
		if host := p.cfg.Header.Get("Host"); host != "" {
			req.Host = host
		}
	}
	if p.cfg.Agent != "" {
		req.Header.Set("User-Agent", p.cfg.Agent)
	}
	resp, err := p.exchange(req)
	if err != nil {
		return nil, &Error{Stage: stage.now(), Err: err, timeout: p.cfg.Timeout}
	}
	if resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close() // after 101 it is the connection, which no deadline ends
		resp.Body = http.NoBody
	}
	if resp.ProtoMajor > 1 {
		p.http2.Store(true)
	}
	resp.Body = redact(&body{ReadCloser: resp.Body, left: p.limit(req), policy: p}, p.secrets)
	return resp, nil
}

// exchange does the exchange up to the answer's header, and logs it where that is wanted.
func (p *policy) exchange(req *http.Request) (*http.Response, error) {
	if p.cfg.Log == nil {
		return p.next.RoundTrip(req)
	}
	var watch Stopwatch
	resp, err := p.next.RoundTrip(req.WithContext(watch.Watch(req.Context())))
	t := watch.Stop()
	outcome := "failed"
	if err == nil {
		outcome = resp.Status
	}
	p.cfg.Log(fmt.Sprintf("%s %s: %s; dns %s, connect %s, tls %s, first byte %s, connection reused %t",
		req.Method, RedactURL(req.URL), outcome, t.DNS, t.Connect, t.TLS, t.FirstByte, t.Reused))
	return resp, err
}

func (p *policy) isOrigin(u *url.URL) bool {
	for _, o := range p.cfg.Origins {
		if SameOrigin(o, u) {
			return true
		}
	}
	return false
}

// SameOrigin reports whether a and b have one scheme, host and port.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// body ends with an error where an answer goes beyond the limit. It counts
// decoded bytes: the transport gunzips, and 100 KB can become 100 MB.
type body struct {
	io.ReadCloser
	left   int64
	policy *policy
}

func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, &TooLargeError{Limit: b.policy.cfg.MaxBody}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n - 1, &TooLargeError{Limit: b.policy.cfg.MaxBody}
	case err != nil && err != io.EOF:
		err = &Error{Stage: StageBody, Err: err, timeout: b.policy.cfg.Timeout}
	}
	return n, err
}

// TooLargeError says that an answer went beyond the limit.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %s; --max-body raises the limit", size(e.Limit))
}

func size(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// CloseIdleConnections lets http.Client reach the connections that wait.
func (p *policy) CloseIdleConnections() {
	if t, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
