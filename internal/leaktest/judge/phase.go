package judge

import (
	"fmt"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Phase is one kind of load and the verdict on it.
type Phase struct {
	ID   string `json:"id"`
	Per  string `json:"per"`  // the operation: "call of echo"
	Does string `json:"does"` // one operation, described
	Tool string `json:"tool,omitempty"`
	Judgement
	Evidence
	// Shares are other things that come with the operations of a mixed load.
	Shares []Share `json:"shares,omitempty"`
	// ComposedOf names the loads that an operation of this one consists of.
	ComposedOf []string `json:"composedOf,omitempty"`
	// OpensSessions means that each operation opens a session of its own.
	OpensSessions bool `json:"opensSessions,omitempty"`
	// Holds names the holder of the memory, and its line; "" if both are unknown.
	Holds string `json:"holds,omitempty"`
	// Explained names the phases whose rates add up to this one's.
	Explained []string `json:"explainedBy,omitempty"`
}

// Share is another operation of a mixed load.
type Share struct {
	Per string  `json:"per"`     // "session"
	Of  float64 `json:"perCall"` // how many per operation
}

// Verdict returns the verdict on p.
func (p *Phase) Verdict() trend.Verdict { return p.Trend.Verdict }

// RoundsDone returns the number of rounds after the baseline.
func (p *Phase) RoundsDone() int { return max(0, len(p.Rounds)-1) }

// has reports whether p is undecided for the reason code in the first place.
func (p *Phase) has(code string) bool {
	return p.Verdict() == trend.Undecided && len(p.Trend.Reasons) > 0 && p.Trend.Reasons[0].Code == code
}

// Unexpired reports whether sessions that may not have expired are all that keeps
// p from a verdict.
func (p *Phase) Unexpired() bool { return p.has(Unexpired) }

// WaitsForCollector reports whether a collector that may not have run is all that
// keeps p from a verdict.
func (p *Phase) WaitsForCollector() bool { return p.has(LazyHeap) }

// Limit is a detection limit: a smaller leak per operation is not ruled out.
type Limit struct {
	Bytes float64
	Per   string
	// Outside is the limit for memory outside the live heap, 0 if Bytes is for all.
	Outside float64
}

// Limits returns the detection limits for the operation and its shares.
func (p *Phase) Limits() []Limit {
	limits := []Limit{{p.Trend.Smallest, p.Per, p.outsideLimit()}}
	for _, s := range p.Shares {
		if s.Of > 0 {
			limits = append(limits, Limit{p.Trend.Smallest / s.Of, s.Per, p.outsideLimit() / s.Of})
		}
	}
	return limits
}

// outsideLimit returns the detection limit for memory outside the live heap, 0 if
// RSS decided.
func (p *Phase) outsideLimit() float64 {
	if p.By != ByLive || p.RSS == nil || p.RSS.Span == 0 {
		return 0
	}
	return max(outsideSlack*mib/p.RSS.Span, p.RSS.Rate.High)
}

// text returns a limit in words.
func (l Limit) text() string {
	text := Bytes(l.Bytes) + " per " + l.Per
	if l.Outside > 0 {
		text += ", " + Bytes(l.Outside) + " outside the heap"
	}
	return text
}

// limitText returns detection limits in words.
func limitText(limits []Limit) string {
	parts, sep := make([]string, len(limits)), ", "
	for i, l := range limits {
		parts[i] = l.text()
		if l.Outside > 0 {
			sep = "; "
		}
	}
	return "(detection limit " + strings.Join(parts, sep) + ")"
}

// kept returns the rate in words.
func (p *Phase) kept() string {
	rate := p.Rate
	text := fmt.Sprintf("%s kept per %s (95 %%: %s to %s)", Bytes(rate.Bytes), p.Per, Bytes(rate.Low), Bytes(rate.High))
	if len(p.Shares) > 0 { // the load does not tell which of them keeps it
		var other []string
		for _, s := range p.Shares { // none is 0
			other = append(other, fmt.Sprintf("%s per %s", Bytes(rate.Bytes/s.Of), s.Per))
		}
		text += ", or " + strings.Join(other, ", or ")
	}
	if p.Holds != "" {
		text += ": " + p.Holds
	}
	return text
}

// unexpired returns the rate of p for sessions that may not have expired.
func (p *Phase) unexpired() string {
	if p.Rate.Low <= 0 {
		return "not judged per " + p.Per + ", which may not have expired"
	}
	return p.kept() + ", expiry unknown"
}

// Sentence returns the verdict on p in one sentence.
func (p *Phase) Sentence() string {
	switch {
	case p.Verdict() == trend.Leak:
		return "leak: " + p.kept()
	case p.Verdict() == trend.NoLeak:
		return "no leak detected " + limitText(p.Limits())
	case p.Unexpired():
		return p.unexpired()
	case p.Ended != "":
		return fmt.Sprintf("undecided: after %d rounds %s", p.RoundsDone(), p.Ended)
	case p.Trend.Smallest == 0:
		return fmt.Sprintf("undecided: %d rounds are too few to judge", p.RoundsDone())
	}
	return "undecided: " + p.kept() + " so far " + limitText(p.Limits())
}

// Word returns the verdict on p for a table.
func (p *Phase) Word() string {
	switch {
	case len(p.Explained) > 0:
		return "explained by " + strings.Join(p.Explained, ", ")
	case p.Unexpired():
		return "kept, not expired yet"
	}
	return strings.ReplaceAll(string(p.Verdict()), "-", " ")
}

// CountNote says that a session count that is back to its baseline proves nothing, or "".
func (p *Phase) CountNote() string {
	if !p.OpensSessions || p.Verdict() != trend.Leak {
		return ""
	}
	for _, c := range p.Counts {
		if c.What == sessionsCounter && c.After <= c.Before+1 {
			return "session count is back to baseline but memory is not: closed sessions are still referenced"
		}
	}
	return ""
}
