package doctor

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// marks stand before each group.
var marks = map[finding.Severity]struct {
	word  string
	style report.Style
}{
	finding.Pass: {"✓ OK  ", report.Good}, finding.Info: {"✓ OK  ", report.Good}, finding.Skip: {"– SKIP", report.Faint},
	finding.Warn: {"! WARN", report.Caution}, finding.Fail: {"✗ FAIL", report.Bad},
}

// Layout of the text.
const (
	textWidth     = 96
	evidenceShown = 4 // observations of a check
	evidenceLines = 3 // of each observation
	indent        = "           "
)

// Text writes the verdict, then a line per group, opened where there is a problem.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	command := "mcpdiag doctor " + r.Target
	fmt.Fprintf(&b, "%s\n\n", report.Line(command))
	style := marks[finding.Worst(r.findings())].style
	if r.Verdict == NoToken {
		style = report.Good
	}
	fmt.Fprintf(&b, "%s  %s\n\n", paint.Paint(style, strings.ToUpper(string(r.Verdict))), report.Line(r.Headline))
	head := b.Len()
	for _, name := range r.groups() {
		r.writeGroup(&b, paint, name)
	}
	r.writeClients(&b, paint)
	if b.Len() > head {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Not checked: %s.\n", report.Line(strings.Join(r.NotChecked, "; ")))
	fmt.Fprintf(&b, "%s, %d of %s ended, %.1f s\n", report.Plural(int64(r.Requests), "request"), r.Ended, report.Plural(int64(r.Sessions), "session"), r.Seconds)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) findings() []finding.Finding {
	var list []finding.Finding
	for _, c := range r.Checks {
		list = append(list, c.Finding)
	}
	return list
}

// groups returns the names of the groups in the order of the checks.
func (r *Result) groups() []string {
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

// writeGroup writes one line for a group without problems, and its problems.
func (r *Result) writeGroup(b *strings.Builder, paint report.Painter, name string) {
	var all, problems []Check
	for _, c := range r.Checks {
		if c.Group != name {
			continue
		}
		all = append(all, c)
		if c.Severity == finding.Warn || c.Severity == finding.Fail {
			problems = append(problems, c)
		}
	}
	switch {
	case r.how.Verbose:
		problems = all
	case len(problems) == 0 && r.how.Short:
		return
	case len(problems) == 0:
		worst, line := groupLine(all)
		writeHead(b, paint, worst, name, cutWords(report.Line(line), textWidth))
		return
	}
	for _, c := range problems {
		r.writeProblem(b, paint, c)
	}
}

// groupLine returns the facts of a group without problems.
func groupLine(all []Check) (finding.Severity, string) {
	passed, facts := 0, []string{}
	for _, c := range all {
		if c.Severity == finding.Pass || c.Severity == finding.Info {
			passed++
			if c.shows {
				facts = append(facts, c.Summary)
			}
		}
	}
	switch {
	case passed == 0:
		return finding.Skip, all[0].Summary
	case len(facts) == 0:
		facts = []string{report.Plural(int64(passed), "check") + " passed"}
	}
	return finding.Pass, strings.Join(facts, ", ")
}

func writeHead(b *strings.Builder, paint report.Painter, s finding.Severity, name, text string) {
	m := marks[s]
	fmt.Fprintf(b, " %s  %-9s  %s\n", paint.Paint(m.style, m.word), name, text)
}

// cutWords shortens s to width columns. The cut is between words, and is marked.
func cutWords(s string, width int) string {
	if report.Width(s) <= width {
		return s
	}
	s = strings.TrimSuffix(report.Cut(s, width), "…")
	if at := strings.LastIndexByte(s, ' '); at > len(s)/2 {
		s = s[:at]
	}
	return strings.TrimRight(s, " ,;:(") + "…"
}

func (r *Result) writeProblem(b *strings.Builder, paint report.Painter, c Check) {
	known := ""
	if c.Known {
		known = " (the baseline has it, too)"
	}
	summary := report.WrapWords(strings.Fields(report.Line(c.ID+": "+c.Summary+known)), " ", textWidth)
	writeHead(b, paint, c.Severity, c.Group, strings.Join(summary, "\n"+strings.Repeat(" ", len(indent)+10)))
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
		writeWrapped(b, "", cutWords(report.Line(text), evidenceLines*(textWidth-len(indent))))
	}
	writeWrapped(b, "Fix: ", c.Hint)
	writeWrapped(b, "Next: ", c.Next)
	writeWrapped(b, "See: ", c.Reference)
	if r.how.Curl {
		for _, command := range c.Curl {
			b.WriteString(indent + report.Line(command) + "\n")
		}
	}
}

// writeWrapped writes a labelled text in lines of the usual width.
func writeWrapped(b *strings.Builder, label, text string) {
	if text == "" {
		return
	}
	for i, line := range report.WrapWords(strings.Fields(report.Line(text)), " ", textWidth-len(indent)) {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		b.WriteString(indent + label + line + "\n")
	}
}
