package leaktest

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/load"
	"github.com/mcpdiag/mcpdiag/internal/process"
)

// Config describes a test.
type Config struct {
	Command []string       // to start, or
	Target  process.Target // a running process

	Stdio    bool     // the command speaks over its standard streams
	Guess    bool     // or it does: nobody said, and Run finds out
	URL      *url.URL // of the MCP endpoint otherwise
	Snapshot *url.URL // of the snapshot endpoint, tried once; nil for none
	Client   *client.Client
	Protocol string           // revision to ask for; "" is the newest with sessions
	Tools    []string         // to call, each judged on its own; none is the first of the server
	Args     []jsontext.Value // of the tools: none, one for all, or one each
	Harmless bool             // refuse tools that are declared destructive or open to the world

	// Users and Calls make a round of the everyday load. Fixed means that the user
	// chose them.
	Users, Calls int
	Fixed        bool
	Factors      []string // loads to try; none is the default
	Attribute    bool     // Factors were not named one by one
	Rounds       int      // exactly this many; 0 is as many as the verdict needs
	Settle       time.Duration
	LiveSettle   time.Duration // where the live heap is read, 0 for Settle
	Expiry       time.Duration // lifetime of abandoned sessions, 0 if unknown
	Hold         time.Duration // idle time before a leak is believed, 0 for none
	MaxTime      time.Duration
	MaxMemory    int64 // of the process tree; the load stops there

	Ready     time.Duration // how long a command may take until it speaks MCP
	Stabilize bool          // limit the heap of the runtime
	HeapLimit int64         // with Stabilize; 0 is twice the memory after the start
	GCSignal  string
	GCURL     *url.URL
	Pprof     *url.URL // heap profile of a Go server, tried once; nil for none
	// PprofAsked means that the user named it, so that it is said if it cannot be read.
	PprofAsked bool
	Attach     bool // the inspector of a running Node server may be opened
	NoHeap     bool // judge by RSS alone

	// Held, if set, reads the counts of the databases of the server.
	Held func(ctx context.Context) (map[string]float64, error)

	Folder   string
	Budgets  []judge.Budget
	Baseline *Result
	Repeat   []string // the command line
	Version  string
	// Guard, if set, blanks secrets in the files of the run.
	Guard     func(io.Writer) io.Writer
	NoExplain bool   // do not look for the holder and the line of a leak
	Keep      string // folder for the heaps that are compared for them, "" for none
	Scrub     bool   // replace the contents of strings in them

	CPUProfile bool // profile the CPU of the server under a last load
	// Note, if set, receives a line for each step that affects the server beside the load.
	Note func(text string)
	// Warn, if set, is called with each warning when it arises.
	Warn func(text string)
	// Progress, if set, is called at each change of state.
	Progress func(Progress)

	started func(pid int) // of the server, for tests
}

// DecidingRounds is the least number of rounds that can be judged, beside the baseline.
const DecidingRounds = conduct.DecidingRounds

const (
	sampleEvery = 200 * time.Millisecond
	lastPart    = 1500 * time.Millisecond // of the settle time, in which the minimum counts
	mib         = 1 << 20
)

// Progress is the state of a run.
type Progress struct {
	conduct.Progress
	MB      float64
	Elapsed time.Duration
}

// HoldFor returns how long the server idles before a leak is believed, unless the user
// says so: 90 s, or the rest of a shorter run after a dozen rounds.
func HoldFor(maxTime time.Duration) time.Duration {
	const most, least, rounds = 90 * time.Second, 10 * time.Second, 50 * time.Second
	return min(most, max(least, maxTime-rounds))
}

// FactorIDs returns the names of the loads.
func FactorIDs() []string { return load.IDs() }

// Attribution returns the loads that attribute a leak to an operation.
func Attribution() []string { return load.Attribution() }

// CheckFactors returns an error for a name that is not a load.
func CheckFactors(ids []string) error {
	_, err := load.Find(ids)
	return err
}

// KnowsBudget reports whether a budget per this thing can be checked.
func KnowsBudget(per string) bool {
	return judge.IsShortName(per) || CheckFactors([]string{per}) == nil
}
