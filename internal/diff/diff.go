package diff

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Options are the limits of the verdict.
type Options struct {
	// ThresholdMB is the growth of memory that is tolerated while sessions do not grow.
	// 0 is the literal rule: any growth.
	ThresholdMB float64
	// Lenient raises the threshold above the growth of healthy runtimes: a quarter, and at
	// least heapMB of a heap and processMB of a process.
	Lenient bool
}

// Growth of healthy servers, for Options.Lenient. A Go heap reaches 4 MB before its first
// collection, and twice the live heap before the next. A Node server's process went
// from 65 to 75 MB in a hundred calls after its warm-up.
const (
	heapMB       = 8.0
	processMB    = 16.0
	healthyShare = 0.25
)

// Result is a comparison. Change is B less A; a figure that one side does not give has
// no change.
type Result struct {
	Verdict         Verdict       `json:"verdict"`
	Reason          string        `json:"reason"` // the verdict in a sentence
	ThresholdMB     float64       `json:"thresholdMB"`
	HeapDeltaMB     *float64      `json:"heapDeltaMB,omitempty"`
	SessionDelta    *float64      `json:"sessionDelta,omitempty"`
	SessionsClosed  *float64      `json:"sessionsClosed,omitempty"` // between A and B
	PerSessionMB    *float64      `json:"retainedPerClosedSessionMB,omitempty"`
	A               Side          `json:"a"`
	B               Side          `json:"b"`
	BetweenMs       *float64      `json:"betweenMs,omitempty"`
	Memory          string        `json:"memory,omitempty"` // the judged memory: "heap", "process memory" (heapSource is "process") or "RSS"
	Process         string        `json:"process"`          // "same", "restarted", "other" where the sides do not belong together, or "unknown"
	Rows            []Row         `json:"figures"`
	NewCalls        []Call        `json:"newToolCalls"`
	GoneCalls       []Call        `json:"goneToolCalls"`
	StuckCalls      []Call        `json:"stuckToolCalls"` // in flight in A and still in B
	Queues          []Row         `json:"queues"`
	Handlers        []HandlerDiff `json:"handlers"`
	Calls           int64         `json:"calls,omitempty"`        // made between A and B, if known
	Kept            string        `json:"kept,omitempty"`         // memory that the runtime's heap keeps per call, and its holder or line
	Command         string        `json:"commandError,omitempty"` // failure of the command in between
	Warnings        []string      `json:"warnings,omitempty"`
	sessionsUnknown bool
}

// Verdict is the conclusion of a comparison.
type Verdict string

// The verdicts.
const (
	VerdictOK        Verdict = "ok"             // memory did not grow beyond the threshold
	VerdictGrowth    Verdict = "growth"         // it grew, and so did the sessions
	VerdictLeak      Verdict = "leak-suspected" // it grew, and the sessions did not
	VerdictUndecided Verdict = "undecided"      // the documents do not tell
)

// Side describes one side of a comparison.
type Side struct {
	Name    string         `json:"name"`
	At      *snapshot.Time `json:"at,omitempty"` // of its last snapshot
	Samples int            `json:"samples"`
}

// Row is one figure of both sides. Noise marks a change between two windows that
// chance explains (Mann–Whitney U, p ≥ 0.05).
type Row struct {
	Name    string   `json:"name"`
	Unit    string   `json:"unit"` // "MB", "ms" or "count"
	A       *float64 `json:"a"`
	B       *float64 `json:"b"`
	Change  *float64 `json:"change"`
	PerCall *float64 `json:"perCall,omitempty"` // change by call made between A and B
	Noise   bool     `json:"noise,omitempty"`
}

// Call is a call in flight.
type Call struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	SessionID string   `json:"sessionId,omitempty"`
	AgeMs     *float64 `json:"ageMs,omitempty"` // in B, of a call that is gone in A
}

// HandlerDiff holds the activity of a handler between A and B.
type HandlerDiff struct {
	Name       string   `json:"name"`
	Calls      *float64 `json:"calls,omitempty"`
	Errors     *float64 `json:"errors,omitempty"`
	RetainedMB *float64 `json:"retainedMB,omitempty"`
}

// Compare compares two windows, neither of which is empty.
func Compare(a, b Window, opt Options) *Result {
	r := &Result{ThresholdMB: opt.ThresholdMB, A: side(a), B: side(b)}
	first, last := a.last, b.last
	if start, end := first.At(), last.At(); !start.IsZero() && !end.IsZero() {
		r.BetweenMs = new(report.InMillis(end.Sub(start)))
	}
	r.compareProcess(a, b)
	r.compareFigures(a, b)
	r.compareCalls(first, last)
	r.compareQueues(first, last)
	r.compareHandlers(first, last)
	r.judge(first, last, opt.Lenient)
	for _, w := range append(first.Warnings, last.Warnings...) {
		r.warn(w)
	}
	return r
}

func side(w Window) Side {
	s := Side{Name: w.Name, Samples: len(w.samples)}
	if at := w.last.At(); !at.IsZero() {
		s.At = &snapshot.Time{Time: at}
	}
	return s
}

func (r *Result) warn(warning string) {
	if !slices.Contains(r.Warnings, warning) {
		r.Warnings = append(r.Warnings, warning)
	}
}

// compareProcess determines whether both sides are of one process.
func (r *Result) compareProcess(a, b Window) {
	r.Process = "unknown"
	if reason, process := a.mismatch(b); reason != "" {
		r.Process = process
		r.undecided(reason)
		return
	}
	if a.InTurn || b.InTurn {
		r.Process = "other"
		r.undecided("several processes answer in turn at the address, as replicas do, so their memory is mixed; poll each at an address of its own")
		return
	}
	reason, _ := snapshot.Restarted(a.last, b.first)
	if reason == "" && b.first.Poll != nil && b.first.Poll.Restarted {
		reason = "the trace says so"
	}
	if reason = cmp.Or(reason, b.Restart, a.Restart); reason != "" {
		r.Process = "restarted"
		r.warn("the server restarted (" + reason + "): growth since the first snapshot is unknown")
		return
	}
	first, last := a.last, b.last
	if first.PID != nil && last.PID != nil || !first.Started().IsZero() && !last.Started().IsZero() {
		r.Process = "same"
	}
}

// compareCalls sorts the calls in flight into new, gone and still there.
func (r *Result) compareCalls(a, b *snapshot.Snapshot) {
	before, after := map[callKey]bool{}, map[callKey]bool{}
	for i := range a.ToolCallStack {
		before[keyOf(&a.ToolCallStack[i])] = true
	}
	r.NewCalls, r.GoneCalls, r.StuckCalls = []Call{}, []Call{}, []Call{}
	for i := range b.ToolCallStack {
		c := &b.ToolCallStack[i]
		if before[keyOf(c)] && c.ID != "" && r.Process != "restarted" && !r.began(b, c) {
			after[keyOf(c)] = true
			r.StuckCalls = append(r.StuckCalls, call(b, c))
		} else {
			r.NewCalls = append(r.NewCalls, call(b, c))
		}
	}
	for i := range a.ToolCallStack {
		if c := &a.ToolCallStack[i]; !after[keyOf(c)] {
			r.GoneCalls = append(r.GoneCalls, call(a, c))
		}
	}
	longest := func(x, y Call) int { return compareDown(x.AgeMs, y.AgeMs) }
	slices.SortStableFunc(r.NewCalls, longest)
	slices.SortStableFunc(r.StuckCalls, longest)
	slices.SortStableFunc(r.GoneCalls, longest)
}

// callKey identifies a call: servers number the calls of each session anew, and clients
// may, too.
type callKey struct{ id, name, session string }

func keyOf(c *snapshot.Call) callKey { return callKey{c.ID, c.Name, c.SessionID} }

// ageSlack is the error of an age beside the time between two snapshots.
const ageSlack = time.Second

// began reports whether a call of b is younger than the time between A and B: it is another
// one with the id of a call in A.
func (r *Result) began(b *snapshot.Snapshot, c *snapshot.Call) bool {
	age, known := b.Age(c)
	return known && r.BetweenMs != nil && report.InMillis(age+ageSlack) < *r.BetweenMs
}

func call(s *snapshot.Snapshot, c *snapshot.Call) Call {
	out := Call{ID: c.ID, Name: c.Name, SessionID: c.SessionID}
	if age, ok := s.Age(c); ok {
		out.AgeMs = new(report.InMillis(age))
	}
	return out
}

func compareDown(a, b *float64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil, *a > *b:
		return -1
	case *a < *b:
		return 1
	}
	return 0
}
