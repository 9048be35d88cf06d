package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Rule is one check. Its judge is a pure function of the facts.
type Rule struct {
	ID        string // group.name, stable
	Title     string
	Needs     []string // ids of rules, or groups, without which it means nothing
	Fails     bool     // it can fail; other rules warn at most
	shows     bool     // its summary is worth a place in the line of a group without problems
	Reference string
	judge     func(*facts.Facts) opinion
}

// opinion is the outcome of a rule.
type opinion struct {
	Severity finding.Severity
	Summary  string
	Hint     string
	next     step
	flags    [2]string         // of the command line, which belong to the summary and the hint
	seen     []*facts.Exchange // the evidence
	facts    []string          // more evidence, one observation each
	unasked  bool              // a skip: its subject was not looked at
	quiet    bool              // it needs no place in the line of a group without problems
	cause    string            // a skip: the check that reports the same
}

func pass(format string, args ...any) opinion { return opine(finding.Pass, format, args...) }

func info(format string, args ...any) opinion { return opine(finding.Info, format, args...) }

func skip(format string, args ...any) opinion { return opine(finding.Skip, format, args...) }

func warn(format string, args ...any) opinion { return opine(finding.Warn, format, args...) }

func fail(format string, args ...any) opinion { return opine(finding.Fail, format, args...) }

func opine(s finding.Severity, format string, args ...any) opinion {
	return opinion{Severity: s, Summary: fmt.Sprintf(format, args...)}
}

// fix adds the advice.
func (o opinion) fix(hint string) opinion {
	o.Hint = hint
	return o
}

// flag names the flag of the command line to which the summary refers.
func (o opinion) flag(name string) opinion {
	o.flags[0] = name
	return o
}

// fixFlag names the flag of the command line to which the advice refers.
func (o opinion) fixFlag(name string) opinion {
	o.flags[1] = name
	return o
}

// because names the check that reports the same cause, without which nothing can be said.
func (o opinion) because(id string) opinion {
	o.cause = id
	return o.missed()
}

// missed says that the subject of a rule was not looked at, although it was asked for.
func (o opinion) missed() opinion {
	o.unasked = true
	return o
}

// quietly leaves the summary out of the line of a group without problems.
func (o opinion) quietly() opinion {
	o.quiet = true
	return o
}

// saw adds exchanges as evidence.
func (o opinion) saw(list ...*facts.Exchange) opinion {
	o.seen = append(o.seen, list...)
	return o
}

// noted adds observations as evidence.
func (o opinion) noted(facts ...string) opinion {
	o.facts = append(o.facts, facts...)
	return o
}

// leads adds the step that continues from here.
func (o opinion) leads(next step) opinion {
	o.next = next
	return o
}

// Group returns the group of a rule's id.
func Group(id string) string {
	name, _, _ := strings.Cut(id, ".")
	return name
}

// Table returns all rules, each after the rules that it needs.
func Table() []Rule {
	var all []Rule
	for _, part := range [][]Rule{stdioRules(), networkRules(), httpRules(), authRules(), protocolRules(), streamRules(), toolRules(), limitRules(), exposureRules(), behaviourRules(), alsoRules()} {
		all = append(all, part...)
	}
	return all
}

// Applies reports whether the rule is about the transport of the server, and about
// something that the user asked for.
func (r Rule) Applies(f *facts.Facts) bool {
	switch {
	case Group(r.ID) == "behaviour", r.ID == "limits.burst":
		return f.Behaviour != nil && f.Stdio == nil
	case Group(r.ID) == "also":
		return len(f.Also) > 0
	}
	if f.Stdio == nil {
		return Group(r.ID) != "stdio"
	}
	switch Group(r.ID) {
	case "stdio", "tools":
		return true
	}
	return slices.Contains([]string{"protocol.era", "protocol.ids", "protocol.errors", "protocol.caps"}, r.ID)
}

// Check is the result of one rule.
type Check struct {
	finding.Finding

	CausedBy string   `json:"caused_by,omitempty"` // the failed check for which this one was skipped
	Known    bool     `json:"known,omitempty"`     // the baseline has this failure, too
	Curl     []string `json:"curl,omitempty"`      // commands that repeat the exchanges

	Shows   bool `json:"-"` // its summary is worth a place in the line of its group
	Unasked bool `json:"-"` // its subject was not looked at
}

// JudgeAll applies the rules. Their texts are for a front end.
func JudgeAll(f *facts.Facts, front FrontEnd) (done []Check) {
	for _, r := range Table() {
		if r.Applies(f) {
			done = append(done, r.apply(f, front, done))
		}
	}
	return done
}

// apply judges f by one rule, unless a rule that it needs failed.
func (r Rule) apply(f *facts.Facts, front FrontEnd, done []Check) Check {
	c := Check{Finding: finding.Finding{ID: r.ID, Group: Group(r.ID), Reference: r.Reference}, Shows: r.shows}
	if cause := r.failedNeed(done); cause != "" {
		c.Severity, c.Summary, c.CausedBy = finding.Skip, "skipped because "+cause+" failed", cause
		c.Unasked = true
		return c
	}
	o := r.judge(f)
	c.Severity, c.Unasked, c.CausedBy = o.Severity, o.unasked, o.cause
	c.Summary, c.Hint, c.Next = front.Text(o.Summary, o.flags[0]), front.Text(o.Hint, o.flags[1]), front.step(o.next)
	c.Shows = r.shows && !o.quiet
	if c.Severity == finding.Fail && !r.Fails {
		c.Severity = finding.Warn
	}
	for _, x := range o.seen {
		c.Evidence = append(c.Evidence, finding.Evidence{Source: numberOf(f, x) + x.Describe(), Text: x.Outcome()})
	}
	for _, fact := range o.facts {
		c.Evidence = append(c.Evidence, finding.Evidence{Text: fact})
	}
	if c.Severity == finding.Fail || c.Severity == finding.Warn {
		c.Curl = curls(o.seen)
	}
	return c
}

// failedNeed returns the failed check at the root of those that r needs, or "".
func (r Rule) failedNeed(done []Check) string {
	for _, c := range done {
		if !slices.Contains(r.Needs, c.ID) && !slices.Contains(r.Needs, c.Group) {
			continue
		}
		if c.Severity == finding.Fail {
			return c.ID
		}
		if c.CausedBy != "" && c.CausedBy != r.ID {
			return c.CausedBy
		}
	}
	return ""
}

// numberOf returns the number of an exchange as evidence names it.
func numberOf(f *facts.Facts, x *facts.Exchange) string {
	for i, other := range f.Exchanges {
		if other == x {
			return fmt.Sprintf("#%d ", i+1)
		}
	}
	return ""
}

// curls returns commands that repeat exchanges, without credentials.
func curls(seen []*facts.Exchange) []string {
	var commands []string
	for _, x := range seen[:min(len(seen), 3)] {
		if x.Method == facts.MethodStdio {
			continue
		}
		commands = append(commands, curl(x))
	}
	return commands
}

func curl(x *facts.Exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s %s", cmp.Or(x.Method, "GET"), report.ShellQuote(x.URL))
	for _, name := range slices.Sorted(maps.Keys(x.Sent)) {
		if name == facts.SessionHeader {
			b.WriteString(` -H "` + facts.SessionHeader + `: $MCP_SESSION_ID"`)
			continue
		}
		b.WriteString(" -H " + report.ShellQuote(name+": "+x.Sent[name]))
	}
	if !x.Anonymous {
		b.WriteString(` ${MCPDIAG_TOKEN:+-H "Authorization: Bearer $MCPDIAG_TOKEN"}`)
	}
	if x.Payload != "" {
		b.WriteString(" -d " + report.ShellQuote(x.Payload))
	}
	return b.String()
}
