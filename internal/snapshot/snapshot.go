package snapshot

import (
	_ "embed" // for Schema
	"time"
)

// Schema is the JSON Schema of the snapshot document.
//
//go:embed schema.json
var Schema []byte

// Limits of the input.
const (
	MaxStack = 10_000   // entries of toolCallStack, queues and handlers
	MaxName  = 1_000    // bytes of a name or an id
	MaxLine  = 16 << 20 // bytes of one line of a trace
)

// StuckAfter is the age from which a call in flight is stuck.
const StuckAfter = 30 * time.Second

// Snapshot is one snapshot document. A nil pointer is a figure that the server did
// not give, which is not the same as 0. MB is 2^20 bytes.
type Snapshot struct {
	Timestamp            *Time              `json:"timestamp,omitempty"`
	ActiveSessions       *int64             `json:"activeSessions,omitempty"`
	ToolCallStack        []Call             `json:"toolCallStack"`
	HandlerQueue         map[string]int64   `json:"handlerQueue,omitzero"`
	HeapUsedMB           *float64           `json:"heapUsedMB,omitempty"`
	HeapSource           string             `json:"heapSource,omitempty"` // HeapOfProcess, or "" for the runtime's own figure
	RSSMB                *float64           `json:"rssMB,omitempty"`
	PID                  *int64             `json:"pid,omitempty"`
	StartTime            *Time              `json:"startTime,omitempty"`
	UptimeMs             *float64           `json:"uptimeMs,omitempty"`
	SessionsCreatedTotal *int64             `json:"sessionsCreatedTotal,omitempty"`
	SessionsClosedTotal  *int64             `json:"sessionsClosedTotal,omitempty"`
	OldestSessionAgeMs   *float64           `json:"oldestSessionAgeMs,omitempty"`
	OpenStreams          *int64             `json:"openStreams,omitempty"`
	CallsTotal           *int64             `json:"callsTotal,omitempty"`
	ErrorsTotal          *int64             `json:"errorsTotal,omitempty"`
	Handlers             map[string]Handler `json:"handlers,omitzero"`
	Upstream             *Upstream          `json:"upstream,omitempty"`
	Poll                 *Poll              `json:"poll,omitempty"`

	// Raw is the document as the server sent it, on one line and without "poll". Only
	// Decode sets it.
	Raw []byte `json:"-"`
	// Warnings name members with implausible values, and how they were handled.
	Warnings []string `json:"-"`
}

// HeapOfProcess means that HeapUsedMB is the anonymous memory of the process, measured
// from outside. It includes memory that the garbage collector has not returned.
const HeapOfProcess = "process"

// Upstream is the state of the connection between a proxy and its server.
type Upstream struct {
	To        string `json:"to,omitempty"`
	Failing   bool   `json:"failing"`
	Outages   int64  `json:"outages"` // times that the server became unreachable
	Failures  int64  `json:"failures"`
	Since     *Time  `json:"since,omitempty"` // the last change of Failing
	LastError string `json:"lastError,omitempty"`
}

// Call is a tool call in flight. Its age is DurationMs if the server gives it, else the
// time since StartedAt.
type Call struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	DurationMs *float64 `json:"durationMs,omitempty"`
	ParentID   string   `json:"parentId,omitempty"`
	SessionID  string   `json:"sessionId,omitempty"`
	Handler    string   `json:"handler,omitempty"`
	StartedAt  *Time    `json:"startedAt,omitempty"`
}

// Handler holds the totals of one handler since the server started.
type Handler struct {
	Calls      *int64   `json:"calls,omitempty"`
	Errors     *int64   `json:"errors,omitempty"`
	RetainedMB *float64 `json:"retainedMB,omitempty"`
}

// Poll is the poller's part of a snapshot: the time and target of the request, its
// latency and stages (0 for those of a reused connection), the interval, the number
// of ticks missed before it, and whether the server had restarted since the previous
// poll. A failed poll has only this, with Error.
type Poll struct {
	At          Time    `json:"at"`
	Target      string  `json:"target,omitempty"`
	LatencyMs   float64 `json:"latencyMs"`
	DNSMs       float64 `json:"dnsMs,omitempty"`
	ConnectMs   float64 `json:"connectMs,omitempty"`
	TLSMs       float64 `json:"tlsMs,omitempty"`
	FirstByteMs float64 `json:"firstByteMs,omitempty"`
	IntervalMs  float64 `json:"intervalMs,omitempty"`
	Skipped     int64   `json:"skipped,omitempty"`
	Restarted   bool    `json:"restarted,omitempty"`
	Error       string  `json:"error,omitempty"`
}
