package result

import "time"

// Schema names the form of the JSON of a Result. It changes when a reader of
// the old form would misread the new one.
const Schema = "mcpdiag.loadtest/1"

// Result is what a run amounts to. Latencies are of whole calls, up to the end
// of the answer: from the sending of the request where users wait for answers,
// from the moment it was due where calls come at a rate. Those of calls that
// failed stand apart. Warm-up is in none of them.
type Result struct {
	Schema    string    `json:"schema"`
	StartedAt time.Time `json:"startedAt"`
	Verdict   Verdict   `json:"verdict"`
	Reasons   []string  `json:"reasons,omitempty"` // why the verdict is not ok

	URL       string `json:"url"` // or the command, for stdio
	Server    string `json:"server,omitempty"`
	Protocol  string `json:"protocol"`
	Transport string `json:"transport"`           // "http", "sse" (2024-11-05) or "stdio"
	Tool      string `json:"tool"`                // the label of the only step; several are joined by ", "
	Arguments any    `json:"arguments,omitempty"` // of the only step, where they are always the same

	Users        int     `json:"users"`                  // the most at one time
	CallsPerUser int     `json:"callsPerUser,omitempty"` // where the plan says it
	Rounds       int     `json:"rounds"`                 // that were begun
	DurationS    float64 `json:"durationS"`              // without warm-up and the delays between rounds

	Calls          int64   `json:"calls"`
	Succeeded      int64   `json:"succeeded"`
	Failed         int64   `json:"failed"`
	CallsPerSecond float64 `json:"callsPerSecond"`

	Latency       Latency  `json:"latencyMs"`                 // of calls that succeeded
	FailedLatency *Latency `json:"failedLatencyMs,omitempty"` // of those that failed
	Service       *Latency `json:"serviceMs,omitempty"`       // at a rate: from the sending, of those that succeeded
	FirstByte     *Latency `json:"firstByteMs,omitempty"`     // from the sending to the first byte of the answer, or the first event
	Phases        Phases   `json:"phases"`
	UserMeans     *Spread  `json:"userMeanLatencyMs,omitempty"`
	UserCalls     *Spread  `json:"userCalls,omitempty"`
	Bytes         Bytes    `json:"bytes"`

	Steps    []StepFigures `json:"steps"`
	Series   []Second      `json:"series"`
	Errors   []ErrorCount  `json:"errors"` // most frequent first
	Sessions Sessions      `json:"sessions"`
	Open     *OpenModel    `json:"openModel,omitempty"` // where calls come at a rate
	Load     *Generator    `json:"generator,omitempty"`

	Checks     []Check     `json:"thresholds,omitempty"` // as Judge found them
	Comparison *Comparison `json:"comparison,omitempty"` // with an older result

	Interrupted bool     `json:"interrupted,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
}

// Phases are the parts of the way to a call, each once a connection or session.
type Phases struct {
	Connect    *Latency `json:"connectMs,omitempty"`
	TLS        *Latency `json:"tlsMs,omitempty"`
	Initialize *Latency `json:"initializeMs,omitempty"` // initialize and initialized; server/discover where there are no sessions
	End        *Latency `json:"sessionEndMs,omitempty"`
}

// Bytes are what went over the wire in calls, headers included.
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

// Second is one second of a run, by when calls ended.
type Second struct {
	T      int     `json:"t"` // seconds since the start
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	P50    float64 `json:"p50"` // milliseconds, of calls that succeeded; 0 where there is none
	P99    float64 `json:"p99"`
	Users  int     `json:"users"` // at the end of it
}

// ErrorKind is what failed.
type ErrorKind string

// The kinds of error.
const (
	ErrConnect   ErrorKind = "connect" // refused, no route, no such host
	ErrTLS       ErrorKind = "tls"
	ErrTimeout   ErrorKind = "timeout"
	ErrReset     ErrorKind = "reset" // the connection was closed or reset in mid-call
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

// ErrorCount counts calls that failed alike.
type ErrorCount struct {
	Kind    ErrorKind `json:"kind"`
	Code    int64     `json:"code,omitempty"` // the HTTP status or JSON-RPC code
	Count   int64     `json:"count"`
	Example string    `json:"example,omitempty"` // of what the server or the system said; sanitize it before a person sees it
}

// ErrorsOf is how many calls failed with an error of kind.
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
	Failed    int64        `json:"failed"`           // could not be opened; their calls were not made
	Closed    int64        `json:"closed"`           // ended with DELETE, or its like
	Abandoned int64        `json:"abandoned"`        // left without DELETE, as the plan says
	Lost      int64        `json:"lost"`             // that the server forgot
	EndFailed int64        `json:"endFailed"`        // whose DELETE got an error or no answer
	Errors    []ErrorCount `json:"errors,omitempty"` // why sessions could not be opened
}

// Spread is how unevenly the users were served: over users, not over calls.
type Spread struct {
	Least    float64 `json:"least"`
	Median   float64 `json:"median"`
	Greatest float64 `json:"greatest"`
}

// OpenModel is how well the calls came at the rate that was asked for.
type OpenModel struct {
	Intended int64   `json:"intended"` // calls that were due
	Started  int64   `json:"started"`
	Late     int64   `json:"late"`    // started more than LateAfter after they were due
	Dropped  int64   `json:"dropped"` // never started: every user was busy for too long
	MaxLate  float64 `json:"maxLateMs"`
	// OwnLate are the late ones that a user was free for: the generator was slow.
	OwnLate int64 `json:"ownLate"`
}

// LateAfter is how late a start is that counts as late.
const LateAfter = 10 * time.Millisecond

// Generator is how the machine that made the load did.
type Generator struct {
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	CPUs       int     `json:"cpus"`
	LagP50     float64 `json:"lagP50Ms"` // how late a timer of the generator fires
	LagP99     float64 `json:"lagP99Ms"`
	Limit      bool    `json:"limit"` // the generator, not the server, was the limit
}
