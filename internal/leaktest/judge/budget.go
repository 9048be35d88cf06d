package judge

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Budget is an allowance per operation.
type Budget struct {
	Bytes float64
	Per   string // a load, or a short name of several: call, session
	Text  string // as it was written
}

// BudgetCheck is the result of a budget.
type BudgetCheck struct {
	Budget string `json:"budget"`
	Phase  string `json:"phase,omitempty"`
	// Verdict is "within", "over", or "open" if the interval contains the budget.
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
}

// The verdicts of a budget.
const (
	Within = "within"
	Over   = "over"
	Open   = "open"
)

// Everyday is the ID of the load that runs by default.
const Everyday = "everyday"

const sessionBudget = "session"

// shortNames maps the short names in budgets to loads, in order of preference.
// "operation" stands for the first load of the run.
func shortNames(per string) (ids []string, ok bool) {
	ids, ok = map[string][]string{
		"call":        {"call", Everyday},
		sessionBudget: {"closed", "closed-after-call", Everyday},
		"operation":   nil,
		"abandoned":   {"abandoned"},
		"failed":      {"failed-call"},
		"request":     {"bare-request", "rejected"},
	}[per]
	return ids, ok
}

// IsShortName reports whether per is a short name of loads in budgets.
func IsShortName(per string) bool {
	_, ok := shortNames(per)
	return ok
}

// CheckBudgets checks each budget against the phases that it is about.
func CheckBudgets(phases []*Phase, budgets []Budget) []BudgetCheck {
	var checks []BudgetCheck
	for _, b := range budgets {
		found := b.phases(phases)
		if len(found) == 0 {
			checks = append(checks, BudgetCheck{Budget: b.Text, Verdict: Open, Text: b.Text + ": nothing of that kind was measured; --attribute measures it"})
		}
		for _, p := range found {
			checks = append(checks, b.check(p))
		}
	}
	return checks
}

// phases returns the phases that b is about: those of the first load that has run.
func (b *Budget) phases(phases []*Phase) []*Phase {
	ids, ok := shortNames(b.Per)
	switch {
	case !ok:
		ids = []string{b.Per}
	case ids == nil && len(phases) > 0:
		ids = []string{phases[0].ID}
	}
	for _, id := range ids {
		var found []*Phase
		for _, p := range phases {
			if p.ID == id {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// scale returns how many operations of p one thing of the budget is.
func (b *Budget) scale(p *Phase) float64 {
	if b.Per == sessionBudget && p.ID == Everyday {
		for _, s := range p.Shares {
			if s.Per == sessionBudget && s.Of > 0 {
				return max(1, 1/s.Of)
			}
		}
	}
	return 1
}

// check checks b against one phase.
func (b *Budget) check(p *Phase) BudgetCheck {
	c := BudgetCheck{Budget: b.Text, Phase: p.ID, Verdict: Open}
	scale := b.scale(p)
	low, high := p.Rate.Low*scale, p.Rate.High*scale
	measured := fmt.Sprintf("%s (95 %%: %s to %s)", Bytes(p.Rate.Bytes*scale), Bytes(low), Bytes(high))
	switch {
	case p.Trend.Span == 0:
		c.Text = b.Text + ": too few rounds"
	case low > b.Bytes && p.Verdict() == trend.Undecided:
		c.Text = b.Text + ": open, it grew by more, but it is undecided whether that is kept: " + measured
	case low > b.Bytes:
		c.Verdict, c.Text = Over, b.Text+": over, "+measured
	case high <= b.Bytes:
		c.Verdict, c.Text = Within, b.Text+": within, "+measured
	default:
		c.Text = b.Text + ": open, the interval contains it: " + measured
	}
	return c
}

// Comparison is one phase beside the same phase of an older run.
type Comparison struct {
	Phase string     `json:"phase"`
	Old   trend.Rate `json:"old"`
	New   trend.Rate `json:"new"`
	Worse bool       `json:"worse"`
	Open  bool       `json:"open,omitempty"` // it is undecided whether the growth is kept
	Text  string     `json:"text"`
}

// mostPer bounds the name of an operation in a warning, in characters.
const mostPer = 120

// Compare compares phases with those of an older run. Worse is a leak whose
// interval is above the old one's. The warnings name phases without a counterpart.
func Compare(phases, old []*Phase) (all []Comparison, warnings []string) {
	for _, p := range phases {
		was := sameLoad(old, p)
		switch {
		case was == nil:
			warnings = append(warnings, "the baseline has nothing per "+p.Per+" to compare with")
		case was.Per != p.Per: // a leak of one tool says nothing about another
			warnings = append(warnings, "the baseline is per "+report.Cell(was.Per, mostPer)+", which is not compared with per "+p.Per)
		case was.Trend.Span == 0 || p.Trend.Span == 0:
			warnings = append(warnings, "per "+p.Per+" there were too few rounds, now or in the baseline, to compare them")
		default:
			all = append(all, compare(p, was))
		}
	}
	return all, warnings
}

// sameLoad finds the phase of the same operation, else one of the same load.
func sameLoad(phases []*Phase, p *Phase) *Phase {
	for _, was := range phases {
		if was.ID == p.ID && was.Per == p.Per {
			return was
		}
	}
	return Find(phases, p.ID)
}

func compare(p, was *Phase) Comparison {
	c := Comparison{Phase: p.ID, Old: was.Rate, New: p.Rate, Open: p.Verdict() == trend.Undecided}
	c.Worse = p.Rate.Low > max(was.Rate.High, 0) && p.Verdict() == trend.Leak
	word := "no worse than before"
	switch {
	case c.Worse:
		word = "worse than before"
	case c.Open:
		word = "not known to be worse than before, since it is undecided"
	}
	c.Text = fmt.Sprintf("per %s: %s, %s (95 %%: %s to %s), was %s (%s to %s)", p.Per, word,
		Bytes(c.New.Bytes), Bytes(c.New.Low), Bytes(c.New.High), Bytes(c.Old.Bytes), Bytes(c.Old.Low), Bytes(c.Old.High))
	return c
}

// Faulty reports whether p is a finding: a leak that no other phase explains and
// no budget allows.
func Faulty(p *Phase, budgets []BudgetCheck) bool {
	if p.Verdict() != trend.Leak || len(p.Explained) > 0 {
		return false
	}
	for _, b := range budgets {
		if b.Phase == p.ID && b.Verdict == Within {
			return false
		}
	}
	return true
}
