package plan

import (
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Plan is the behaviour of the virtual users. A round plays the stages one after the
// other; each user opens a session, makes calls and ends the session.
type Plan struct {
	URL      string // address of the server in the plan file
	Protocol string // revision; "" is the newest that the server supports
	Seed     uint64 // of the random choices: steps, arguments, think times, arrivals

	Stages []Stage       // at least one
	Rounds int           // at least 1
	Delay  time.Duration // between rounds
	Warmup time.Duration // uncounted calls at the level of the first stage

	// Steps are the calls, drawn by weight. Without steps, Resolve adds one for each
	// suitable tool of the server.
	Steps    []Step
	Choice   Choice   // among the server's tools
	LeftOut  []string // tools without a step, each with the reason; set by Resolve
	MadeUp   []string // labels of steps whose arguments are made from a schema; set by Resolve
	MayWrite []string // chosen tools that are not declared read-only; set by Resolve

	Think        Think // between calls of a user
	Burst        Burst
	SessionCalls int // calls per session; 0 is all calls of the user in the round
	End          End
	NoStream     bool // do not open the standalone GET stream of each session, which clients open
	Connections  int  // over HTTP, shared by all users; 0 is one per user
	// RespectRetryAfter makes a user wait after 429 or 503 as long as the server asks.
	RespectRetryAfter bool
	Poisson           bool // random arrivals in the open model instead of even ones

	Trials []Trial // of Steps, if Runner.Try was called

	Thresholds  []Threshold
	AbortOnFail bool          // end the run when a threshold is crossed
	Grace       time.Duration // but not before this time
}

// Stage is a part of a plan. Without a rate it is a closed model: each user makes its
// next call after the answer to the last one. With a rate it is an open model: calls
// start when they are due, and Users bounds the calls in flight.
type Stage struct {
	Users    int
	Rate     float64       // calls per second; 0 is the closed model
	RampUp   time.Duration // linear growth of the users or the rate from the previous stage
	Duration time.Duration // includes RampUp; 0 if Calls ends the stage
	Calls    int           // of each user; 0 if Duration ends the stage
}

// Kind is the method of a call.
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
	Args   Template // a JSON object; Resolve makes the arguments of a zero value from the schema
	Tool   mcp.Tool // set by Resolve
}

// Label returns the name of the step in results and thresholds: that of the tool, or
// the kind and the name.
func (s *Step) Label() string {
	switch s.Kind {
	case ReadResource:
		return "resource:" + Bounded(s.Name)
	case GetPrompt:
		return "prompt:" + Bounded(s.Name)
	case CallTool:
	}
	return Bounded(s.Name)
}

// End is how a session ends.
type End string

// The ends.
const (
	EndDelete  End = "delete"
	EndAbandon End = "abandon" // the connection is closed, without DELETE
	EndKeep    End = "keep"    // kept until the run ends, then deleted
)

// Burst is a number of calls without think time, followed by a rest. The zero value
// is none.
type Burst struct {
	Calls int
	Rest  time.Duration
}

// Overrun returns how much longer a run took than its stages are, 0 where calls end one.
func (p *Plan) Overrun(took time.Duration) time.Duration {
	planned := time.Duration(0)
	for i := range p.Stages {
		if p.Stages[i].Calls > 0 {
			return 0
		}
		planned += p.Stages[i].Duration
	}
	return took - planned*time.Duration(max(p.Rounds, 1))
}

// Request returns one call of the step.
func (s *Step) Request(v *Vars) *mcp.Request {
	switch s.Kind {
	case ReadResource:
		return mcp.ReadResource(s.Name)
	case GetPrompt:
		return mcp.GetPrompt(s.Name, s.Args.JSON(v))
	case CallTool:
	}
	return mcp.CallTool(&s.Tool, s.Args.JSON(v))
}

// Length returns the duration of the plan, 0 if that depends on the answers.
func (p *Plan) Length() time.Duration {
	round := time.Duration(0)
	for _, s := range p.Stages {
		if s.Duration == 0 {
			return 0
		}
		round += s.Duration
	}
	rounds := time.Duration(max(p.Rounds, 1))
	return p.Warmup + rounds*round + (rounds-1)*p.Delay
}

// MaxExample bounds the length of kept texts from a server.
const MaxExample = 200

// Bounded cuts a text from a server to MaxExample bytes.
func Bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), MaxExample)], "")
}
