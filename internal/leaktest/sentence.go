package leaktest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// sentence is the verdict of the run in one sentence.
func (r *Result) sentence() string {
	if len(r.Phases) == 1 && r.Ended == r.Phases[0].Ended {
		return r.Phases[0].Sentence()
	}
	if len(r.Phases) == 0 {
		return "undecided: " + cmp.Or(r.Ended, "nothing was measured")
	}
	var parts, nothing, open []string
	for _, p := range r.Phases {
		switch {
		case len(p.Explained) > 0:
		case p.Trend.Verdict == trend.Leak:
			parts = append(parts, p.kept())
			if p.Ended != "" {
				open = append(open, p.Ended)
			}
		case p.Unexpired():
			open = append(open, p.unexpired())
		case p.Trend.Verdict == trend.NoLeak:
			nothing = append(nothing, "per "+p.Per)
		case p.Ended != "":
			open = append(open, "undecided per "+p.Per+", since "+p.Ended)
		default:
			open = append(open, "undecided per "+p.Per)
		}
	}
	if r.Ended != "" && !slices.ContainsFunc(r.Phases, func(p *Phase) bool { return p.Ended == r.Ended }) {
		open = append(open, r.Ended) // in the warm-up of a phase
	}
	if len(nothing) > 0 {
		open = append([]string{"nothing " + strings.Join(nothing, ", ")}, open...)
	}
	lead := map[trend.Verdict]string{trend.Leak: "leak: ", trend.NoLeak: "no leak: ", trend.Undecided: "undecided: "}[r.Verdict]
	return lead + strings.Join(append(parts, open...), "; ")
}

// kept is what p keeps of one of its operations.
func (p *Phase) kept() string {
	rate := p.Rate
	return fmt.Sprintf("%s kept per %s (95 %%: %s to %s)", Bytes(rate.Bytes), p.Per, Bytes(rate.Low), Bytes(rate.High))
}

// unexpired is what p keeps as long as it has not expired.
func (p *Phase) unexpired() string {
	if p.Rate.Low <= 0 {
		return "not judged per " + p.Per + ", which may not have expired"
	}
	return p.kept() + ", which had not expired"
}

// Sentence is the verdict of one phase.
func (p *Phase) Sentence() string {
	unseen := fmt.Sprintf("a leak below %s per %s would not have been seen", Bytes(p.Trend.Smallest), p.Per)
	switch {
	case p.Trend.Verdict == trend.Leak:
		return "leak: " + p.kept()
	case p.Trend.Verdict == trend.NoLeak:
		return "no leak; " + unseen
	case p.Unexpired():
		return p.unexpired()
	case p.Ended != "":
		return fmt.Sprintf("undecided: after %d rounds %s", max(0, len(p.Rounds)-1), p.Ended)
	case p.Trend.Smallest == 0:
		return fmt.Sprintf("undecided: %d rounds are too few to judge", max(0, len(p.Rounds)-1))
	}
	return "undecided: " + p.kept() + " so far; " + unseen
}
