// Package leaktest finds out whether an MCP server leaks memory, how much, and
// per what. It starts the server or takes a running one, loads it in rounds of
// identical operations, watches its processes from outside, and judges what
// they hold when the server is idle again.
package leaktest

import (
	"io"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Config says what to test, and how.
type Config struct {
	Command []string // what to start, or
	PID     int      // the process that runs, or
	Name    string   // what its name, executable or arguments contain
	Match   process.Match

	Stdio    bool     // the command speaks over its standard streams
	URL      *url.URL // where it speaks MCP, else
	Snapshot *url.URL // its snapshot endpoint, tried once; nil is not
	Client   *client.Client
	Protocol string // revision to ask for; "" is the newest that has sessions
	Tool     string
	Args     jsontext.Value

	// Users and Calls make a round of the everyday load: each user opens a
	// session, makes its calls and ends it. Fixed says that a person chose them.
	Users, Calls int
	Fixed        bool
	Factors      []string // what to load it with; none is the everyday load
	Rounds       int      // exactly so many; 0 is as many as the verdict needs
	Settle       time.Duration
	Expiry       time.Duration // after which the server lets go of abandoned sessions; 0 is not known
	MaxTime      time.Duration
	MaxMemory    int64 // of the process tree; the load stops there

	Ready     time.Duration // how long a command may take until it speaks MCP
	Stabilize bool          // calm the runtime's heap
	HeapLimit int64         // with it; 0 is twice the memory after the start
	GCSignal  string
	GCURL     *url.URL

	Folder   string
	Budgets  []Budget
	Baseline *Result
	Repeat   []string // the command line
	Version  string
	// Guard, where it is set, blanks secrets in what is written to files.
	Guard func(io.Writer) io.Writer
	// Progress, where it is set, is told of each change.
	Progress func(Progress)

	started func(pid int) // of the server, for tests
}

// DecidingRounds is how many rounds the statistics take at least, beside the
// reading before them.
const DecidingRounds = 8

// Bounds of a run.
const (
	leastRounds   = 9
	usualRounds   = 12
	sureRounds    = 17 // a long warm-up looks like a leak until then
	mostRounds    = 40
	sampleEvery   = 200 * time.Millisecond
	loadTime      = 2 * time.Second // that a round should load at least, where nobody chose
	lastPart      = 1500 * time.Millisecond
	factorWorkers = 4
)

// Progress is how far a run has come.
type Progress struct {
	Phase   string
	Nth, Of int // phases
	Round   int
	Rounds  int // that are wanted so far
	State   string
	MB      float64
	Elapsed time.Duration
	Latest  string // what is known so far
}
