package client

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
)

// policy is the RoundTripper that applies the rules of a Config to every request.
type policy struct {
	next    http.RoundTripper
	cfg     Config
	secrets Secrets     // looked for in bodies
	http2   atomic.Bool // a server answered over HTTP/2
	resent  atomic.Int64
}

// RoundTrip does one exchange up to the header of the answer. Where the server refuses
// the token of the Bearer it does a second one with a new token.
func (p *policy) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.cfg.Bearer == nil || !p.isOrigin(req.URL) {
		return p.roundTrip(req, "")
	}
	token := p.cfg.Bearer.Token(req.Context())
	resp, err := p.roundTrip(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.Body != nil && req.GetBody == nil {
		return resp, err
	}
	if token = p.cfg.Bearer.renew(req.Context(), token); token == "" {
		return resp, nil
	}
	_ = resp.Body.Close() // the second answer counts
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return p.roundTrip(again, token)
}

// roundTrip does one exchange, with a bearer token if it is not empty.
func (p *policy) roundTrip(req *http.Request, token string) (*http.Response, error) {
	stage := new(progress)
	req = req.Clone(stage.watch(req.Context()))
	header := p.header(req.URL)
	if host := header.Get("Host"); host != "" {
		req.Host = host
		header.Del("Host")
	}
	maps.Copy(req.Header, header)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if _, set := req.Header["Idempotency-Key"]; !set {
		// Without values it is not sent. It lets net/http repeat a POST of which a
		// reused connection answered no byte, on a new connection.
		req.Header["Idempotency-Key"] = []string{}
	}
	var watch Stopwatch
	if p.cfg.Log != nil {
		req = req.WithContext(watch.Watch(req.Context()))
	}
	resp, err := p.next.RoundTrip(req)
	if stage.conns.Load() > 1 {
		p.resent.Add(1)
	}
	p.log(req, resp, watch.Stop)
	if err != nil {
		return nil, p.fail(req, stage.now(), err)
	}
	if resp.ProtoMajor > 1 {
		p.http2.Store(true)
	}
	return resp, p.guard(req, resp)
}

// header returns the header fields that the Config adds to a request to u.
func (p *policy) header(u *url.URL) http.Header {
	header := http.Header{}
	if p.isOrigin(u) {
		maps.Copy(header, p.cfg.Header)
	}
	if p.cfg.Agent != "" && header.Get("User-Agent") == "" {
		header.Set("User-Agent", p.cfg.Agent)
	}
	return header
}

// guard puts the limit, the decoding and the redaction of secrets around the body
// of an answer. A status below 200 that ends the exchange has no body: after 101
// it would be the connection, which no deadline ends.
func (p *policy) guard(req *http.Request, resp *http.Response) error {
	if resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close() // nothing is expected of it
		resp.Body = http.NoBody
	}
	decoded, err := Decode(resp.Header, resp.Body)
	if err != nil {
		_ = resp.Body.Close() // the encoding is the error
		return err
	}
	secrets := p.secrets
	if p.cfg.Bearer != nil {
		secrets = append(p.cfg.Bearer.Secrets().InBodies(), secrets...)
	}
	resp.Body = redact(&body{ReadCloser: decoded, left: p.limit(req), policy: p, req: req}, secrets)
	return nil
}

// limit returns how much of a body is read. A standing stream of events has no
// end; its reader limits each event.
func (p *policy) limit(req *http.Request) int64 {
	if req.Method == http.MethodGet && req.Header.Get("Accept") == "text/event-stream" {
		return math.MaxInt64 - 1
	}
	return p.cfg.MaxBody
}

// log writes a line about an exchange where one is wanted.
func (p *policy) log(req *http.Request, resp *http.Response, timing func() Timing) {
	if p.cfg.Log == nil {
		return
	}
	outcome := "failed"
	if resp != nil {
		outcome = resp.Status
	}
	t := timing()
	p.cfg.Log(fmt.Sprintf("%s %s: %s; dns %s, connect %s, tls %s, first byte %s, connection reused %t",
		req.Method, RedactURL(req.URL), outcome, t.DNS, t.Connect, t.TLS, t.FirstByte, t.Reused))
}

func (p *policy) isOrigin(u *url.URL) bool {
	for _, o := range p.cfg.Origins {
		if SameOrigin(o, u) {
			return true
		}
	}
	return false
}

// body is the decoded body of an answer. It ends with an error beyond the limit.
type body struct {
	io.ReadCloser
	left   int64
	policy *policy
	req    *http.Request
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
	case err != nil && !errors.Is(err, io.EOF):
		err = b.policy.fail(b.req, StageBody, err)
	}
	return n, err
}

// TooLargeError says that a body is larger than the limit.
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

// CloseIdleConnections lets http.Client reach the idle connections.
func (p *policy) CloseIdleConnections() {
	if t, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
