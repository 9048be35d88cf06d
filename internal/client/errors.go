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
	"strconv"
	"strings"
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

// Error is an exchange that failed: its stage, its cause, and the way out.
type Error struct {
	Stage   Stage
	Err     error
	timeout time.Duration
	proxy   string // the proxy of the exchange, without secrets
}

// fail returns the error of an exchange. An answer that breaks HTTP is a
// *ProtocolError in its chain, whichever engine read it.
func (p *policy) fail(req *http.Request, stage Stage, err error) error {
	if broken := protocolCause(err); broken != nil {
		err = broken
	}
	e := &Error{Stage: stage, Err: err, timeout: p.cfg.Timeout}
	if proxy, _ := http.ProxyFromEnvironment(req); proxy != nil && p.cfg.Allow == nil {
		e.proxy = RedactProxy(proxy)
	}
	return e
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var dns *net.DNSError
	var refused *RefusedAddressError
	var protocol *ProtocolError
	switch {
	case errors.As(e.Err, &protocol):
		return protocol.Error()
	case errors.As(e.Err, &refused):
		return refused.Error()
	case IsTimeout(e.Err):
		return e.timedOut()
	case errors.Is(e.Err, context.Canceled):
		return "interrupted while " + string(e.Stage)
	case e.byProxy():
		return fmt.Sprintf("the proxy %s of HTTP_PROXY cannot be used (%s); unset it, or name the host in NO_PROXY", e.proxy, rootCause(e.Err))
	case IsRefused(e.Err):
		return `connection refused; is the server running? "mcpdiag demo --serve" starts one to try`
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("there is no host %q; check the name", dns.Name)
	case IsReset(e.Err):
		return "the server reset the connection while " + string(e.Stage) + "; its log may say why"
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, io.ErrUnexpectedEOF), errors.Is(e.Err, net.ErrClosed), e.Err.Error() == "http: server closed idle connection":
		return "the server closed the connection while " + string(e.Stage) + "; its log may say why"
	}
	if hint := TLSHint(e.Err); hint != "" {
		return hint
	}
	return e.Err.Error() + " (" + string(e.Stage) + ")"
}

// byProxy reports whether the proxy could not be connected to.
func (e *Error) byProxy() bool {
	var op *net.OpError
	return e.proxy != "" && errors.As(e.Err, &op) && op.Op == "proxyconnect"
}

// rootCause returns the innermost error.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func (e *Error) timedOut() string {
	within := "in time"
	if e.timeout > 0 {
		within = "within " + e.timeout.String()
	}
	hint := "the server may hang; --timeout allows more"
	if e.Stage == StageConnect {
		hint = "check the address and firewalls"
	}
	return fmt.Sprintf("no answer %s (%s); %s", within, e.Stage, hint)
}

// TLSHint says in words why a TLS handshake failed, and the way out; it is "" for other errors.
func TLSHint(err error) string {
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
		return "the server supports no TLS 1.2 or newer, which mcpdiag requires"
	case has("tls: certificate required"), has("tls: bad certificate"):
		return "the server requires a client certificate (--cert, --key)"
	}
	return ""
}

// IsTimeout reports whether an exchange failed because its time was up.
func IsTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// NotConnected reports whether an exchange failed before its connection was made,
// as the next one will.
func NotConnected(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.Stage == StageDNS || failed.Stage == StageConnect || failed.Stage == StageTLS)
}

// ProtocolError is an answer that breaks HTTP.
type ProtocolError struct{ What string }

func (e *ProtocolError) Error() string { return e.What }

func protocolError(format string, args ...any) *ProtocolError {
	return &ProtocolError{What: "the answer is not HTTP/1.1: " + fmt.Sprintf(format, args...)}
}

// protocolCause returns the *ProtocolError that err of net/http stands for, or nil.
// Most such errors of net/http have no type.
func protocolCause(err error) *ProtocolError {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
	_, quoted, found := strings.Cut(text, "malformed HTTP response ")
	switch {
	case found:
		return notHTTP(quoted)
	case strings.HasPrefix(text, "net/http: server response headers exceeded"):
		return protocolError("its header is larger than %d KiB", MaxHeader>>10)
	case strings.HasPrefix(text, "malformed "), strings.HasPrefix(text, "invalid "), strings.HasPrefix(text, "bad Content-Length"),
		strings.HasPrefix(text, "chunked encoding contains"), strings.HasPrefix(text, "http: suspiciously long trailer"),
		strings.HasPrefix(text, "http: message cannot contain multiple Content-Length"), strings.HasPrefix(text, "unsupported transfer encoding"),
		strings.HasPrefix(text, "header line too long"), strings.HasPrefix(text, "too many transfer encodings"),
		strings.HasPrefix(text, "gzip: "), strings.HasPrefix(text, "zlib: "), strings.HasPrefix(text, "flate: "), strings.HasPrefix(text, "brotli: "):
		return protocolError("%.120s", text)
	}
	return nil
}

// NotHTTP returns the error for an answer that begins with another protocol's line.
func NotHTTP(line []byte) *ProtocolError { return notHTTP(strconv.Quote(string(line))) }

func notHTTP(quoted string) *ProtocolError {
	switch {
	case strings.HasPrefix(quoted, `"\x15\x03`):
		return protocolError("the server speaks TLS; try https:// instead of http://")
	case strings.HasPrefix(quoted, `"\x00\x00`):
		return protocolError("the server speaks only HTTP/2 here, which clients use over TLS alone")
	}
	return protocolError("it begins with %.60s", quoted)
}
