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
