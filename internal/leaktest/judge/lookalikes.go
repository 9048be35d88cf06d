package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// released reports whether the growth was not retained during the hold time.
func (f *facts) released() bool { return f.Hold != nil && !f.Hold.Kept() }

func (f *facts) releasedConclusion() conclusion {
	h := f.Hold
	verdict, then := trend.NoLeak, fmt.Sprintf("another load, by which a leak grows %.1f MB, changed it by %.1f MB", h.LeakMB, h.AgainMB-h.AfterMB)
	switch {
	case h.Counted:
		then = "the counts fell"
	case h.LeakMB == 0:
		then = "there was no time to load it again; --max-time allows more"
	case h.Hidden():
		then += fmt.Sprintf(", but as much as %.1f MB may have been free", h.SlackMB)
	case h.Fell() && !h.Released():
		then += ", which may be released later, as the first was; --hold waits for longer"
	case !h.Released():
		then += ", so a part may be retained"
	}
	if !h.Released() || len(f.disturbances) > 0 {
		verdict = trend.Undecided
	}
	text := fmt.Sprintf("it grew to %.1f MB, then idled for %.0f s at %.1f MB; %s", h.BeforeMB, h.Seconds, h.AfterMB, then)
	return conclusion{verdict, f.basis(), f.memory.Rate, []trend.Reason{{Code: Released, Text: text}}}
}

// confirmed adds to the reasons for a leak whether memory that is only held for a
// while was ruled out.
func (f *facts) confirmed(reasons []trend.Reason) []trend.Reason {
	if f.Hold == nil {
		return append(slices.Clip(reasons), trend.Reason{Code: KeptIdle,
			Text: "memory that is released after a while is not ruled out: the server did not idle for the hold time"})
	}
	return append(slices.Clip(reasons), trend.Reason{Code: KeptIdle, Leak: true, Text: fmt.Sprintf(
		"it was still retained after %.0f s of idleness, so it is not memory held for a shorter time", f.Hold.Seconds)})
}

// steady says which caches the operations rule out.
func (f *facts) steady() trend.Reason {
	return trend.Reason{Code: Unfilled, Leak: true, Text: fmt.Sprintf(
		"it grew to the end of %s operations, so it is not a cache that fewer fill; a larger one is not ruled out", report.Count(f.Operations))}
}

// unexpired reports whether growth may be sessions that have not expired yet.
func (f *facts) unexpired() bool {
	return f.mayHold() && f.memory.Span > 0 && (!f.cleared() || f.heapHidden())
}

func (f *facts) unexpiredConclusion() conclusion {
	by, rate := f.basis(), f.memory.Rate
	if f.heapLeaks() {
		by, rate = ByHeap, f.heap.Rate
	}
	return conclusion{trend.Undecided, by, rate, append([]trend.Reason{{Code: Unexpired, Leak: true,
		Text: "the server may keep a session while it can still be used; --expiry gives its lifetime, and each reading waits for it"}}, f.memory.Reasons...)}
}

// uncollected reports whether memory grew by no more than lazy collectors may leave uncollected.
func (f *facts) uncollected() bool {
	return f.outside == nil && (f.rssLeaks() || f.heapLeaks()) && !f.OverCollector && f.grown() <= f.CollectorMB
}

func (f *facts) uncollectedConclusion() conclusion {
	return f.undecided(LazyHeap, fmt.Sprintf("it grows like a leak by %s, but the collector may leave %s of garbage until it runs; "+
		"--stabilize (a Node server that mcpdiag starts), --gc-url and --gc-signal make it run earlier",
		Bytes(f.grown()*mib), Bytes(f.CollectorMB*mib)))
}

// doubted reports whether memory grew like a leak in a run that could not rule out its look-alikes.
func (f *facts) doubted() bool {
	return f.Doubt != "" && (f.rssLeaks() || f.heapLeaks() || f.outsideLeaks())
}

func (f *facts) doubtedConclusion() conclusion { return f.undecided(Doubted, f.Doubt) }

// undecided is the conclusion about growth that looks like a leak and may be none.
func (f *facts) undecided(code, text string) conclusion {
	c := f.rssOrHeap()
	c.verdict = trend.Undecided
	c.reasons = append([]trend.Reason{{Code: code, Text: text}}, c.reasons...)
	return c
}

func (f *facts) rssOrHeap() conclusion {
	if f.heapLeaks() {
		return f.heapLeak()
	}
	return f.rssLeak()
}

// straightShare is R² of memory over operations on a straight line.
const straightShare = 0.95

// ranOut reports whether the server died because memory ran out, while memory
// grew on a straight line by more than its collectors may leave.
func (f *facts) ranOut() bool {
	if !f.OutOfMemory || f.mayHold() || len(f.Rounds) < 4 || f.outside == nil && f.grown() <= f.CollectorMB { // a live heap is without garbage
		return false
	}
	points := make([]trend.Point, 0, len(f.Rounds))
	for i, r := range f.Rounds {
		if i > 1 && r.TreeMB <= f.Rounds[i-1].TreeMB {
			return false
		}
		points = append(points, trend.Point{X: float64(r.Operations), Y: r.TreeMB})
	}
	return trend.Linearity(points[1:]) >= straightShare
}

func (f *facts) outOfMemoryLeak() conclusion {
	_, _, _, growth, rate := f.roughTrend()
	if f.memory.Span > 0 {
		rate = f.memory.Rate
	}
	return conclusion{trend.Leak, ByRSS, rate, []trend.Reason{{Code: OutOfMemory, Leak: true,
		Text: fmt.Sprintf("memory grew by %s on a straight line with every round until it ran out", Bytes(growth*mib))}}}
}

// heapShare is how much of the heap's growth RSS must show.
const heapShare = 0.3

// heapLeaks reports whether the heap that the server reports leaks and RSS confirms
// it: its rate is a good part of the heap's, and its interval does not exclude it.
func (f *facts) heapLeaks() bool {
	return f.heap != nil && f.heap.Verdict == trend.Leak && f.memory.Rate.Bytes >= heapShare*f.heap.Rate.Bytes &&
		(!f.cleared() || f.heap.Rate.Bytes <= f.memory.Rate.High)
}

func (f *facts) heapLeak() conclusion {
	r := f.heap.Rate
	reasons := []trend.Reason{{Code: HeapGrows, Leak: true, Text: fmt.Sprintf(
		"the heap that the server reports grows by %s per %s (95 %%: %s to %s), and RSS with it", Bytes(r.Bytes), f.per, Bytes(r.Low), Bytes(r.High))}}
	for _, reason := range f.memory.Reasons {
		if reason.Leak {
			reasons = append(reasons, reason)
		}
	}
	return conclusion{trend.Leak, ByHeap, r, append(f.confirmed(reasons), f.steady())}
}

// heapGrows reports whether the heap grew by more than is passed over.
func (f *facts) heapGrows() bool {
	return f.heap != nil && f.heap.Verdict != trend.NoLeak && f.heap.Rate.Low > 0 && f.heap.Growth > f.heap.Limit
}

// heapHidden reports whether the heap leaks while RSS is flat: it grows into
// memory that the process already has.
func (f *facts) heapHidden() bool {
	return f.cleared() && f.heapGrows() && f.heap.Verdict == trend.Leak
}

func (f *facts) hiddenHeap() conclusion {
	return conclusion{trend.Undecided, ByRSS, f.memory.Rate, []trend.Reason{f.heapReason()}}
}

func (f *facts) heapReason() trend.Reason {
	r := f.heap.Rate
	return trend.Reason{Code: HeapGrows, Text: fmt.Sprintf(
		"the heap that the server reports grew by %s per %s (95 %%: %s to %s), into memory that the process already had",
		Bytes(r.Bytes), f.per, Bytes(r.Low), Bytes(r.High))}
}

// failedShare is the share of operations that may fail before flat memory shows nothing.
const failedShare = 0.1

// disturbedBy lists why flat memory may not show the absence of a leak.
func (f *facts) disturbedBy() []trend.Reason {
	var why []string
	if f.Refused > 0 {
		why = append(why, fmt.Sprintf("%s operations were refused (429 or 503), so the result is not conclusive; load it less, with fewer --users",
			report.Count(f.Refused)))
	}
	if f.Operations > 0 && !f.MeantToFail && float64(f.Failed) > failedShare*float64(f.Operations) {
		why = append(why, fmt.Sprintf("%s of %s operations failed; failed operations cannot show a leak, so the result is not conclusive",
			report.Count(f.Failed), report.Count(f.Operations)))
	}
	if f.MeantToFail && f.unequal() {
		why = append(why, "the share of failing requests changed during the run, so the rounds are not identical")
	}
	for _, text := range []string{f.Unread, f.Ended} {
		if text != "" {
			why = append(why, strings.TrimSpace(text))
		}
	}
	reasons := make([]trend.Reason, len(why))
	for i, text := range why {
		reasons[i] = trend.Reason{Code: trend.Interrupted, Text: text}
	}
	return reasons
}
