package doctor

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/rules"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// marks stand before each group.
var marks = map[finding.Severity]struct {
	word  string
	style report.Style
}{
	finding.Pass: {"✓ OK  ", report.Good}, finding.Info: {"· INFO", report.Faint}, finding.Skip: {"– SKIP", report.Faint},
	finding.Warn: {"! WARN", report.Caution}, finding.Fail: {"✗ FAIL", report.Bad},
}

// Layout of the text.
const (
	defaultWidth  = 100 // columns, where they are not known
	leastWidth    = 60
	mostWidth     = 120 // longer lines are hard to read
	evidenceShown = 4   // observations of a check
	evidenceLines = 3   // of each observation
	headIndent    = 20  // columns before the text of a group
	indent        = "           "
	mostMissed    = 2 // lines about omitted checks
)

// width returns how many columns a line has.
func (how Judgement) width() int {
	if how.Width == 0 {
		return defaultWidth
	}
	return min(max(how.Width, leastWidth), mostWidth)
}

// Text writes the verdict, then a line per group, opened where there is a problem. The verdict stands at the
// end, too, where a terminal has moved its first line out of sight.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	p := sheet{Result: r, paint: paint, width: r.how.width()}
	p.wrapped(report.Line("mcpdiag doctor " + r.Target))
	p.b.WriteString("\n")
	style := marks[finding.Worst(r.findings())].style
	switch r.Verdict {
	case NoToken:
		style = report.Good
	case Interrupted:
		style = report.Caution
	}
	verdict := func() {
		word := strings.ToUpper(string(r.Verdict))
		p.labelled(paint.Paint(style, word)+"  ", min(report.Width(word)+2, headIndent), r.Headline)
	}
	verdict()
	p.b.WriteString("\n")
	head := p.b.Len()
	p.groups()
	p.clients()
	if p.b.Len() > head {
		p.b.WriteString("\n")
	}
	if line := r.passed(); line != "" && !r.how.Short {
		p.wrapped(line)
	}
	if r.Verdict == Interrupted {
		p.wrapped(r.Observed.line())
	} else {
		p.notChecked()
	}
	p.wrapped(r.effort())
	if r.how.Height > 0 && strings.Count(p.b.String(), "\n") >= r.how.Height { // the prompt takes a line, too
		p.b.WriteString("\n")
		verdict()
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// effort returns the requests, sessions and time of the examination.
func (r *Result) effort() string {
	text := fmt.Sprintf("%s, %d of %s ended, %.1f s", report.Plural(int64(r.Requests), "request"), r.Ended, report.Plural(int64(r.Sessions), "session"), r.Seconds)
	if r.Waited >= 0.1 {
		text += fmt.Sprintf(" after %.1f s of waiting for the server", r.Waited)
	}
	return text
}

// sheet is the text of a result while it is written.
type sheet struct {
	*Result

	b     strings.Builder
	paint report.Painter
	width int
}

// split splits a text into lines of at most width columns. Unlike those of a table,
// words that are wider stay whole: they are addresses to copy.
func split(text string, width int) []string {
	var list []string
	for word := range strings.FieldsSeq(report.Line(text)) {
		if last := len(list) - 1; last >= 0 && report.Width(list[last])+1+report.Width(word) <= width {
			list[last] += " " + word
			continue
		}
		list = append(list, word)
	}
	return list
}

// wrapped writes a text in as many lines as it takes.
func (p *sheet) wrapped(text string) { p.labelled("", 0, text) }

// labelled writes a text behind a label that takes so many columns.
func (p *sheet) labelled(label string, columns int, text string) {
	for i, line := range split(text, p.width-columns) {
		if i > 0 {
			label = strings.Repeat(" ", columns)
		}
		p.b.WriteString(label + line + "\n")
	}
}

// head writes a text behind a mark and the name of a group.
func (p *sheet) head(s finding.Severity, name, text string) {
	m := marks[s]
	p.labelled(fmt.Sprintf(" %s  %-9s  ", p.paint.Paint(m.style, m.word), name), headIndent, text)
}

// detail writes a labelled text below a head.
func (p *sheet) detail(label, text string) {
	p.labelled(indent+label, len(indent)+len(label), text)
}

// passed says how many checks passed, by group.
func (r *Result) passed() string {
	counts, all := map[string]int{}, 0
	var names []string
	for _, c := range r.Checks {
		if c.Severity != finding.Pass {
			continue
		}
		all++
		counts[c.Group]++
	}
	for _, name := range r.groupNames() {
		if counts[name] > 0 {
			names = append(names, fmt.Sprintf("%s %d", name, counts[name]))
		}
	}
	if all == 0 {
		return ""
	}
	return report.Plural(int64(all), "check") + " passed: " + strings.Join(names, ", ")
}

// notChecked writes the omitted checks and questions: in two lines, if need be without the
// names of the groups, which -v and the JSON have.
func (p *sheet) notChecked() {
	list := p.NotChecked
	for _, short := range []bool{false, true} {
		if list = p.missed(short); len(split(lastLine(list), p.width)) <= mostMissed {
			break
		}
	}
	if p.how.Verbose {
		list = p.missed(false)
	}
	p.wrapped(lastLine(list))
}

func lastLine(list []string) string { return "Not checked: " + strings.Join(list, "; ") + "." }

func (r *Result) findings() []finding.Finding {
	var list []finding.Finding
	for _, c := range r.Checks {
		list = append(list, c.Finding)
	}
	return list
}

// groupNames returns the names of the groups in the order of the page.
func (r *Result) groupNames() []string {
	order := []string{"stdio", "network", "limits", "http", "auth", "protocol", "session", "stream", "tools", "exposure"}
	var names []string
	for _, c := range r.Checks {
		if !slices.Contains(names, c.Group) {
			names = append(names, c.Group)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(uint(slices.Index(order, a)), uint(slices.Index(order, b))) //nolint:gosec // an unknown one is last
	})
	return names
}

// groups writes the groups. Those that were skipped for one reason share a line.
func (p *sheet) groups() {
	var skipped []string
	reason := ""
	flush := func() {
		switch {
		case len(skipped) == 1:
			p.head(finding.Skip, skipped[0], reason)
		case len(skipped) > 1:
			p.head(finding.Skip, fmt.Sprintf("%d groups", len(skipped)), strings.Join(skipped, ", ")+": "+reason)
		}
		skipped = nil
	}
	for _, name := range p.groupNames() {
		all := slices.DeleteFunc(slices.Clone(p.Checks), func(c rules.Check) bool { return c.Group != name })
		problems := slices.DeleteFunc(slices.Clone(all), func(c rules.Check) bool { return c.Severity != finding.Warn && c.Severity != finding.Fail })
		if p.how.Verbose {
			problems = all
		}
		if len(problems) == 0 && p.how.Short && name != clientGroup {
			continue
		}
		worst, line := groupLine(all)
		if len(problems) == 0 && worst == finding.Skip {
			if line != reason {
				flush()
			}
			skipped, reason = append(skipped, name), line
			continue
		}
		flush()
		if len(problems) == 0 {
			p.head(worst, name, line)
		}
		for _, c := range problems {
			p.problem(c)
		}
	}
	flush()
}

// groupLine returns the facts of a group without problems.
func groupLine(all []rules.Check) (finding.Severity, string) {
	passed, informed, facts := 0, "", []string{}
	for _, c := range all {
		switch c.Severity {
		case finding.Pass:
			passed++
		case finding.Info:
			informed = cmp.Or(informed, c.Summary)
		default:
			continue
		}
		if c.Shows {
			facts = append(facts, c.Summary)
		}
	}
	switch {
	case passed == 0 && informed != "":
		return finding.Info, cmp.Or(strings.Join(facts, ", "), informed)
	case passed == 0:
		return finding.Skip, all[0].Summary
	case len(facts) == 0:
		facts = []string{report.Plural(int64(passed), "check") + " passed"}
	}
	return finding.Pass, strings.Join(facts, ", ")
}

func (p *sheet) problem(c rules.Check) {
	known := ""
	if c.Known {
		known = " (the baseline has it, too)"
	}
	p.head(c.Severity, c.Group, c.ID+": "+c.Summary+known)
	if c.Severity != finding.Warn && c.Severity != finding.Fail {
		return
	}
	shown := evidenceShown
	if c.Group == "stdio" {
		shown = len(c.Evidence) // the last words of a command say why it ended
	}
	for _, e := range c.Evidence[:min(len(c.Evidence), shown)] {
		text := e.Text
		if e.Source != "" {
			text = e.Source + " → " + e.Text
		}
		p.detail("", report.CutWords(report.Line(text), evidenceLines*(p.width-len(indent))))
	}
	p.detail("Fix: ", c.Hint)
	p.detail("Next: ", c.Next)
	p.detail("See: ", c.Reference)
	if p.how.Curl {
		for _, command := range c.Curl {
			p.b.WriteString(indent + report.Line(command) + "\n")
		}
	}
}
