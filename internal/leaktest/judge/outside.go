package judge

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// outsideSlack is the growth of RSS, in MB, that a flat live heap may leave to the
// allocator, to compiled code and to fragments.
const outsideSlack = 32.0

// LiveKnown reports whether the live heap of the whole server was read after each round.
func (e *Evidence) LiveKnown() bool {
	return !e.LivePartial && len(e.Rounds) > 0 && pointsOf(e, func(r *Round) *float64 { return r.LiveMB }) != nil
}

// grewMB is the growth of the live heap that its noise does not explain.
const grewMB = 0.3

// LiveGrew reports whether the live heap shows the growth of a leak: it decided, or it grew where a
// count decided.
func (p *Phase) LiveGrew() bool {
	if p.By != ByCount || !p.LiveKnown() {
		return p.By == ByLive
	}
	return *p.last().LiveMB-*p.Rounds[min(1, len(p.Rounds)-1)].LiveMB > grewMB
}

// Measured returns the memory of a round by a measure of this evidence, in MB.
func (e *Evidence) Measured(r *Round, by Basis) float64 {
	if by == ByLive && r.LiveMB != nil {
		return *r.LiveMB
	}
	return r.TreeMB
}

// besides returns how much more RSS grew than the live heap, in MB.
func (f *facts) besides() float64 { return f.outside.Growth - max(0, f.memory.Growth) }

// outsideLeaks reports whether RSS leaks by more than the live heap and the slack.
func (f *facts) outsideLeaks() bool {
	return f.outside != nil && f.outside.Verdict == trend.Leak && f.besides() > outsideSlack
}

func (f *facts) outsideLeak() conclusion {
	reasons := append([]trend.Reason{{Code: Outside, Leak: true, Text: fmt.Sprintf(
		"RSS grew by %s while the live heap grew by %s: what is kept is not objects of the runtime, but native memory, such as that of an addon, of worker threads or of buffers",
		Bytes(f.outside.Growth*mib), Bytes(max(0, f.memory.Growth)*mib))}}, f.outside.Reasons...)
	return conclusion{trend.Leak, ByRSS, f.outside.Rate, append(f.confirmed(reasons), f.steady())}
}

// witness says where RSS and the live heap differ.
func (f *facts) witness() []trend.Reason {
	if f.outside == nil || f.outside.Span == 0 {
		return nil
	}
	switch limit := f.outside.Limit; {
	case f.memory.Verdict != trend.Leak && f.besides() > limit && f.outside.Rate.Low > 0:
		return []trend.Reason{{Code: Outside, Text: fmt.Sprintf(
			"RSS grew by %s while the live heap was flat: up to %s of that may be the allocator's and compiled code", Bytes(f.outside.Growth*mib), Bytes(outsideSlack*mib))}}
	case f.memory.Verdict == trend.Leak && f.memory.Growth > limit && f.outside.Growth < f.memory.Growth/2:
		return []trend.Reason{{Code: Outside, Leak: true, Text: fmt.Sprintf(
			"RSS grew by %s only: the live heap grows into memory that the process already has", Bytes(max(0, f.outside.Growth)*mib))}}
	}
	return nil
}
