package judge

import (
	"fmt"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Judgement is the verdict on a phase with the figures behind it.
type Judgement struct {
	Trend trend.Judgement `json:"trend"`
	Rate  trend.Rate      `json:"rate"` // bytes kept per operation, by the measure that decided
	By    Basis           `json:"by"`
	// Heap is the trend of the heap that the server reports.
	Heap *trend.Judgement `json:"heap,omitempty"`
	// RSS is the trend of RSS where the live heap decides.
	RSS *trend.Judgement `json:"rss,omitempty"`
	// Counts are the sessions, sockets, files and processes before and after.
	Counts []Count `json:"counts,omitempty"`
}

// Basis is the measure that a verdict rests on.
type Basis string

// The bases of a verdict.
const (
	ByRSS   Basis = "rss"
	ByLive  Basis = "live"  // the live heap after a collection
	ByHeap  Basis = "heap"  // as the snapshot endpoint reports it, confirmed by RSS
	ByCount Basis = "count" // of processes, sessions, sockets, files
)

// Codes of reasons beside those of trend.
const (
	Counted     = "counted"       // a count accumulates
	Unexpired   = "unexpired"     // sessions may not have expired
	Released    = "released"      // the server released it after a while
	KeptIdle    = "kept-idle"     // it did not
	Unfilled    = "unfilled"      // the operations filled no cache
	LazyHeap    = "lazy-heap"     // a collector may not have run yet
	HeapGrows   = "heap"          // the heap that the server reports grows
	OutOfMemory = "out-of-memory" // the server ran out of memory
	Outside     = "outside"       // memory outside the live heap
	Doubted     = "doubted"       // its look-alikes were not ruled out
)

// facts are the evidence and all that is computed from it.
type facts struct {
	*Evidence
	per          string
	memory       trend.Judgement  // of the first witness: the live heap if all of it is known, else RSS
	outside      *trend.Judgement // of RSS, if it is the second
	heap         *trend.Judgement
	counts       []Count
	disturbances []trend.Reason
}

// conclusion is the outcome of a rule.
type conclusion struct {
	verdict trend.Verdict
	by      Basis
	rate    trend.Rate
	reasons []trend.Reason
}

// rule is one way to reach a verdict.
type rule struct {
	applies  func(*facts) bool
	conclude func(*facts) conclusion
}

// rules are tried in order; the first that applies decides. The last always applies.
func rules() []rule {
	return []rule{
		{(*facts).released, (*facts).releasedConclusion},       // released after a while
		{(*facts).accumulates, (*facts).countedLeak},           // counts accumulate
		{(*facts).unexpired, (*facts).unexpiredConclusion},     // sessions may not have expired
		{(*facts).ranOut, (*facts).outOfMemoryLeak},            // ran out of memory on a straight line
		{(*facts).uncollected, (*facts).uncollectedConclusion}, // the collector may not have run
		{(*facts).doubted, (*facts).doubtedConclusion},         // a look-alike of a leak was not ruled out
		{(*facts).heapLeaks, (*facts).heapLeak},                // the heap grows and RSS confirms it
		{(*facts).rssLeaks, (*facts).rssLeak},                  // the live heap, or else RSS, grows
		{(*facts).outsideLeaks, (*facts).outsideLeak},          // RSS grows while the live heap does not
		{(*facts).heapHidden, (*facts).hiddenHeap},             // the heap grows into free memory
		{(*facts).disturbed, (*facts).open},                    // no leak, but the run was disturbed
		{(*facts).cleared, (*facts).open},                      // no leak
		{func(*facts) bool { return true }, (*facts).open},     // undecided
	}
}

// Judge sets the judgement of p from its evidence.
func (p *Phase) Judge() {
	f := examine(&p.Evidence, p.Per)
	for _, r := range rules() {
		if r.applies(f) {
			p.Judgement = f.judgement(r.conclude(f))
			return
		}
	}
}

// examine computes the figures that the rules look at.
func examine(e *Evidence, per string) *facts {
	f := &facts{Evidence: e, per: per, counts: countsOf(e)}
	rss := trend.Judge(pointsOf(e, func(r *Round) *float64 { return &r.TreeMB }))
	live := pointsOf(e, func(r *Round) *float64 { return r.LiveMB })
	heap := pointsOf(e, func(r *Round) *float64 { return r.HeapMB })
	f.memory = rss
	switch {
	case e.LiveKnown():
		f.memory, f.outside = trend.JudgeLive(live), &rss
	case len(live) > 0:
		f.heap = new(trend.Judge(live)) // of a part of the server
	case len(heap) > 0:
		f.heap = new(trend.Judge(heap))
	}
	f.disturbances = f.disturbedBy()
	return f
}

// pointsOf returns a figure of each round, nil if one of them has none.
func pointsOf(e *Evidence, of func(*Round) *float64) []trend.Point {
	points := make([]trend.Point, 0, len(e.Rounds))
	for i := range e.Rounds {
		v := of(&e.Rounds[i])
		if v == nil {
			return nil
		}
		points = append(points, trend.Point{X: float64(e.Rounds[i].Operations), Y: *v})
	}
	return points
}

// judgement puts a conclusion and the figures together.
func (f *facts) judgement(c conclusion) Judgement {
	j := Judgement{Trend: f.memory, Rate: c.rate, By: c.by, Heap: f.heap, RSS: f.outside, Counts: f.counts}
	if c.by == ByRSS || c.by == ByCount {
		j.Trend = *f.rss()
	}
	j.Trend.Verdict, j.Trend.Reasons = c.verdict, slices.Concat(c.reasons, f.disturbances)
	if f.memory.Verdict == trend.NoLeak && f.heapGrows() {
		j.Trend.Smallest = max(j.Trend.Smallest, f.heap.Rate.Bytes)
	}
	if c.verdict == trend.NoLeak && f.released() {
		j.Trend.Smallest = max(j.Trend.Smallest, releasedShare*f.memory.Rate.Bytes) // all that the second load excludes
	}
	if j.Trend.Span == 0 && c.by == ByCount {
		j.Trend.From, j.Trend.Level, j.Trend.Span, j.Trend.Growth, j.Trend.Rate = f.roughTrend()
		j.Rate = j.Trend.Rate
	}
	return j
}

// open returns the verdict of the trend of RSS, except that a disturbed run clears nothing.
func (f *facts) open() conclusion {
	verdict := f.memory.Verdict
	if f.disturbed() {
		verdict = trend.Undecided
	}
	reasons := f.memory.Reasons
	if f.memory.Verdict == trend.NoLeak && f.heapGrows() {
		reasons = append(slices.Clip(reasons), f.heapReason())
	}
	return conclusion{verdict, f.basis(), f.memory.Rate, append(slices.Clip(reasons), f.witness()...)}
}

// rss returns the trend of RSS.
func (f *facts) rss() *trend.Judgement {
	if f.outside != nil {
		return f.outside
	}
	return &f.memory
}

// basis returns the first witness.
func (f *facts) basis() Basis {
	if f.outside != nil {
		return ByLive
	}
	return ByRSS
}

func (f *facts) cleared() bool   { return f.memory.Verdict == trend.NoLeak }
func (f *facts) disturbed() bool { return f.cleared() && len(f.disturbances) > 0 }
func (f *facts) rssLeaks() bool  { return f.memory.Verdict == trend.Leak }

func (f *facts) rssLeak() conclusion {
	return conclusion{trend.Leak, f.basis(), f.memory.Rate, append(append(f.confirmed(f.memory.Reasons), f.steady()), f.witness()...)}
}

// accumulates reports whether a count grows with the operations and nothing
// allows the server to keep it.
func (f *facts) accumulates() bool { return len(keptCounts(f.counts)) > 0 && !f.mayHold() }

func (f *facts) countedLeak() conclusion {
	var reasons []trend.Reason
	for _, c := range keptCounts(f.counts) {
		text := fmt.Sprintf("%s: %.0f before, %.0f after; they accumulate, and none is released", c.What, c.Before, c.After)
		if c.AtLimit {
			text = fmt.Sprintf("%s: %.0f before, %.0f after; the idle server stays at its limit of %.0f open files", c.What, c.Before, c.After, f.FileLimit)
		}
		reasons = append(reasons, trend.Reason{Code: Counted, Leak: true, Text: text})
	}
	if f.rss().Verdict == trend.Leak {
		reasons = append(reasons, f.rss().Reasons...)
	}
	return conclusion{trend.Leak, ByCount, f.rss().Rate, f.confirmed(reasons)}
}

// roughTrend returns the trend of too few rounds for an interval: from the first to the last.
func (f *facts) roughTrend() (from, level, span, growth float64, rate trend.Rate) {
	first, last := &f.Rounds[min(1, len(f.Rounds)-1)], f.last()
	from, level, span = float64(first.Operations), first.TreeMB, float64(last.Operations-first.Operations)
	if span <= 0 {
		return from, level, 0, 0, trend.Rate{}
	}
	growth = last.TreeMB - first.TreeMB
	bytes := growth / span * mib
	low, high := bytes, bytes
	for i := 2; i < len(f.Rounds); i++ {
		a, b := f.Rounds[i-1], f.Rounds[i]
		if b.Operations > a.Operations {
			v := (b.TreeMB - a.TreeMB) / float64(b.Operations-a.Operations) * mib
			low, high = min(low, v), max(high, v)
		}
	}
	return from, level, span, growth, trend.Rate{Bytes: bytes, Low: low, High: high}
}
