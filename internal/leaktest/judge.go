package leaktest

import (
	"fmt"
	"math"
	"slices"

	"github.com/mcpdiag/mcpdiag/internal/process"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Codes of reasons beside those of trend.
const (
	Counted   = "counted"   // a count grew with every round
	Unexpired = "unexpired" // what the server may hold rightly for a while
)

// judge gives p its verdict. expired says that the sessions that were abandoned
// had the time to expire.
func (p *Phase) judge(expired bool) {
	p.Trend = trend.JudgeRounds(p.asPoints())
	p.By, p.Rate = ByRSS, p.Trend.Rate
	p.Counts = p.counting()
	held := p.Held && !expired && !p.forgotten()
	p.judgeHeap()
	p.judgeLazy()
	if p.counted() && !held {
		p.leaks()
	}
	if held && p.Trend.Verdict != trend.NoLeak && p.Trend.Span > 0 {
		p.Trend.Verdict = trend.Undecided
		p.Trend.Reasons = append([]trend.Reason{{Code: Unexpired, Leak: true,
			Text: "the server may keep a session while it can still be used; --expiry says how long that is, and waits for it"}}, p.Trend.Reasons...)
	}
	for _, why := range p.disturbances() {
		p.Trend.Disturbed(why)
	}
}

// forgotten reports whether the server itself no longer counts the sessions
// that were left: what it still holds of them it does not hold rightly.
func (p *Phase) forgotten() bool {
	if len(p.Rounds) < 2 || p.Rounds[0].Sessions == nil {
		return false
	}
	for i := 1; i < len(p.Rounds); i++ {
		made := float64(p.Rounds[i].Operations - p.Rounds[i-1].Operations)
		if s := p.Rounds[i].Sessions; s == nil || *s > *p.Rounds[0].Sessions+forgottenShare*made {
			return false
		}
	}
	return true
}

const forgottenShare = 0.1

// heapShare is how much of the heap's growth RSS must show: a heap that grows
// into memory that is there already is not worth an alarm yet.
const heapShare = 0.3

// judgeHeap judges the heap that the server tells of, which is less noisy than
// RSS. It calls a leak only what RSS confirms, and clears nothing: not all memory is heap.
func (p *Phase) judgeHeap() {
	var points []trend.Point
	for _, r := range p.Rounds {
		if r.HeapMB == nil {
			return
		}
		points = append(points, trend.Point{X: float64(r.Operations), Y: *r.HeapMB})
	}
	j := trend.Judge(points)
	p.Heap = &j
	if p.Trend.Verdict == trend.NoLeak && (j.Verdict != trend.Leak || j.Rate.Bytes > p.Trend.Rate.High || p.Trend.Rate.Bytes < heapShare*j.Rate.Bytes) {
		p.hidden()
		return
	}
	if j.Verdict != trend.Leak || p.Trend.Rate.Bytes < heapShare*j.Rate.Bytes {
		return
	}
	p.By, p.Rate = ByHeap, j.Rate
	reasons := []trend.Reason{{Code: ByHeap, Leak: true, Text: fmt.Sprintf(
		"the heap, as the server tells it, grows by %s per %s (95 %%: %s to %s), and RSS with it", Bytes(j.Rate.Bytes), p.Per, Bytes(j.Rate.Low), Bytes(j.Rate.High))}}
	p.Trend.Verdict = trend.Leak
	for _, r := range p.Trend.Reasons {
		if r.Leak {
			reasons = append(reasons, r)
		}
	}
	p.Trend.Reasons = reasons
}

// hidden says that the heap grew where RSS was cleared, into memory that was there
// already: a leak as large as that RSS would not have shown. One that looks like a leak
// in the heap is not cleared.
func (p *Phase) hidden() {
	j := p.Heap
	if j.Verdict == trend.NoLeak || j.Rate.Low <= 0 || j.Growth <= j.Limit {
		return
	}
	p.Trend.Smallest = max(p.Trend.Smallest, j.Rate.Bytes)
	why := trend.Reason{Code: ByHeap, Text: fmt.Sprintf(
		"the heap, as the server tells it, grew by %s per %s (95 %%: %s to %s), into memory that was there already",
		Bytes(j.Rate.Bytes), p.Per, Bytes(j.Rate.Low), Bytes(j.Rate.High))}
	if j.Verdict == trend.Leak {
		p.Trend.Verdict, p.Trend.Reasons = trend.Undecided, nil
	}
	p.Trend.Reasons = append(p.Trend.Reasons, why)
}

// leaks makes the verdict a leak because of what was counted.
func (p *Phase) leaks() {
	var reasons []trend.Reason
	for _, c := range p.Counts {
		if c.Kept {
			reasons = append(reasons, trend.Reason{Code: Counted, Leak: true,
				Text: fmt.Sprintf("%s: %.0f before, %.0f after; more with every round, and none went away", c.What, c.Before, c.After)})
		}
	}
	if p.Trend.Verdict == trend.Leak {
		reasons = append(reasons, p.Trend.Reasons...)
	}
	p.Trend.Verdict, p.Trend.Reasons, p.By = trend.Leak, reasons, ByCount
	if p.Trend.Span == 0 {
		p.roughRate()
		p.Rate = p.Trend.Rate
	}
}

// roughRate is the rate of too few rounds for an interval: from the first to the last.
func (p *Phase) roughRate() {
	first, last := p.Rounds[1], p.Rounds[len(p.Rounds)-1]
	t := &p.Trend
	t.From, t.Level, t.Span = float64(first.Operations), first.TreeMB, float64(last.Operations-first.Operations)
	t.Growth = last.TreeMB - first.TreeMB
	bytes := t.Growth / t.Span * mib
	low, high := bytes, bytes
	for i := 2; i < len(p.Rounds); i++ {
		a, b := p.Rounds[i-1], p.Rounds[i]
		if b.Operations > a.Operations {
			v := (b.TreeMB - a.TreeMB) / float64(b.Operations-a.Operations) * mib
			low, high = min(low, v), max(high, v)
		}
	}
	t.Rate = trend.Rate{Bytes: bytes, Low: low, High: high}
}

// refusedShare is how many operations may fail before a flat memory says nothing.
const refusedShare = 0.1

// disturbances say why a flat memory may not be the server's merit.
func (p *Phase) disturbances() []string {
	var why []string
	if p.Refused > 0 {
		why = append(why, fmt.Sprintf("%s operations were refused (429 or 503): what the server did not do, it cannot have kept; load it less, with fewer --users",
			report.Count(p.Refused)))
	}
	if p.Operations > 0 && !p.expected && float64(p.broken) > refusedShare*float64(p.Operations) {
		why = append(why, fmt.Sprintf("%s of %s operations failed: what the server did not do, it cannot have kept",
			report.Count(p.broken), report.Count(p.Operations)))
	}
	if p.expected && p.turned() {
		why = append(why, "requests of which most were answered at first were refused in the end, or the other way round: the load was not the same throughout")
	}
	if p.short {
		why = append(why, process.ShortText)
	}
	if p.Ended != "" {
		why = append(why, p.Ended)
	}
	return why
}

// turned reports whether the share of operations that fail is another in the
// last third of the rounds than in the first one.
func (p *Phase) turned() bool {
	n := len(p.Rounds)
	if n < 3 || p.Rounds[1].Operations == p.Rounds[0].Operations {
		return false
	}
	share := func(from, to int) float64 {
		failed := int64(0)
		for _, r := range p.Rounds[from+1 : to+1] {
			failed += r.Failed
		}
		return float64(failed) / float64(max(1, p.Rounds[to].Operations-p.Rounds[from].Operations))
	}
	return math.Abs(share(n-1-(n+1)/3, n-1)-share(0, 1)) > turnedShare
}

// turnedShare is by how much the share of failures may move.
const turnedShare = 0.5

// counters are what a server holds beside memory.
var counters = []struct {
	what string
	of   func(*Round) *float64
}{
	{"processes", func(r *Round) *float64 { v := float64(r.Processes); return &v }},
	{"sessions that the server counts", func(r *Round) *float64 { return r.Sessions }},
	{"sockets", func(r *Round) *float64 { return r.Sockets }},
	{"sockets in CLOSE_WAIT", func(r *Round) *float64 { return r.CloseWait }},
	{"open files", func(r *Round) *float64 { return r.Files }},
	{"threads", func(r *Round) *float64 { return r.Threads }},
}

// countedRounds is how many rounds must each have added to a count, after the
// first, which may fill a pool.
const (
	countedRounds = 5
	countedShare  = 0.5 // of an operation
)

// counting compares the counts before and after.
func (p *Phase) counting() []Count {
	var all []Count
	if len(p.Rounds) < 2 {
		return nil
	}
	last := &p.Rounds[len(p.Rounds)-1]
	for _, c := range counters {
		before, after := c.of(&p.Rounds[0]), c.of(last)
		if before == nil || after == nil {
			continue
		}
		count := Count{What: c.what, Before: *before, After: *after, Kept: keeps(p.Rounds, c.of)}
		if last.Operations > 0 {
			count.PerOperation = (*after - *before) / float64(last.Operations)
		}
		all = append(all, count)
	}
	return all
}

func (p *Phase) counted() bool {
	return slices.ContainsFunc(p.Counts, func(c Count) bool { return c.Kept })
}

// keeps reports whether a count grew with every round after the first, by half
// of the operations at least: no noise does that.
func keeps(rounds []Round, of func(*Round) *float64) bool {
	if len(rounds) < countedRounds+2 {
		return false
	}
	for i := 2; i < len(rounds); i++ {
		a, b := of(&rounds[i-1]), of(&rounds[i])
		if a == nil || b == nil || *b-*a < max(1, countedShare*float64(rounds[i].Operations-rounds[i-1].Operations)) {
			return false
		}
	}
	return true
}

// conclude judges the whole run by its phases: what one phase explains does not
// count again, and what the server may hold until it expires does not count.
func (r *Result) conclude() {
	r.explain()
	r.Verdict = trend.NoLeak
	for _, p := range r.Phases {
		switch {
		case p.Trend.Verdict == trend.Leak:
			r.Verdict = trend.Leak
		case p.Trend.Verdict == trend.Undecided && !p.Unexpired() && r.Verdict == trend.NoLeak:
			r.Verdict = trend.Undecided
		}
	}
	if len(r.Phases) == 0 || r.Ended != "" && r.Verdict == trend.NoLeak {
		r.Verdict = trend.Undecided
	}
	r.Causes = causesOf(r.Phases)
	r.Sentence = r.sentence()
}

// Unexpired reports whether all that is undecided about p is when it expires.
func (p *Phase) Unexpired() bool {
	return p.Trend.Verdict == trend.Undecided && len(p.Trend.Reasons) > 0 && p.Trend.Reasons[0].Code == Unexpired
}

// explain finds the phases whose growth is the sum of others': a session with a
// call keeps what a session keeps and what a call keeps.
func (r *Result) explain() {
	for _, p := range r.Phases {
		p.Explained = nil
		i := slices.IndexFunc(factors, func(f factor) bool { return f.id == p.ID })
		if i < 0 || p.Trend.Verdict != trend.Leak {
			continue
		}
		sum := trend.Rate{}
		var parts []string
		for _, id := range factors[i].made {
			if part := r.phase(id); part != nil && part.Trend.Verdict == trend.Leak {
				sum.Bytes, sum.High = sum.Bytes+part.Rate.Bytes, sum.High+part.Rate.High
				parts = append(parts, part.Per)
			}
		}
		if len(parts) > 0 && (p.Rate.Low <= sum.High || p.Rate.Bytes <= explained*sum.Bytes) {
			p.Explained = parts
		}
	}
}

// explained is by how much a sum may fall short of what it explains.
const explained = 1.25

func (r *Result) phase(id string) *Phase {
	for _, p := range r.Phases {
		if p.ID == id {
			return p
		}
	}
	return nil
}
