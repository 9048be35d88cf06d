// Package loadtest drives virtual users against an MCP endpoint and measures
// what they meet.
package loadtest

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Plan is what the virtual users do. A round is its stages one after the other;
// in it each user opens a session, makes calls and ends the session.
type Plan struct {
	URL      string // where the plan file says the server is; "" where it does not
	Protocol string // revision to ask for; "" is the newest that the server speaks
	Seed     uint64 // of everything that is drawn: steps, arguments, think times, arrivals

	Stages []Stage       // at least one
	Rounds int           // at least 1
	Delay  time.Duration // between rounds
	Warmup time.Duration // of calls before the first stage, at its level, that are made and not counted

	// Steps are what is called, each as often as its weight says. None before
	// Resolve means the server's own tools.
	Steps       []Step
	Destructive bool     // take tools that the server calls destructive, or open to the world, into Steps
	LeftOut     []string // tools that are not in Steps, and why; Resolve sets it

	Think        Think // between the calls of a user
	Burst        Burst
	SessionCalls int // calls in a session: 0 is all calls of the user in the round, 1 a session a call
	End          End
	Poisson      bool // arrivals of a stage with a rate are random, not evenly apart

	Trials []Trial // of Steps, where they were tried

	Thresholds  []Threshold
	AbortOnFail bool          // end the run when a threshold is crossed
	Grace       time.Duration // but not before this much was measured
}

// Stage is a time of a plan. Users alone is a closed model: each user makes its
// next call when the last one was answered. With a rate calls start when they
// are due, whatever the answers do, and Users bounds how many are in flight.
type Stage struct {
	Users    int
	Rate     float64       // calls a second that are started; 0 is the closed model
	RampUp   time.Duration // the users (or the rate) grow evenly from the stage before to this in so long
	Duration time.Duration // with RampUp in it; 0 where Calls ends the stage
	Calls    int           // of each user; 0 where Duration ends the stage
}

// Kind is a request that is worth a load.
type Kind string

// The kinds of Step.
const (
	CallTool     Kind = "tools/call"
	ReadResource Kind = "resources/read"
	GetPrompt    Kind = "prompts/get"
)

// Step is one thing to call.
type Step struct {
	Kind   Kind
	Name   string   // of the tool or prompt; the URI of the resource
	Weight int      // at least 1
	Args   Template // a JSON object; the zero value is none given: Resolve makes them from the schema
	Tool   mcp.Tool // what the server says of the tool; Resolve sets it
}

// Label is what the step is called in results and thresholds: the tool's name,
// or the kind and the name.
func (s *Step) Label() string {
	switch s.Kind {
	case ReadResource:
		return "resource:" + bounded(s.Name)
	case GetPrompt:
		return "prompt:" + bounded(s.Name)
	case CallTool:
	}
	return bounded(s.Name)
}

// End is what becomes of a session that is over.
type End string

// The ends.
const (
	EndDelete  End = "delete"
	EndAbandon End = "abandon" // the connection is closed, without DELETE
	EndKeep    End = "keep"    // it is held until the run ends, then deleted
)

// Burst lets a user make Calls calls without thinking, then rest for Rest. The
// zero value is none.
type Burst struct {
	Calls int
	Rest  time.Duration
}

// Call is one call, as the log has it.
type Call struct {
	At      time.Duration // since the run began, of the (intended) start
	User    int
	Step    int           // in Plan.Steps
	Latency time.Duration // from the intended start
	Service time.Duration // from the sending
	Bytes   int64         // of the answer
	Failure string        // the kind of error, "" where it succeeded
}

// Config is a plan, where it is run and who watches.
type Config struct {
	Endpoint mcp.Endpoint
	Plan     Plan
	Timeout  time.Duration // of one exchange; 0 is none
	Options
	// Progress, where it is set, is called now and then while the run lasts.
	Progress func(Progress)
	// Log, where it is set, gets each call that counts. It is called side by side.
	Log func(Call)
}

// Progress is how far a run has come.
type Progress struct {
	Round   int
	Users   int   // that make calls
	Done    int64 // calls
	Planned int64
	Failed  int64
	Elapsed time.Duration
	P50     time.Duration // of the calls that succeeded
	P99     time.Duration
}
