// Package loadtest drives virtual users against an MCP endpoint and measures
// what they meet.
package loadtest

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Config is what the users do: in each round, each user opens a session, makes
// its calls one after the other and ends the session.
type Config struct {
	Endpoint mcp.Endpoint
	Users    int
	Calls    int           // of a user, in a round
	Rounds   int           // at least 1
	Delay    time.Duration // between rounds
	Timeout  time.Duration // of one exchange; 0 is none
	Protocol string        // revision to ask for; "" is the newest that the server speaks
	Tool     string        // "" is the first that the server offers and does not call destructive
	Args     jsontext.Value
	// Progress, where it is set, is called now and then while the run lasts.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	Round   int
	Done    int64 // calls
	Planned int64
	Failed  int64
	Elapsed time.Duration
	P50     time.Duration // of the calls that succeeded
	P99     time.Duration
}

// Result is what a run amounts to. Latencies are of whole calls, from the
// sending of the request to the end of its answer; those of calls that failed stand apart.
type Result struct {
	Verdict        string   `json:"verdict"` // "ok" or "failed"
	URL            string   `json:"url"`
	Server         string   `json:"server,omitempty"`
	Protocol       string   `json:"protocol"`
	Tool           string   `json:"tool"`
	Arguments      any      `json:"arguments,omitempty"`
	Users          int      `json:"users"`
	CallsPerUser   int      `json:"callsPerUser"`
	Rounds         int      `json:"rounds"` // that were begun
	Calls          int64    `json:"calls"`
	Succeeded      int64    `json:"succeeded"`
	Failed         int64    `json:"failed"`
	Errors         Errors   `json:"errors"`
	Sessions       Sessions `json:"sessions"`
	DurationS      float64  `json:"durationS"` // without the delays between rounds
	CallsPerSecond float64  `json:"callsPerSecond"`
	Latency        Latency  `json:"latencyMs"`
	FailedLatency  *Latency `json:"failedLatencyMs,omitempty"`
	UserMeans      *Spread  `json:"userMeanLatencyMs,omitempty"`
	Interrupted    bool     `json:"interrupted,omitempty"`
	Warnings       []string `json:"warnings,omitempty"`
}

// The verdicts of a Result.
const (
	VerdictOK     = "ok"
	VerdictFailed = "failed" // no call succeeded
)

// Errors counts calls that failed, by what failed, with an example of each.
type Errors struct {
	Transport int64             `json:"transport"` // no answer: connection, timeout, reset
	HTTP      int64             `json:"http"`      // an HTTP status
	RPC       int64             `json:"jsonrpc"`   // a JSON-RPC error
	Tool      int64             `json:"tool"`      // a result with isError
	Malformed int64             `json:"malformed"` // an answer that is no MCP
	Examples  map[string]string `json:"examples,omitempty"`
}

// Sessions counts sessions: of users in rounds.
type Sessions struct {
	Opened int64 `json:"opened"`
	Failed int64 `json:"failed"` // could not be opened; the user's calls were not made
	Closed int64 `json:"closed"` // ended with DELETE
}

// Latency is a distribution, in milliseconds, right to 3 digits.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Spread is how unevenly the users were served: the least, the middle and the
// greatest of their mean latencies, in milliseconds.
type Spread struct {
	Least    float64 `json:"least"`
	Median   float64 `json:"median"`
	Greatest float64 `json:"greatest"`
}
