package client

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// StatusError is an answer whose status is not 2xx.
type StatusError struct {
	Code       int
	Status     string        // "503 Service Unavailable"
	Location   string        // target of a redirect, without secrets; it is not followed
	RetryAfter time.Duration // how long the server asks to wait, 0 where it does not
	Challenge  string        // WWW-Authenticate
	Snippet    string        // beginning of the body, unless it is a page
	Detail     error         // the protocol's own error in the body, or nil
	Usual      string        // hint on the usual path of the service, for 404 and 405
	Proxied    bool          // the request went through the proxy of HTTP_PROXY
}

const (
	maxSnippet   = 120
	maxChallenge = 300
)

// NewStatusError returns the error that resp stands for, with the beginning of its body.
func NewStatusError(resp *http.Response, body []byte) *StatusError {
	e := &StatusError{
		Code: resp.StatusCode, Status: resp.Status, RetryAfter: RetryAfter(resp.Header), Snippet: snippet(resp.Request, body),
		Challenge: cut(strings.Join(resp.Header.Values("Www-Authenticate"), ", "), maxChallenge),
	}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		e.Location = RedactURL(to)
	}
	if resp.Request != nil {
		proxy, err := http.ProxyFromEnvironment(resp.Request)
		e.Proxied = err == nil && proxy != nil
	}
	return e
}

// Unwrap returns the protocol's own error.
func (e *StatusError) Unwrap() error { return e.Detail }

func (e *StatusError) Error() string {
	switch {
	case e.Location != "":
		return fmt.Sprintf("the server answered %s, to %s, which is not followed; give that URL if you trust it", e.Status, e.Location)
	case e.Detail != nil:
		return fmt.Sprintf("the server answered %s (%s)%s", e.Status, e.Detail, e.hint())
	case e.Snippet != "":
		return fmt.Sprintf("the server answered %s (%s)%s", e.Status, e.Snippet, e.hint())
	}
	return "the server answered " + e.Status + e.hint()
}

// hint returns the way out.
func (e *StatusError) hint() string {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		if e.Challenge != "" {
			return fmt.Sprintf("; it asks for %s; --token-file or --header sends credentials", e.Challenge)
		}
		return "; --token-file or --header sends credentials"
	case http.StatusNotFound:
		return "; " + cmp.Or(e.Usual, "is this the right path?")
	case http.StatusMethodNotAllowed:
		if e.Usual != "" {
			return "; " + e.Usual
		}
	case http.StatusTooManyRequests:
		return "; the server limits the rate"
	case http.StatusProxyAuthRequired:
		if !e.Proxied {
			return "; only a proxy answers that: is this the address of the server?"
		}
		return "; the proxy of HTTP_PROXY asks for credentials: http://USER:PASSWORD@HOST:PORT"
	case http.StatusSwitchingProtocols:
		return "; no other protocol was asked for: is this the address of a WebSocket?"
	}
	return ""
}

// snippet returns the beginning of a body, unless it is a page, whose first bytes
// say nothing. The secrets of the request are blanked before it is cut: half of
// one would not be recognized.
func snippet(req *http.Request, body []byte) string {
	text := string(body[:min(len(body), 16*maxSnippet)])
	if req != nil {
		text = SecretsOf(req.Header, SecretsIn(req.URL)...).Redact(text)
	}
	text = strings.Join(strings.Fields(text), " ")
	if strings.HasPrefix(text, "<") {
		return ""
	}
	return cut(text, maxSnippet)
}

func cut(text string, limit int) string {
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}

// RetryAfter returns how long the header asks to wait, in either of its two forms,
// seconds and a date; 0 where it does not.
func RetryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if d, err := time.ParseDuration(value + "s"); err == nil && d > 0 {
		return d
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
