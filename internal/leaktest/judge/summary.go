package judge

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Summary is the verdict on a run. The headline is made of its parts.
type Summary struct {
	Verdict   trend.Verdict
	Kept      []string // leaks
	Undecided []string // operations without a verdict
	Held      []string // growth in sessions that may expire
	Open      []string // sessions without a figure, and how the server ended
	Clear     []Limit  // detection limits of the phases without a leak
	single    string   // the sentence of the only phase
}

// Summarize judges a run by its phases: growth that other phases explain, see
// [Explain], does not count again, and sessions that may not have expired do not count at all. ended is
// how the server ended, or "".
func Summarize(phases []*Phase, ended string) Summary {
	s := Summary{Verdict: trend.NoLeak}
	for _, p := range phases {
		switch {
		case p.Verdict() == trend.Leak:
			s.Verdict = trend.Leak
		case p.Verdict() == trend.Undecided && !p.Unexpired() && s.Verdict == trend.NoLeak:
			s.Verdict = trend.Undecided
		}
		s.add(p)
	}
	if len(phases) == 0 || ended != "" && s.Verdict == trend.NoLeak {
		s.Verdict = trend.Undecided
	}
	switch {
	case len(phases) == 0:
		s.Open = []string{cmp.Or(ended, "nothing was measured")}
	case len(phases) == 1 && ended == phases[0].Ended:
		s.single = phases[0].Sentence()
	case ended != "" && !slices.ContainsFunc(phases, func(p *Phase) bool { return p.Ended == ended }):
		s.Open = append(s.Open, ended) // in the warm-up of a phase
	}
	return s
}

func (s *Summary) add(p *Phase) {
	switch {
	case len(p.Explained) > 0:
	case p.Verdict() == trend.Leak:
		s.Kept = append(s.Kept, p.kept())
		if p.Ended != "" {
			s.Open = append(s.Open, p.Ended)
		}
	case p.Unexpired() && p.Rate.Low > 0:
		s.Held = append(s.Held, p.unexpired())
	case p.Unexpired():
		s.Open = append(s.Open, p.unexpired())
	case p.Verdict() == trend.NoLeak:
		s.Clear = append(s.Clear, p.Limits()...)
	default:
		s.Undecided = append(s.Undecided, "per "+p.Per)
		if p.Ended != "" {
			s.Open = append(s.Open, p.Ended)
		}
	}
}

// Sentence returns the verdict in one sentence.
func (s *Summary) Sentence() string {
	if s.single != "" {
		return s.single
	}
	return strings.Join(append([]string{s.Title()}, s.Rest()...), "; ")
}

// Title returns the verdict with the leaks, for a headline.
func (s *Summary) Title() string {
	switch {
	case s.single != "":
		return s.single
	case s.Verdict == trend.Leak:
		return "leak: " + strings.Join(s.Kept, "; ")
	case s.Verdict == trend.NoLeak && len(s.Clear) > 0:
		return strings.Join(append([]string{"no leak detected " + limitText(s.Clear)}, s.Held...), "; ")
	case s.Verdict == trend.NoLeak:
		return strings.Join(append([]string{"no leak detected"}, s.Held...), "; ")
	case len(s.Undecided) == 0:
		return "undecided: " + strings.Join(s.Open, "; ")
	}
	return "undecided " + strings.Join(s.Undecided, ", ")
}

// Word returns the verdict in a few words. Memory that was kept is not "no leak"
// only because its expiry is unknown.
func (s *Summary) Word() string {
	if s.MayLeak() {
		return "kept, expiry unknown"
	}
	return strings.ReplaceAll(string(s.Verdict), "-", " ")
}

// MayLeak reports whether the only growth is that of sessions that may expire.
func (s *Summary) MayLeak() bool { return s.Verdict == trend.NoLeak && len(s.Held) > 0 }

// Rest returns the parts that Title omits.
func (s *Summary) Rest() []string {
	if s.single != "" {
		return nil
	}
	var rest []string
	if s.Verdict != trend.NoLeak && len(s.Clear) > 0 {
		rest = append(rest, "no leak detected per "+strings.Join(perLimits(s.Clear), ", "))
	}
	if s.Verdict != trend.Undecided && len(s.Undecided) > 0 {
		rest = append(rest, "undecided "+strings.Join(s.Undecided, ", "))
	}
	if s.Verdict != trend.NoLeak {
		rest = append(rest, s.Held...)
	}
	if s.Verdict != trend.Undecided || len(s.Undecided) > 0 {
		rest = append(rest, s.Open...)
	}
	return rest
}

// perLimits names operations with their detection limits.
func perLimits(limits []Limit) []string {
	parts := make([]string, len(limits))
	for i, l := range limits {
		parts[i] = l.Per + " (detection limit " + Bytes(l.Bytes) + ")"
	}
	return parts
}

// enough is how far a sum may fall short of the rate that it explains.
const enough = 1.25

// Explain marks the phases whose growth is the sum of others': a session with a
// call keeps the memory of a session and that of a call.
func Explain(phases []*Phase) {
	for _, p := range phases {
		p.Explained = nil
		if p.Verdict() != trend.Leak {
			continue
		}
		sum := trend.Rate{}
		var parts []string
		for _, id := range p.ComposedOf {
			if part := Find(phases, id); part != nil && part.Verdict() == trend.Leak {
				sum.Bytes, sum.High = sum.Bytes+part.Rate.Bytes, sum.High+part.Rate.High
				parts = append(parts, part.Per)
			}
		}
		if len(parts) > 0 && (p.Rate.Low <= sum.High || p.Rate.Bytes <= enough*sum.Bytes) {
			p.Explained = parts
		}
	}
}

// Find returns the first phase with this ID, or nil.
func Find(phases []*Phase, id string) *Phase {
	for _, p := range phases {
		if p.ID == id {
			return p
		}
	}
	return nil
}
