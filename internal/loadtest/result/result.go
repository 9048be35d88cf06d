package result

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/stacks"
)

// Schema names the form of the JSON of a Result. It changes when a reader of
// the old form would misread the new one.
const Schema = "mcpdiag.loadtest/1"

// Result is the result of a run. Latency is the time of a whole call, to the end
// of the answer: from the request in a closed loop, from the moment when the call
// was due in an open model. Failed calls are counted separately. Warm-up is
// excluded.
type Result struct {
	Schema    string    `json:"schema"`
	StartedAt time.Time `json:"startedAt"`
	Verdict   Verdict   `json:"verdict"`
	Reasons   []string  `json:"reasons,omitempty"` // why the verdict is not ok

	URL       string `json:"url"` // or the command, for stdio
	Server    string `json:"server,omitempty"`
	Protocol  string `json:"protocol"`
	Transport string `json:"transport"`           // "http", "sse" (2024-11-05) or "stdio"
	Tool      string `json:"tool"`                // labels of the steps, joined by ", "
	Arguments any    `json:"arguments,omitempty"` // of a single step with constant arguments

	Users        int     `json:"users"`                  // most at the same time
	CallsPerUser int     `json:"callsPerUser,omitempty"` // if the plan states it
	Rounds       int     `json:"rounds"`                 // started
	DurationS    float64 `json:"durationS"`              // without warm-up and the delays between rounds

	Calls          int64   `json:"calls"`
	Succeeded      int64   `json:"succeeded"`
	Failed         int64   `json:"failed"`
	CallsPerSecond float64 `json:"callsPerSecond"`

	Latency       Latency  `json:"latencyMs"`                 // of successful calls
	FailedLatency *Latency `json:"failedLatencyMs,omitempty"` // of failed calls
	Waiting       *Latency `json:"waitingMs,omitempty"`       // calls that an interruption ended, by their age; not among Calls
	Service       *Latency `json:"serviceMs,omitempty"`       // open model: from the request, of successful calls
	FirstByte     *Latency `json:"firstByteMs,omitempty"`     // from the request to the first byte or event of the answer
	Phases        Phases   `json:"phases"`
	UserMeans     *Spread  `json:"userMeanLatencyMs,omitempty"`
	UserCalls     *Spread  `json:"userCalls,omitempty"`
	Bytes         Bytes    `json:"bytes"`

	Steps    []StepFigures `json:"steps"`
	Series   []Second      `json:"series"`
	Errors   []ErrorCount  `json:"errors"` // most frequent first
	Sessions Sessions      `json:"sessions"`
	Open     *OpenModel    `json:"openModel,omitempty"` // if calls start at a rate
	Load     *Generator    `json:"generator,omitempty"`

	Checks     []Check     `json:"thresholds,omitempty"` // set by Judge
	Comparison *Comparison `json:"comparison,omitempty"` // set by Compare

	Held []Held `json:"held,omitempty"` // on the databases that were named

	CPU *stacks.Hot `json:"cpu,omitempty"` // of the server, on request

	Interrupted bool     `json:"interrupted,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
}

// Held is something that is held on a database before and right after the load, such as
// connections. A pool may keep some; the leak test decides whether each call adds one.
type Held struct {
	What    string  `json:"what"`
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	PerCall float64 `json:"perCall"`
}

// Phases are the times around calls, one per connection or session.
type Phases struct {
	Connect    *Latency `json:"connectMs,omitempty"`
	TLS        *Latency `json:"tlsMs,omitempty"`
	Initialize *Latency `json:"initializeMs,omitempty"` // initialize and initialized, or server/discover without sessions
	End        *Latency `json:"sessionEndMs,omitempty"`
}

// Bytes counts the bytes of calls on the wire, headers included.
type Bytes struct {
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

// StepFigures are the figures of one step of the plan.
type StepFigures struct {
	Label         string       `json:"label"` // Step.Label
	Kind          string       `json:"kind"`  // the method: tools/call, resources/read, prompts/get
	Calls         int64        `json:"calls"`
	Succeeded     int64        `json:"succeeded"`
	Failed        int64        `json:"failed"`
	Latency       Latency      `json:"latencyMs"`
	FailedLatency *Latency     `json:"failedLatencyMs,omitempty"`
	Service       *Latency     `json:"serviceMs,omitempty"`
	FirstByte     *Latency     `json:"firstByteMs,omitempty"`
	Bytes         Bytes        `json:"bytes"`
	Errors        []ErrorCount `json:"errors,omitempty"`
}

// Second is one second of a run. Calls belong to the second in which they ended.
type Second struct {
	T      int     `json:"t"` // seconds since the start
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	P50    float64 `json:"p50"` // milliseconds, of successful calls; 0 without any
	P99    float64 `json:"p99"`
	Users  int     `json:"users"` // at its end
}

// ErrorKind says how a call failed.
type ErrorKind string

// The kinds of error.
const (
	ErrConnect   ErrorKind = "connect" // refused, no route, no such host
	ErrTLS       ErrorKind = "tls"
	ErrTimeout   ErrorKind = "timeout"
	ErrReset     ErrorKind = "reset" // the connection was closed or reset during the call
	ErrHTTP      ErrorKind = "http"  // an HTTP status, in Code
	ErrRPC       ErrorKind = "jsonrpc"
	ErrTool      ErrorKind = "isError"
	ErrMalformed ErrorKind = "malformed"
	ErrSession   ErrorKind = "sessionLost"
	ErrLimited   ErrorKind = "rateLimited"
	ErrVersion   ErrorKind = "versionRefused"
	ErrTooLarge  ErrorKind = "tooLarge" // beyond --max-body
	ErrOther     ErrorKind = "other"
)

// ErrorCount counts calls with the same kind of failure.
type ErrorCount struct {
	Kind    ErrorKind `json:"kind"`
	Code    int64     `json:"code,omitempty"` // the HTTP status or JSON-RPC code
	Count   int64     `json:"count"`
	Example string    `json:"example,omitempty"` // message from outside: sanitize it before printing
}

// ErrorsOf returns how many calls failed with an error of kind.
func (r *Result) ErrorsOf(kind ErrorKind) int64 {
	n := int64(0)
	for _, e := range r.Errors {
		if e.Kind == kind {
			n += e.Count
		}
	}
	return n
}

// Sessions counts sessions.
type Sessions struct {
	Opened    int64        `json:"opened"`
	Failed    int64        `json:"failed"`            // not opened; their calls were not made
	Closed    int64        `json:"closed"`            // ended with DELETE or an equivalent
	Abandoned int64        `json:"abandoned"`         // left without DELETE, as planned
	Lost      int64        `json:"lost"`              // forgotten by the server
	Streams   int64        `json:"streams,omitempty"` // standalone GET streams that the server did not refuse
	EndFailed int64        `json:"endFailed"`         // DELETE got an error or no answer
	Errors    []ErrorCount `json:"errors,omitempty"`  // why sessions could not be opened
}

// Spread summarizes a value over users, or over parts of a measurement.
type Spread struct {
	Least    float64 `json:"least"`
	Median   float64 `json:"median"`
	Greatest float64 `json:"greatest"`
}

// OpenModel says how well calls kept the requested rate.
type OpenModel struct {
	Intended int64   `json:"intended"` // calls due
	Started  int64   `json:"started"`
	Late     int64   `json:"late"`    // started more than LateAfter too late
	Dropped  int64   `json:"dropped"` // never started because every user was busy
	MaxLate  float64 `json:"maxLateMs"`
	// OwnLate counts the late calls for which a user was free: the generator was slow.
	OwnLate int64 `json:"ownLate"`
}

// LateAfter is the delay from which a start counts as late.
const LateAfter = 10 * time.Millisecond

// Generator describes the machine that generated the load.
type Generator struct {
	CPUs   int     `json:"cpus"`
	LagP50 float64 `json:"lagP50Ms"` // delay of a timer
	LagP99 float64 `json:"lagP99Ms"`
	Limit  bool    `json:"limit"` // the generator, not the server, was the limit
}
