package loadtest

import (
	"context"
	"time"
)

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

// Verdict is what a run comes to.
type Verdict string

// The verdicts of a Result.
const (
	VerdictOK       Verdict = "ok"
	VerdictFailed   Verdict = "failed"   // no call succeeded
	VerdictCrossed  Verdict = "crossed"  // a threshold was, or the run is worse than the one it is compared with
	VerdictWithheld Verdict = "withheld" // the generator, not the server, was the limit; or nothing could be told
)

// Latency is a distribution in milliseconds, right to 3 digits.
type Latency struct {
	Count     int64   `json:"count"`
	Mean      float64 `json:"mean"`
	Min       float64 `json:"min"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P95       float64 `json:"p95"`
	P99       float64 `json:"p99"`
	P999      float64 `json:"p999"`
	Max       float64 `json:"max"`
	Histogram string  `json:"histogram,omitempty"` // HdrHistogram V2, compressed, base64; of microseconds. Histograms add up.
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

// Level is one load that a search tries: users in a closed loop, or a rate.
type Level struct {
	Users int     `json:"users"`          // with a rate: at most so many calls in flight
	Rate  float64 `json:"rate,omitempty"` // calls a second; 0 is the closed loop
}

// Sampling is when a step of a search has seen enough.
type Sampling struct {
	Settle   time.Duration // at the level, not counted
	Least    time.Duration // at least so long
	Most     time.Duration // at most so long, 0 is no bound
	Calls    int64         // and at least so many calls
	Relative float64       // and the throughput of its halves within this share of each other; 0 is not asked
}

// StepResult is what one level of a search measured.
type StepResult struct {
	Level
	DurationS   float64 `json:"durationS"`
	Calls       int64   `json:"calls"`
	Failed      int64   `json:"failed"`
	ErrorShare  float64 `json:"errorShare"`
	Throughput  float64 `json:"throughput"` // calls that succeeded, a second
	Mean        float64 `json:"meanMs"`     // of calls that succeeded
	P50         float64 `json:"p50Ms"`
	P90         float64 `json:"p90Ms"`
	P95         float64 `json:"p95Ms"`
	P99         float64 `json:"p99Ms"`
	InFlight    float64 `json:"inFlight"`        // calls at one time, on average, as the generator saw them: Little's law compares it
	Limit       bool    `json:"limit,omitempty"` // the generator was the limit
	Interrupted bool    `json:"interrupted,omitempty"`
}

// Stepper runs one level of a search. Runner is the one that makes calls.
type Stepper interface {
	RunStep(ctx context.Context, level Level, enough Sampling) (StepResult, error)
}
