package leaktest

import (
	"fmt"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Budget is what may be kept of one thing.
type Budget struct {
	Bytes float64
	Per   string // a factor, or a short name of one: call, session
	Text  string // as it was written
}

// BudgetCheck is what became of a budget.
type BudgetCheck struct {
	Budget string `json:"budget"`
	Phase  string `json:"phase,omitempty"`
	// Verdict is "within", "over" or "open", where the interval holds the budget.
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
}

// The verdicts of a budget.
const (
	Within = "within"
	Over   = "over"
	Open   = "open"
)

// short are the names under which budgets know factors.
var short = map[string][]string{
	"call":      {"call", everyday},
	"session":   {"closed", "closed-after-call", everyday},
	"operation": nil, // of whatever was run
	"abandoned": {"abandoned"},
	"failed":    {"failed-call"},
	"request":   {"bare-request", "rejected"},
}

// KnowsBudget reports whether a budget per this thing can be checked.
func KnowsBudget(per string) bool {
	if _, ok := short[per]; ok {
		return true
	}
	_, err := factorsOf([]string{per})
	return err == nil
}

// Comparison is one phase beside the same phase of an older run.
type Comparison struct {
	Phase string     `json:"phase"`
	Old   trend.Rate `json:"old"`
	New   trend.Rate `json:"new"`
	Worse bool       `json:"worse"`
	Open  bool       `json:"open,omitempty"` // it grew, and it is undecided whether that is kept
	Text  string     `json:"text"`
}

// check decides whether the run is a finding. A leak is one, unless each leak
// is within a budget; so is a budget that is clearly not kept, and a phase that
// is clearly worse than before.
func (r *Result) check(cfg *Config) {
	allowed := map[string]bool{}
	for _, b := range cfg.Budgets {
		c := r.against(b)
		r.Budgets = append(r.Budgets, c)
		r.Finding = r.Finding || c.Verdict == Over
		allowed[c.Phase] = allowed[c.Phase] || c.Verdict == Within
	}
	if cfg.Baseline != nil {
		r.compare(cfg.Baseline)
	}
	for _, p := range r.Phases {
		r.Finding = r.Finding || p.Trend.Verdict == trend.Leak && len(p.Explained) == 0 && !allowed[p.ID]
	}
}

// against checks one budget.
func (r *Result) against(b Budget) BudgetCheck {
	p, scale := r.phaseOf(b.Per)
	c := BudgetCheck{Budget: b.Text, Verdict: Open}
	if p == nil {
		c.Text = fmt.Sprintf("%s: nothing of the kind was measured; --attribute does", b.Text)
		return c
	}
	c.Phase = p.ID
	rate := p.Rate
	low, high := rate.Low*scale, rate.High*scale
	measured := fmt.Sprintf("%s (95 %%: %s to %s)", Bytes(rate.Bytes*scale), Bytes(low), Bytes(high))
	switch {
	case p.Trend.Span == 0:
		c.Text = b.Text + ": too few rounds to tell"
	case low > b.Bytes && p.Trend.Verdict == trend.Undecided:
		c.Text = b.Text + ": open, it grew by more, but it is undecided whether that is kept: " + measured
	case low > b.Bytes:
		c.Verdict, c.Text = Over, b.Text+": over, "+measured
	case high <= b.Bytes:
		c.Verdict, c.Text = Within, b.Text+": within, "+measured
	default:
		c.Text = b.Text + ": open, the interval holds it: " + measured
	}
	return c
}

// phaseOf finds the phase that a budget is about, and how many of the phase's
// operations one of the budget's things is.
func (r *Result) phaseOf(per string) (*Phase, float64) {
	names, ok := short[per]
	if !ok {
		names = []string{per}
	}
	if names == nil && len(r.Phases) > 0 {
		return r.Phases[0], 1
	}
	for _, id := range names {
		if p := r.phase(id); p != nil {
			if per == "session" && id == everyday {
				return p, max(1, 2*p.each) // half of the calls come in sessions
			}
			return p, 1
		}
	}
	return nil, 1
}

// compare sets the phases beside those of an older run. Worse is a rate whose
// interval is above the old one's.
func (r *Result) compare(old *Result) {
	for _, p := range r.Phases {
		was := old.phase(p.ID)
		switch {
		case was == nil:
			r.Warnings = append(r.Warnings, "the baseline has nothing per "+p.Per+" to compare with")
			continue
		case was.Per != p.Per: // a leak of one tool says nothing of another
			r.Warnings = append(r.Warnings, "the baseline is per "+report.Cell(was.Per, 2*mostTool)+", which is not compared with per "+p.Per)
			continue
		case was.Trend.Span == 0 || p.Trend.Span == 0:
			r.Warnings = append(r.Warnings, "per "+p.Per+" there were too few rounds, now or in the baseline, to compare them")
			continue
		}
		c := Comparison{Phase: p.ID, Old: was.Rate, New: p.Rate, Open: p.Trend.Verdict == trend.Undecided}
		c.Worse = p.Rate.Low > max(was.Rate.High, 0) && p.Trend.Verdict == trend.Leak
		word := "no worse than before"
		switch {
		case c.Worse:
			word = "worse than before"
			r.Finding = true
		case c.Open:
			word = "not known to be worse than before, since it is undecided"
		}
		c.Text = fmt.Sprintf("per %s: %s, %s (95 %%: %s to %s), was %s (%s to %s)", p.Per, word,
			Bytes(c.New.Bytes), Bytes(c.New.Low), Bytes(c.New.High), Bytes(c.Old.Bytes), Bytes(c.Old.Low), Bytes(c.Old.High))
		r.Baseline = append(r.Baseline, c)
	}
}
