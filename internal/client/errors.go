package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Stage is how far an exchange got.
type Stage string

// The stages of an exchange, in order.
const (
	StageDNS     Stage = "looking up the host"
	StageConnect Stage = "connecting"
	StageTLS     Stage = "in the TLS handshake"
	StageSend    Stage = "sending the request"
	StageAnswer  Stage = "waiting for the answer"
	StageBody    Stage = "reading the answer"
)

// Error is an exchange that failed: at which stage, why, and what to try.
type Error struct {
	Stage   Stage
	Err     error
	timeout time.Duration
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var dns *net.DNSError
	switch {
	case IsTimeout(e.Err):
		return e.timedOut()
	case errors.Is(e.Err, context.Canceled):
		return "interrupted while " + string(e.Stage)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return `connection refused; is the server running? "mcpdiag demo --serve" starts one to try`
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("there is no host %q; check the name", dns.Name)
	case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
		return "the server reset the connection while " + string(e.Stage) + "; its log may say why"
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, io.ErrUnexpectedEOF), errors.Is(e.Err, net.ErrClosed), e.Err.Error() == "http: server closed idle connection":
		return "the server closed the connection while " + string(e.Stage) + "; its log may say why"
	}
	if hint := tlsHint(e.Err); hint != "" {
		return hint
	}
	return e.Err.Error() + " (" + string(e.Stage) + ")"
}

func (e *Error) timedOut() string {
	within := "in time"
	if e.timeout > 0 {
		within = "within " + e.timeout.String()
	}
	hint := "the server may hang; --timeout allows more"
	if e.Stage == StageConnect {
		hint = "is the address right, and no firewall between?"
	}
	return fmt.Sprintf("no answer %s (%s); %s", within, e.Stage, hint)
}

func tlsHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	has := func(words string) bool { return strings.Contains(err.Error(), words) } // alerts have no type
	switch {
	case errors.As(err, &record), has("server gave HTTP response to HTTPS client"):
		return "the server does not speak TLS; try http:// instead of https://"
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority; --cacert FILE trusts it"
	case errors.As(err, &name), errors.As(err, &invalid):
		return err.Error() + "; --insecure accepts it all the same"
	case has("tls: protocol version not supported"), has("tls: server selected unsupported protocol version"):
		return "the server speaks no TLS 1.2 or newer, and older ones are not spoken here"
	case has("tls: certificate required"), has("tls: bad certificate"):
		return "the server wants a client certificate; --cert and --key give one"
	}
	return ""
}

// IsTimeout reports whether an exchange failed because its time was up.
func IsTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// HTTPError is an answer whose status is not 2xx.
type HTTPError struct {
	Code       int
	Status     string        // "503 Service Unavailable"
	Location   string        // where a redirect points, without its secrets
	RetryAfter time.Duration // how long the server asks to wait, 0 where it does not
	Snippet    string        // how the answer's body begins
}

func (e *HTTPError) Error() string {
	hint := ""
	switch {
	case e.Location != "":
		return fmt.Sprintf("the server answered %s, to %s, which is not followed; give that URL if you trust it", e.Status, e.Location)
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusForbidden:
		hint = "; --token-file or --header gives credentials"
	case e.Code == http.StatusNotFound:
		hint = "; is this the right path?"
	case e.Code == http.StatusTooManyRequests:
		hint = "; the server limits the rate"
	case e.Code == http.StatusSwitchingProtocols:
		hint = "; no other protocol was asked for: is this the address of a WebSocket?"
	}
	if e.Snippet != "" {
		return fmt.Sprintf("the server answered %s (%s)%s", e.Status, e.Snippet, hint)
	}
	return fmt.Sprintf("the server answered %s%s", e.Status, hint)
}

const maxSnippet = 120

// StatusError is the *HTTPError that resp is, with the beginning of its body;
// nil where its status is 2xx.
func StatusError(resp *http.Response, body []byte) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	e := &HTTPError{Code: resp.StatusCode, Status: resp.Status, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		e.Location = RedactURL(to)
	}
	e.Snippet = snippet(resp.Request, body)
	return e
}

// snippet is how a body begins, where it is no page, which says nothing in its
// first bytes. The request's secrets go before it is cut: half of one would pass for text.
func snippet(req *http.Request, body []byte) string {
	text := string(body[:min(len(body), 16*maxSnippet)])
	if req != nil {
		text = SecretsOf(req.Header, SecretsIn(req.URL)...).Redact(text)
	}
	text = strings.Join(strings.Fields(text), " ")
	if strings.HasPrefix(text, "<") {
		return ""
	}
	return strings.ToValidUTF8(text[:min(len(text), maxSnippet)], "")
}

// retryAfter reads the header's two forms: seconds, or a date.
func retryAfter(s string) time.Duration {
	if d, err := time.ParseDuration(s + "s"); err == nil && d > 0 {
		return d
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

var digits = regexp.MustCompile(`^:?[0-9]+(/|$)`)

// ParseTarget reads the address of a server as people type it: a bare
// host:port is fine, and path is where an address without one leads.
func ParseTarget(target, path string) (*url.URL, error) {
	full := target
	if digits.MatchString(target) {
		return nil, fmt.Errorf("%q is a port without a host; is it localhost:%s?", target, strings.TrimPrefix(target, ":"))
	}
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a server; it looks like http://localhost:3100", Redact(target))
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n > 65535) {
		return nil, fmt.Errorf("%q has a port that there is not; the highest is 65535", Redact(target))
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	u.Fragment = ""
	return u, nil
}
