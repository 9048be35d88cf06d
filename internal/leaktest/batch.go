package leaktest

import (
	"errors"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// batch is what became of some operations.
type batch struct {
	done, failed, refused int64
	failedTools           int64 // of failed: the tool said so
	took                  time.Duration
	latencies             latencies // of those that were answered
	errors                map[string]string
}

func (b *batch) note(err error) {
	if err == nil {
		return
	}
	b.failed++
	kind := kindOf(err)
	switch kind {
	case limited:
		b.refused++
	case toolError:
		b.failedTools++
	}
	if b.errors == nil {
		b.errors = map[string]string{}
	}
	if len(b.errors) < 10 && b.errors[kind] == "" {
		b.errors[kind] = client.Cause(err).Error()
	}
}

func (b *batch) add(o batch) {
	b.done, b.failed, b.refused = b.done+o.done, b.failed+o.failed, b.refused+o.refused
	b.failedTools += o.failedTools
	b.latencies.merge(o.latencies)
	for kind, example := range o.errors {
		if b.errors == nil {
			b.errors = map[string]string{}
		}
		b.errors[kind] = example
	}
}

// Kinds of failure.
const (
	limited   = "refused" // 429 or 503
	status    = "HTTP status"
	protocol  = "JSON-RPC error"
	toolError = "isError"
	other     = "no answer"
)

// errTool is a result with isError.
var errTool = errors.New("the result has isError")

func kindOf(err error) string {
	var s *client.StatusError
	var rpc *mcp.RPCError
	switch {
	case errors.Is(err, errTool):
		return toolError
	case errors.As(err, &s) && (s.Code == http.StatusTooManyRequests || s.Code == http.StatusServiceUnavailable):
		return limited
	case errors.As(err, &s):
		return status
	case errors.As(err, &rpc):
		return protocol
	}
	return other
}

// answered reports whether err is something that the server said.
func answered(err error) bool { return kindOf(err) != other }

// silent is b without its operations: they accompany those that count.
func (b batch) silent() batch { return batch{refused: b.refused} }

// rate is operations a second.
func (b *batch) rate() float64 { return float64(b.done) / max(b.took.Seconds(), 1e-3) }
