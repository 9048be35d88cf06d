package loadtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// failure is why a call failed.
type failure struct {
	kind ErrorKind
	code int64
	text string
	wait time.Duration // how long the server asks to wait
}

// name is the failure on one word: its kind, and its code where it has one.
func (f *failure) name() string {
	if f == nil {
		return ""
	}
	return string(f.kind)
}

// maxExample bounds what is kept of a server's words.
const maxExample = 200

// bounded cuts a server's words to what is kept of them.
func bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxExample)], "")
}

// toolFailure is a result with isError.
func toolFailure(text string) *failure {
	return &failure{kind: ErrTool, text: bounded(text)}
}

// failureOf classifies an error, which is not nil.
func failureOf(err error) *failure {
	f := classify(err)
	text := client.Cause(err).Error()
	f.text = bounded(text)
	return f
}

func classify(err error) *failure {
	var status *mcp.StatusError
	var bad *mcp.MalformedError
	code, rpc := mcp.ErrorCode(err)
	switch {
	case errors.Is(err, mcp.ErrSessionLost):
		return &failure{kind: ErrSession, code: statusCode(err)}
	case mcp.IsVersionRefused(err):
		return &failure{kind: ErrVersion, code: code}
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return &failure{kind: ErrLimited, code: int64(status.Code), wait: status.RetryAfter}
	case errors.As(err, &status):
		return &failure{kind: ErrHTTP, code: int64(status.Code), wait: status.RetryAfter}
	case rpc:
		return &failure{kind: ErrRPC, code: code}
	case errors.As(err, &bad):
		return &failure{kind: ErrMalformed}
	}
	return transportFailure(err)
}

func statusCode(err error) int64 {
	if status, ok := errors.AsType[*mcp.StatusError](err); ok {
		return int64(status.Code)
	}
	return 0
}

// transportFailure classifies an exchange that got no answer.
func transportFailure(err error) *failure {
	var large *client.TooLargeError
	var protocol *client.ProtocolError
	stage := client.Stage("")
	if exchange, ok := errors.AsType[*client.Error](err); ok {
		stage = exchange.Stage
	}
	switch {
	case errors.As(err, &large):
		return &failure{kind: ErrTooLarge}
	case errors.As(err, &protocol):
		return &failure{kind: ErrMalformed}
	case client.IsTimeout(err), errors.Is(err, context.DeadlineExceeded), isNetTimeout(err):
		return &failure{kind: ErrTimeout}
	case isTLS(err), stage == client.StageTLS:
		return &failure{kind: ErrTLS}
	case stage == client.StageDNS, stage == client.StageConnect, errors.Is(err, syscall.ECONNREFUSED):
		return &failure{kind: ErrConnect}
	case isReset(err):
		return &failure{kind: ErrReset}
	}
	return &failure{kind: ErrOther}
}

func isNetTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid)
}

func isReset(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed, io.ErrClosedPipe},
		func(target error) bool { return errors.Is(err, target) })
}

// failures counts failures by kind and code.
type failures struct{ counts []ErrorCount }

// maxFailureKinds bounds how many codes are told apart: a hostile server can send any.
const maxFailureKinds = 100

func (e *failures) add(f *failure) {
	i := slices.IndexFunc(e.counts, func(c ErrorCount) bool { return c.Kind == f.kind && c.Code == f.code })
	if i < 0 && len(e.counts) >= maxFailureKinds {
		f = &failure{kind: ErrOther, text: f.text}
		i = slices.IndexFunc(e.counts, func(c ErrorCount) bool { return c.Kind == ErrOther && c.Code == 0 })
	}
	if i < 0 {
		i = len(e.counts)
		e.counts = append(e.counts, ErrorCount{Kind: f.kind, Code: f.code, Example: f.text})
	}
	e.counts[i].Count++
}

// sorted is the counts, most frequent first.
func (e *failures) sorted() []ErrorCount {
	counts := slices.Clone(e.counts)
	slices.SortStableFunc(counts, func(a, b ErrorCount) int { return int(b.Count - a.Count) })
	return counts
}
