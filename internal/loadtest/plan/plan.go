package plan

import (
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

// Plan is the work of the virtual users. A round is its stages one after the other;
// in it each user opens a session, makes calls and ends the session.
type Plan struct {
	URL      string // where the plan file says the server is; "" where it does not
	Protocol string // revision to ask for; "" is the newest that the server speaks
	Seed     uint64 // of everything that is drawn: steps, arguments, think times, arrivals

	Stages []Stage       // at least one
	Rounds int           // at least 1
	Delay  time.Duration // between rounds
	Warmup time.Duration // of calls before the first stage, at its level, that are made and not counted

	// Steps are the calls, each as often as its weight says. None before
	// Resolve means the server's own tools.
	Steps    []Step
	Choice   Choice   // among the server's tools
	LeftOut  []string // tools without a step, each with the reason; set by Resolve
	MadeUp   []string // labels of steps whose arguments are made from a schema; set by Resolve
	MayWrite []string // chosen tools that are not declared read-only; set by Resolve

	Think        Think // between the calls of a user
	Burst        Burst
	SessionCalls int // calls in a session: 0 is all calls of the user in the round, 1 a session a call
	End          End
	NoStream     bool // do not open the standalone GET stream of each session, which clients open
	Connections  int  // over HTTP, shared by all users; 0 is one per user
	// RespectRetryAfter makes a user wait after 429 or 503 as long as the server asks.
	RespectRetryAfter bool
	Poisson           bool // arrivals of a stage with a rate are random, not evenly apart

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
		return "resource:" + Bounded(s.Name)
	case GetPrompt:
		return "prompt:" + Bounded(s.Name)
	case CallTool:
	}
	return Bounded(s.Name)
}

// End is the fate of a session after its last call.
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

// over is how much longer a run took than its stages are, 0 where calls end one.
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

// request is one call of the step.
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

// Length is how long the plan takes, 0 where that depends on the answers.
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

// maxExample bounds what is kept of a server's words.
const MaxExample = 200

// bounded cuts a server's words to what is kept of them.
func Bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), MaxExample)], "")
}
