package load

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Batch is the outcome of a number of operations.
type Batch struct {
	Done, Failed, Refused int64
	Took                  time.Duration
	Errors                map[string]string // an example by kind

	Sessions  int64            // opened beside the operations that are counted
	Discovers int64            // server/discover beside them
	latencies result.Histogram // of the operations that were answered
}

// Add adds the outcome of other operations. Took is left alone: batches may run
// side by side.
func (b *Batch) Add(o *Batch) {
	b.Done, b.Failed, b.Refused = b.Done+o.Done, b.Failed+o.Failed, b.Refused+o.Refused
	b.Sessions, b.Discovers = b.Sessions+o.Sessions, b.Discovers+o.Discovers
	b.latencies.Merge(o.latencies)
	for kind, example := range o.Errors {
		b.example(kind, example)
	}
}

// record counts one operation that took a time and ended with err.
func (b *Batch) record(took time.Duration, err error, meantToFail bool) {
	b.Done++
	if err == nil || meantToFail && kindOf(err) != noAnswer {
		b.latencies.Add(took)
	}
	if err == nil {
		return
	}
	b.Failed++
	kind := kindOf(err)
	if kind == Refused {
		b.Refused++
	}
	b.example(kind, exampleOf(err))
}

// exampleOf returns the text of an error beside its kind, which it does not repeat.
func exampleOf(err error) string {
	var tool *toolError
	var rpc *mcp.RPCError
	var s *client.StatusError
	switch {
	case errors.As(err, &tool):
		return cmp.Or(tool.text, "a result without text")
	case errors.As(err, &s):
	case errors.As(err, &rpc):
		return fmt.Sprintf("%d: %s", rpc.Code, rpc.Message)
	}
	return client.Cause(err).Error()
}

// maxKinds bounds the kinds of error that have an example.
const maxKinds = 10

func (b *Batch) example(kind, text string) {
	if b.Errors == nil {
		b.Errors = map[string]string{}
	}
	if b.Errors[kind] == "" && len(b.Errors) < maxKinds {
		b.Errors[kind] = text
	}
}

// Rate returns operations per second.
func (b *Batch) Rate() float64 { return float64(b.Done) / max(b.Took.Seconds(), 1e-3) }

// Latency returns the quantiles of all operations, nil if none was answered.
func (b *Batch) Latency() *judge.Latency {
	if b.latencies.Count() == 0 {
		return nil
	}
	l := b.latencies.Latency(false)
	return &judge.Latency{P50: l.P50, P90: l.P90, P99: l.P99, Max: l.Max}
}

// The kinds of failure.
const (
	Refused   = "refused" // 429 or 503
	status    = "HTTP status"
	protocol  = "JSON-RPC error"
	ToolError = "isError"
	noAnswer  = "no answer"
)

// toolError is a result with isError.
type toolError struct{ text string }

func (e *toolError) Error() string { return "the result has isError: " + e.text }

func kindOf(err error) string {
	var s *client.StatusError
	var rpc *mcp.RPCError
	var tool *toolError
	switch {
	case errors.As(err, &tool):
		return ToolError
	case errors.As(err, &s) && (s.Code == http.StatusTooManyRequests || s.Code == http.StatusServiceUnavailable):
		return Refused
	case errors.As(err, &s):
		return status
	case errors.As(err, &rpc):
		return protocol
	}
	return noAnswer
}
