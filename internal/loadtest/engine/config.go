package engine

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/mcp"
)

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
	Plan     plan.Plan
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

// Options say how calls are carried out. They are no part of a plan: the same
// plan runs with any of them. Config embeds them.
type Options struct {
	Client  *client.Client // for connections without net/http; nil is none
	Command []string       // the server is this program, spoken to over stdio; nil is over HTTP
	Shared  bool           // one process with the calls of all users in flight; else each user has its own
	Check   bool           // read answers whole, instead of as far as the verdict on the call needs
	NetHTTP bool           // net/http for everything, instead of where HTTP/2 or a proxy needs it
	// Watch, where it is set, sees the result so far every second, histograms
	// left out. When it gives a reason the run ends as if interrupted, with that reason.
	Watch func(*result.Result) (abort string)
}
