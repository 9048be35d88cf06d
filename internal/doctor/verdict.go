package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Schema names the version of the JSON document.
const Schema = "mcpdiag.doctor/1"

// The verdicts.
const (
	Healthy     finding.Verdict = "healthy"
	NoToken     finding.Verdict = "healthy as far as can be seen without a token"
	NotChecked  finding.Verdict = "not checked" // none of the selected checks judged anything
	Degraded    finding.Verdict = "degraded"
	Sick        finding.Verdict = "sick"
	Unreachable finding.Verdict = "unreachable"
	Interrupted finding.Verdict = "interrupted" // the facts are those until then, and prove nothing
)

// FailOnNew makes a failure of those that the baseline does not have.
const FailOnNew finding.Severity = "new"

// Judgement says how facts are judged and shown.
type Judgement struct {
	Only, Skip []string         // ids, groups or patterns; empty selects all
	FailOn     finding.Severity // the least severity of a failure
	Short      bool             // the text has the verdict and the problems only
	Curl       bool             // the text has the commands that repeat the exchanges
	Verbose    bool             // the text has each check
	Client     string           // a client whose refusal counts
	Width      int              // columns of the text; 0 is unknown
	Height     int              // lines of the terminal; 0 for a file or a pipe
	FrontEnd   rules.FrontEnd   // its words are used
	Baseline   *Result          // of an earlier run
}

// Result is the judgement of a server; it is the JSON.
type Result struct {
	Schema     string          `json:"schema"`
	Target     string          `json:"target"`
	At         time.Time       `json:"at"`
	Verdict    finding.Verdict `json:"verdict"`
	Headline   string          `json:"headline"`
	Summary    map[string]int  `json:"summary"`     // number of checks by severity
	RootCauses []string        `json:"root_causes"` // the gravest first
	Checks     []rules.Check   `json:"results"`
	Clients    []ClientView    `json:"clients,omitempty"`
	Observed   Observed        `json:"observed"`
	NotChecked []string        `json:"not_checked"`
	Requests   int             `json:"requests"`
	Sessions   int             `json:"sessions"`
	Ended      int             `json:"sessions_ended"`
	Waited     float64         `json:"waited,omitempty"` // seconds until the server answered, before it was examined
	Seconds    float64         `json:"seconds"`

	how       Judgement
	notLooked []notLooked
	beyond    []string
}

// Judge applies the rules to facts, unless the run was interrupted: requests that were not
// answered or not sent then look like faults of the server.
func Judge(f *facts.Facts, how Judgement) *Result {
	r := &Result{
		Schema: Schema, Target: f.Target, At: f.At, Summary: map[string]int{}, RootCauses: []string{}, NotChecked: []string{},
		Requests: len(f.Exchanges) + f.Beside, Sessions: f.Sessions, Ended: f.Ended, Waited: f.Waited, Seconds: f.Seconds, how: how,
	}
	r.Observed = observe(f)
	if f.Interrupted {
		r.Checks, r.Verdict, r.NotChecked = []rules.Check{}, Interrupted, append(r.NotChecked, "everything: the run was interrupted")
		r.Headline = "interrupted after " + report.Plural(int64(r.Requests), "request") + ", nothing is judged"
		return r
	}
	done := rules.JudgeAll(f, how.FrontEnd)
	r.Checks, r.Clients = how.choose(done), judgeClients(f, done)
	if how.Client != "" {
		r.Checks = append(r.Checks, r.clientCheck(how.Client))
	}
	if how.Baseline != nil {
		r.Checks = append(r.Checks, r.drift(how.Baseline)...)
	}
	for _, c := range r.Checks {
		r.Summary[string(c.Severity)]++
		if c.Severity == finding.Fail {
			r.RootCauses = append(r.RootCauses, c.ID)
		}
	}
	slices.SortStableFunc(r.RootCauses, func(a, b string) int { return cmp.Compare(rules.RankOf(a), rules.RankOf(b)) })
	r.Verdict = r.verdict(f)
	r.Headline = r.headline()
	r.notChecked(f)
	return r
}

// choose returns the checks to show and to count: those that were selected, and the
// failures that kept them from taking place.
func (how Judgement) choose(done []rules.Check) (chosen []rules.Check) {
	causes := map[string]bool{}
	for _, c := range done {
		if how.selects(c.ID) && c.CausedBy != "" {
			causes[c.CausedBy] = true
		}
	}
	for _, c := range done {
		if how.selects(c.ID) || causes[c.ID] && !matchesAny(how.Skip, c.ID) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func (how Judgement) selects(id string) bool {
	return (len(how.Only) == 0 || matchesAny(how.Only, id)) && !matchesAny(how.Skip, id)
}

func (r *Result) verdict(f *facts.Facts) finding.Verdict {
	switch {
	case slices.ContainsFunc(r.RootCauses, func(id string) bool {
		return rules.Group(id) == "network" || id == "http.answer" && f.Entry().Kind() != facts.KindLack || id == "stdio.start" && !f.Entry().Result()
	}):
		return Unreachable
	case len(r.RootCauses) > 0:
		return Sick
	case r.Summary[string(finding.Warn)] > 0:
		return Degraded
	case r.Summary[string(finding.Pass)] == 0:
		return NotChecked
	case f.NeedsToken():
		return NoToken
	}
	return Healthy
}

func (r *Result) headline() string {
	faults, warnings := r.Summary[string(finding.Fail)], r.Summary[string(finding.Warn)]
	if r.Verdict == NotChecked {
		if r.Summary[string(finding.Info)] > 0 {
			return "the selected checks only inform, none of them passed"
		}
		return "none of the selected checks took place"
	}
	if faults+warnings == 0 {
		return report.Plural(int64(r.Summary[string(finding.Pass)]), "check") + " passed"
	}
	var counts []string
	if faults > 0 {
		counts = append(counts, report.Plural(int64(faults), "fault"))
	}
	if warnings > 0 {
		counts = append(counts, report.Plural(int64(warnings), "warning"))
	}
	return strings.Join(counts, ", ") + ": " + r.worst().Summary
}

// worst returns the failure that stops the most, else such a warning.
func (r *Result) worst() *rules.Check {
	found := &rules.Check{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Severity != finding.Fail && c.Severity != finding.Warn {
			continue
		}
		more := c.Severity.Compare(found.Severity)
		if more > 0 || more == 0 && rules.RankOf(c.ID) < rules.RankOf(found.ID) {
			found = c
		}
	}
	return found
}

// notLooked are the checks that did not take place, of which each group has a count.
type notLooked struct {
	reason string
	groups map[string]int
}

// Text lists the groups, or how many checks they are.
func (m notLooked) text(short bool) string {
	var groups []string
	all := 0
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		groups = append(groups, fmt.Sprintf("%s %d", name, m.groups[name]))
		all += m.groups[name]
	}
	if short {
		groups = []string{report.Plural(int64(all), "check")}
	}
	return strings.Join(groups, ", ") + " (" + m.reason + ")"
}

// missed lists in words which checks did not take place, and why.
func (r *Result) missed(short bool) []string {
	var list []string
	for _, m := range r.notLooked {
		list = append(list, m.text(short))
	}
	return append(list, r.beyond...)
}

// notChecked notes which checks did not take place, and which questions no check asks.
func (r *Result) notChecked(f *facts.Facts) {
	r.notLooked, r.beyond = missedGroups(r.Checks), beyond(f, r.how.FrontEnd)
	if f.Stopped != "" && len(r.notLooked) == 0 { // else it is the reason
		r.beyond = append(r.beyond, "stopped early: "+f.Stopped)
	}
	r.NotChecked = append(r.NotChecked, r.missed(false)...)
}

// beyond lists observations that take a flag of their own, or another command.
func beyond(f *facts.Facts, front rules.FrontEnd) []string {
	b := f.Behaviour
	called := f.Call != nil && f.Call.Tool != "" || b != nil && b.Tool != ""
	var list []string
	add := func(what, flag string) { list = append(list, front.Text(what, flag)) }
	switch {
	case called:
	case f.Stdio != nil:
		add("tool calls", "--call")
	default:
		add("tool calls", "--call, --slow-tool")
	}
	if f.Stdio == nil && (b == nil || b.IdleMs == 0) {
		add("idle streams", "--deep")
	}
	add("load", "mcpdiag loadtest")
	return list
}

// missedGroups counts the checks that did not take place, by reason and group.
func missedGroups(checks []rules.Check) []notLooked {
	missed := map[string]map[string]int{}
	for _, c := range checks {
		if !c.Unasked {
			continue
		}
		reason := c.Summary
		if c.CausedBy != "" {
			reason = "because of " + c.CausedBy
		}
		if missed[reason] == nil {
			missed[reason] = map[string]int{}
		}
		missed[reason][c.Group]++
	}
	var list []notLooked
	for _, reason := range slices.Sorted(maps.Keys(missed)) {
		list = append(list, notLooked{reason, missed[reason]})
	}
	return list
}

// Report implements finding.Result.
func (r *Result) Report() *finding.Report {
	rep := &finding.Report{Command: "mcpdiag doctor", Verdict: r.Verdict, Headline: r.Headline, Seconds: r.Seconds, Outcome: finding.Clean}
	for _, c := range r.Checks {
		if c.Known && r.how.FailOn == FailOnNew {
			c.Severity, c.Summary = finding.Warn, "known: "+c.Summary
		}
		rep.Findings = append(rep.Findings, c.Finding)
	}
	if r.Verdict == Interrupted {
		rep.Severity, rep.Outcome = finding.Warn, finding.Failed
		return rep
	}
	rep.Severity = finding.Worst(rep.Findings)
	if slices.Contains([]finding.Severity{finding.Skip, finding.Info}, rep.Severity) {
		rep.Severity = finding.Pass
	}
	if r.how.FailOn == FailOnNew {
		rep.FailOn(finding.Fail)
	} else {
		rep.FailOn(r.how.FailOn)
	}
	rep.Warnings = append(rep.Warnings, "not checked: "+strings.Join(r.NotChecked, "; "))
	return rep
}

// Listing is one row of the list of checks.
type Listing struct {
	ID, Title, Reference string
	Fails                bool
	Needs                []string
}

// Listings lists all checks in their order.
func Listings() []Listing {
	var list []Listing
	for _, r := range rules.Table() {
		list = append(list, Listing{r.ID, r.Title, r.Reference, r.Fails, r.Needs})
	}
	return list
}

// CheckPatterns returns an error for a pattern that selects no check.
func CheckPatterns(patterns []string) error {
	var known []string
	for _, r := range rules.Table() {
		known = append(known, r.ID, rules.Group(r.ID))
	}
	for _, p := range patterns {
		if !slices.ContainsFunc(known, func(id string) bool { return matchesAny([]string{p}, id) }) {
			return fmt.Errorf("no check matches %q%s", p, report.DidYouMean(report.Closest(p, known)))
		}
	}
	return nil
}
