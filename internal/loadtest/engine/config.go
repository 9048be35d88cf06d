package engine

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
	"github.com/mcpdiag/mcpdiag/internal/process/launch"
)

// Call is one call for the log.
type Call struct {
	At      time.Duration // (intended) start since the beginning of the run
	User    int
	Step    int           // in Plan.Steps
	Latency time.Duration // from the intended start
	Service time.Duration // from the request
	Bytes   int64         // of the answer
	Failure string        // kind of error, "" for a successful call
}

// Config is a plan with the server, the options and the observers of a run.
type Config struct {
	Endpoint mcp.Endpoint
	Plan     plan.Plan
	Timeout  time.Duration // per exchange; 0 is none
	Options
	// Progress, if set, is called several times per second during the run.
	Progress func(Progress)
	// Log, if set, is called for each call that counts, concurrently.
	Log func(Call)
}

// Progress is the state of a run in progress.
type Progress struct {
	Round   int
	Users   int   // active
	Done    int64 // calls
	Planned int64
	Failed  int64
	Elapsed time.Duration
	P50     time.Duration // of successful calls
	P99     time.Duration
}

// Options configure how calls are made. They are independent of the plan.
type Options struct {
	Client  *client.Client      // for connections without net/http; nil uses net/http
	Command []string            // start the server with this command and use stdio; nil uses HTTP
	Env     []string            // variables for the command
	Started func(*launch.Child) // called with each process of the command, if set
	Ending  func(*launch.Child) // called before its streams are closed, if set
	Shared  bool                // one process for all users instead of one each
	Check   bool                // validate answers completely
	NetHTTP bool                // use net/http for everything
	// Watch, if set, is called every second with the result so far, without
	// histograms. A reason that it returns ends the run.
	Watch func(*result.Result) (reason string)
}
