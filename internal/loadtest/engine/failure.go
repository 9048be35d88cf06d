package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// failure describes how a call failed.
type failure struct {
	kind result.ErrorKind
	code int64
	text string
	wait time.Duration // requested by the server
}

// name returns the kind, "" without a failure.
func (f *failure) name() string {
	if f == nil {
		return ""
	}
	return string(f.kind)
}

// toolFailure returns the failure of a result with isError.
func toolFailure(text string) *failure {
	return &failure{kind: result.ErrTool, text: plan.Bounded(text)}
}

// failureOf classifies an error.
func failureOf(err error) *failure {
	f := classify(err)
	text := client.Cause(err).Error()
	f.text = plan.Bounded(text)
	return f
}

func classify(err error) *failure {
	var status *client.StatusError
	var bad *mcp.MalformedError
	code, rpc := mcp.ErrorCode(err)
	switch {
	case errors.Is(err, mcp.ErrSessionLost):
		return &failure{kind: result.ErrSession, code: statusCode(err)}
	case mcp.IsVersionRefused(err):
		return &failure{kind: result.ErrVersion, code: code}
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return &failure{kind: result.ErrLimited, code: int64(status.Code), wait: status.RetryAfter}
	case errors.As(err, &status):
		return &failure{kind: result.ErrHTTP, code: int64(status.Code), wait: status.RetryAfter}
	case rpc:
		return &failure{kind: result.ErrRPC, code: code}
	case errors.As(err, &bad):
		return &failure{kind: result.ErrMalformed}
	}
	return transportFailure(err)
}

func statusCode(err error) int64 {
	if status, ok := errors.AsType[*client.StatusError](err); ok {
		return int64(status.Code)
	}
	return 0
}

// transportFailure classifies the error of an exchange without an answer.
func transportFailure(err error) *failure {
	var large *client.TooLargeError
	var protocol *client.ProtocolError
	stage := client.Stage("")
	if exchange, ok := errors.AsType[*client.Error](err); ok {
		stage = exchange.Stage
	}
	switch {
	case errors.As(err, &large):
		return &failure{kind: result.ErrTooLarge}
	case errors.As(err, &protocol):
		return &failure{kind: result.ErrMalformed}
	case client.IsTimeout(err), errors.Is(err, context.DeadlineExceeded), isNetTimeout(err):
		return &failure{kind: result.ErrTimeout}
	case isTLS(err), stage == client.StageTLS:
		return &failure{kind: result.ErrTLS}
	case stage == client.StageDNS, stage == client.StageConnect, client.IsRefused(err):
		return &failure{kind: result.ErrConnect}
	case isReset(err):
		return &failure{kind: result.ErrReset}
	}
	return &failure{kind: result.ErrOther}
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
	return client.IsReset(err) || slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe},
		func(target error) bool { return errors.Is(err, target) })
}

// failures counts failures by kind and code.
type failures struct{ counts []result.ErrorCount }

// maxFailureKinds bounds the kinds and codes that are counted separately: servers
// choose the codes.
const maxFailureKinds = 100

func (e *failures) add(f *failure) {
	i := slices.IndexFunc(e.counts, func(c result.ErrorCount) bool { return c.Kind == f.kind && c.Code == f.code })
	if i < 0 && len(e.counts) >= maxFailureKinds {
		f = &failure{kind: result.ErrOther, text: f.text}
		i = slices.IndexFunc(e.counts, func(c result.ErrorCount) bool { return c.Kind == result.ErrOther && c.Code == 0 })
	}
	if i < 0 {
		i = len(e.counts)
		e.counts = append(e.counts, result.ErrorCount{Kind: f.kind, Code: f.code, Example: f.text})
	}
	e.counts[i].Count++
}

// sorted returns the counts, most frequent first.
func (e *failures) sorted() []result.ErrorCount {
	counts := slices.Clone(e.counts)
	slices.SortStableFunc(counts, func(a, b result.ErrorCount) int { return int(b.Count - a.Count) })
	return counts
}
