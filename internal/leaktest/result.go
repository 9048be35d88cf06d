package leaktest

import (
	"time"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Schema names the form of the JSON of a Result. It changes when a reader of
// the old form would misread the new one.
const Schema = "mcpdiag.leaktest/1"

// Result is what a run amounts to: verdict.json, and what all other forms are
// made from.
type Result struct {
	Schema    string        `json:"schema"`
	Verdict   trend.Verdict `json:"verdict"`
	Finding   bool          `json:"finding"` // the exit code is 3
	Sentence  string        `json:"sentence"`
	StartedAt time.Time     `json:"startedAt"`
	DurationS float64       `json:"durationS"`

	Target      Target            `json:"target"`
	Memory      Memory            `json:"memory"`
	Phases      []*Phase          `json:"phases"`
	Causes      []Cause           `json:"causes,omitempty"`
	Budgets     []BudgetCheck     `json:"budgets,omitempty"`
	Baseline    []Comparison      `json:"baseline,omitempty"`
	Series      []Reading         `json:"series"`
	Environment map[string]string `json:"environment"`
	Files       Files             `json:"files"`
	Command     []string          `json:"command"` // what repeats this run

	Interrupted bool     `json:"interrupted,omitempty"`
	Ended       string   `json:"ended,omitempty"` // how the server ended during the run
	Warnings    []string `json:"warnings"`
}

// Target is the server that was tested.
type Target struct {
	URL       string   `json:"url,omitempty"`
	Transport string   `json:"transport"`
	Server    string   `json:"server,omitempty"` // as it calls itself
	Protocol  string   `json:"protocol,omitempty"`
	Tool      string   `json:"tool,omitempty"`
	PID       int      `json:"pid"`
	Command   string   `json:"command,omitempty"`
	Started   bool     `json:"startedByUs"`
	Env       []string `json:"env,omitempty"` // what was set for it
}

// Memory is the RSS of the process tree over the run, as the tests that one
// knows report it. Two points say nothing of a leak.
type Memory struct {
	InitialMB     float64 `json:"initialMB"`
	FinalMB       float64 `json:"finalMB"`
	PeakMB        float64 `json:"peakMB"`
	GrowthMB      float64 `json:"growthMB"`
	GrowthPercent float64 `json:"growthPercent"`
}

// Phase is one kind of load, its rounds and what became of the memory in them.
type Phase struct {
	ID    string          `json:"id"`
	Per   string          `json:"per"`  // what is counted: "call"
	Does  string          `json:"does"` // what one of it is
	Trend trend.Judgement `json:"trend"`
	Rate  trend.Rate      `json:"rate"` // bytes kept of one, by what the verdict rests on
	By    string          `json:"by"`   // "rss", "heap" or "count"
	// Heap is the verdict on the heap that the server tells of.
	Heap *trend.Judgement `json:"heap,omitempty"`
	// Counts are what the server holds beside memory, where it grew.
	Counts []Count `json:"counts,omitempty"`
	// Held says that the server may hold it rightly, until it expires.
	Held bool `json:"held,omitempty"`
	// Explained names the phases whose rates add up to this one's.
	Explained []string `json:"explainedBy,omitempty"`
	// Ended is how the server ended in the middle of the phase.
	Ended string `json:"ended,omitempty"`

	Operations int64             `json:"operations"` // that were done, without the warm-up
	Failed     int64             `json:"failed"`
	Refused    int64             `json:"refused"` // with 429 or 503
	Errors     map[string]string `json:"errors,omitempty"`
	Rounds     []Round           `json:"rounds"`

	each     float64 // calls in a session of the everyday load
	expected bool    // that its operations fail
	broken   int64   // operations that failed otherwise than by a tool
	lazy     float64 // MB that collectors may leave lying
	short    bool    // processes of the server could not be read
	beyond   bool    // one process grew by more than its collector may leave
}

// What a verdict rests on.
const (
	ByRSS   = "rss"
	ByHeap  = "heap"  // as the snapshot endpoint tells, and RSS confirms
	ByCount = "count" // of processes, sessions, sockets, files
)

// Round is one round of identical operations and what the server held when it
// was idle after it. Times are in seconds since the run began. The first round
// of a phase is its baseline, without operations.
type Round struct {
	Number     int     `json:"round"`
	Operations int64   `json:"opsTotal"`
	Failed     int64   `json:"failed"` // of this round
	From       float64 `json:"from"`   // of the load
	Loaded     float64 `json:"loaded"` // its end
	Settled    float64 `json:"settled"`

	TreeMB     float64  `json:"rssTreeMB"`
	RootMB     float64  `json:"rssRootMB"`
	Processes  int      `json:"processes"`
	Files      *float64 `json:"files,omitempty"`
	Sockets    *float64 `json:"sockets,omitempty"`
	CloseWait  *float64 `json:"closeWait,omitempty"`
	Threads    *float64 `json:"threads,omitempty"`
	Sessions   *float64 `json:"sessions,omitempty"` // that the server counts
	HeapMB     *float64 `json:"heapMB,omitempty"`   // as it says
	Latency    *Latency `json:"latencyMs,omitempty"`
	Throughput float64  `json:"perSecond,omitempty"`
}

// Latency is a distribution, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Count is something that a server holds and that has no noise.
type Count struct {
	What         string  `json:"what"`
	Before       float64 `json:"before"`
	After        float64 `json:"after"`
	PerOperation float64 `json:"perOperation"`
	Kept         bool    `json:"kept"` // it grew with every round
}

// Reading is the memory of the process tree at one time.
type Reading struct {
	T  float64 `json:"t"`
	MB float64 `json:"mb"`
}

// Files are the names of what a run wrote into its folder.
type Files struct {
	Folder  string   `json:"folder"`
	Memory  string   `json:"memory,omitempty"`
	LoadLog string   `json:"loadLog,omitempty"`
	Server  string   `json:"serverLog,omitempty"`
	Trace   string   `json:"trace,omitempty"`
	Flame   string   `json:"flame,omitempty"`
	Rounds  []string `json:"rounds,omitempty"`
}
