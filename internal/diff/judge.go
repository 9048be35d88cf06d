package diff

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// judge applies the leak rule: memory is up by more than the threshold while
// the sessions did not grow.
func (r *Result) judge(first, last *snapshot.Snapshot, lenient bool) {
	memory := r.memory(first, last)
	r.SessionDelta = r.change("activeSessions")
	r.HeapDeltaMB = r.change("heapUsedMB")
	switch {
	case r.Verdict == VerdictUndecided: // the sides do not belong together
		return
	case r.Process == "restarted":
		r.undecided("the server restarted in between")
		return
	case memory == nil:
		r.undecided("the snapshots do not both give heapUsedMB or rssMB")
		return
	case r.SessionDelta == nil && !r.sessionsUnknown:
		r.undecided("only one of the snapshots gives activeSessions")
		return
	}
	if lenient {
		r.ThresholdMB = max(r.ThresholdMB, r.leastMB(), healthyShare**memory.A)
	}
	r.perSession(*memory.Change)
	grew := *memory.Change > r.ThresholdMB && !memory.Noise
	sessionsGrew := r.SessionDelta != nil && *r.SessionDelta > 0
	switch {
	case grew && sessionsGrew:
		r.Verdict = VerdictGrowth
	case grew:
		r.Verdict = VerdictLeak
		r.caution(last)
	default:
		r.Verdict = VerdictOK
	}
	r.Reason = r.sentence(memory)
}

// leastMB returns the growth that is tolerated of any server.
func (r *Result) leastMB() float64 {
	if r.Memory == ofHeap {
		return heapMB
	}
	return processMB
}

func (r *Result) undecided(why string) {
	r.Verdict, r.Reason = VerdictUndecided, "cannot be judged: "+why
}

// The kinds of memory that are judged.
const (
	ofHeap    = "heap"
	ofProcess = "process memory"
	ofRSS     = "RSS"
)

// memory returns the figure that is judged: the heap, or RSS if a side gives no heap.
func (r *Result) memory(first, last *snapshot.Snapshot) *Row {
	if row := r.figure("heapUsedMB"); row != nil && row.Change != nil {
		if r.Memory = ofHeap; first.HeapSource == snapshot.HeapOfProcess || last.HeapSource == snapshot.HeapOfProcess {
			r.Memory = ofProcess
			r.warn("heapUsedMB is the memory of the process here, which grows with use and rarely falls even where nothing leaks; mcpdiag leaktest can tell")
		}
		return row
	}
	row := r.figure("rssMB")
	if row == nil || row.Change == nil {
		return nil
	}
	r.Memory = ofRSS
	r.warn("there is no heapUsedMB on both sides: rssMB is judged, which rarely falls even where nothing leaks; mcpdiag leaktest can tell")
	return row
}

// perSession determines how much is kept of each closed session. The memory of a process
// is not divided: it grows with the number of calls of a warm-up, whatever the sessions.
func (r *Result) perSession(grew float64) {
	closed := r.change("sessionsClosedTotal")
	if closed == nil && r.SessionDelta != nil && *r.SessionDelta < 0 {
		closed = new(-*r.SessionDelta)
	}
	if closed == nil || *closed <= 0 {
		return
	}
	r.SessionsClosed = closed
	if grew > 0 && r.Memory == ofHeap {
		r.PerSessionMB = new(grew / *closed)
	}
}

// caution warns of other explanations of the growth.
func (r *Result) caution(last *snapshot.Snapshot) {
	if n := len(last.ToolCallStack); n > 0 {
		r.warn(report.Plural(int64(n), "call") + " in flight in B: memory in use counts as kept; take B when the server is idle")
	}
	if r.sessionsUnknown {
		r.warn("the server counts no sessions: growth alone was judged")
	}
}

func closedSessions(n float64) string {
	if n == 1 {
		return "the session that closed"
	}
	return fmt.Sprintf("each of %.0f sessions that closed", n)
}

// keeper returns the handler that reports to keep most of the growth, nil if none
// keeps half of it.
func (r *Result) keeper(grew float64) *HandlerDiff {
	if len(r.Handlers) == 0 || r.Handlers[0].RetainedMB == nil || *r.Handlers[0].RetainedMB < grew/2 {
		return nil
	}
	return &r.Handlers[0]
}

func (r *Result) sentence(memory *Row) string {
	s := fmt.Sprintf("%s %s", r.Memory, report.Signed(*memory.Change, report.MB))
	if r.SessionDelta != nil {
		s += fmt.Sprintf(", sessions %+.0f", *r.SessionDelta)
	}
	switch r.Verdict {
	case VerdictLeak:
		s = "memory leak suspected: " + s
		if r.PerSessionMB != nil {
			s += fmt.Sprintf(": %s kept for %s", report.MB(*r.PerSessionMB), closedSessions(*r.SessionsClosed))
		}
		if h := r.keeper(*memory.Change); h != nil {
			s += fmt.Sprintf("; handler %s keeps %s", report.Cell(h.Name, nameWidth), report.MB(*h.RetainedMB))
		}
	case VerdictGrowth:
		s = "growth: " + s + ": sessions explain it, or hide a leak; compare again when they have closed"
	default:
		s = "no leak seen: " + s + ", within the threshold of " + report.MB(r.ThresholdMB)
		if memory.Noise {
			s = "no leak seen: " + r.Memory + " moved no more than chance explains"
		}
	}
	return s
}

// leastWindow is the number of values that each window needs for a test.
const leastWindow = 4

// differ reports whether two windows differ by more than chance explains, at 5 %.
// Shorter windows always do.
func differ(a, b []float64) bool {
	if len(a) < leastWindow || len(b) < leastWindow {
		return true
	}
	return trend.RankTest(a, b) < 0.05
}
