package client

import (
	"crypto/tls"
	"net/http"
	"net/url"
)

// Engine gives another implementation of HTTP/1.1 the rules of a Client.
type Engine struct {
	policy *policy
	TLS    *tls.Config
	Dial   Dial
}

// Engine returns the rules of c for connections to target. It reports false where
// only net/http will do: through a proxy, over HTTP/2, and with a token that may change.
func (c *Client) Engine(target string) (Engine, bool) {
	u, err := url.Parse(target)
	if err != nil || c.cfg.Bearer != nil || c.policy.http2.Load() {
		return Engine{}, false
	}
	proxy, err := c.Proxy(u)
	return Engine{policy: c.policy, TLS: c.tls, Dial: c.cfg.Dial}, err == nil && proxy == nil
}

// Header returns the header fields that a request to u must have.
func (e Engine) Header(u *url.URL) http.Header { return e.policy.header(u) }

// Guard puts the limits around the body of an answer.
func (e Engine) Guard(req *http.Request, resp *http.Response) error { return e.policy.guard(req, resp) }

// Fail returns the error of an exchange that failed at a stage.
func (e Engine) Fail(req *http.Request, stage Stage, err error) error {
	return e.policy.fail(req, stage, err)
}

// CountResent counts a request that was sent again on a new connection.
func (e Engine) CountResent() { e.policy.resent.Add(1) }

// Log writes a line about an exchange where one is wanted.
func (e Engine) Log(req *http.Request, resp *http.Response, t Timing) {
	e.policy.log(req, resp, func() Timing { return t })
}
