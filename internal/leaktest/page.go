package leaktest

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

var nan = math.NaN()

// HTML writes the report of the run as one page. The flame graph is read from
// the folder of the run.
func (r *Result) HTML(w io.Writer, dir string) error {
	word := strings.ReplaceAll(string(r.Verdict), "-", " ")
	sentence, rest := r.headline(word)
	page := report.Page{
		Title: "Memory leak test of " + r.name(), Verdict: styleOf(r.Verdict), Word: word, Sentence: sentence, Facts: r.facts(),
	}
	page.Sections = []report.PageSection{
		{Title: "Memory", Pictures: []report.PagePicture{picture(r.memoryChart())}, Text: append(rest, r.why()...)},
		r.perWhat(), r.causes(), r.held(),
		{Title: "Latency", Pictures: []report.PagePicture{picture(r.latencyChart())}},
		r.failures(), r.flame(dir), r.budgets(), r.surroundings(), r.doubts(), r.repeat(),
	}
	page.Sections = slices.DeleteFunc(page.Sections, func(s report.PageSection) bool {
		return len(s.Text)+len(s.Pictures)+len(s.Lists)+len(s.Code)+len(s.Links) == 0 && s.Table == nil
	})
	return page.WriteHTML(w)
}

// headline is the verdict as a title, with what is kept, and the rest of the
// sentence where it would be too long for one.
func (r *Result) headline(word string) (title string, rest []string) {
	sentence := strings.TrimLeft(strings.TrimPrefix(r.Sentence, word), ":; ")
	at := strings.Index(sentence, "; nothing per ")
	if len(sentence) < longTitle || at < 0 {
		return sentence, nil
	}
	return sentence[:at], []string{"N" + sentence[at+len("; n"):] + "."}
}

const longTitle = 160

// name is what the server is called.
func (r *Result) name() string {
	for _, name := range []string{r.Target.Server, r.Target.URL, r.Target.Command} {
		if name != "" {
			return report.Cell(name, 80)
		}
	}
	return "a server"
}

func (r *Result) facts() []string {
	facts := []string{r.StartedAt.Format(time.RFC1123), "took " + report.Duration(time.Duration(r.DurationS*float64(time.Second)))}
	if r.Target.URL != "" {
		facts = append(facts, r.Target.URL)
	}
	facts = append(facts, fmt.Sprintf("%s → %s, peak %s", report.MB(r.Memory.InitialMB), report.MB(r.Memory.FinalMB), report.MB(r.Memory.PeakMB)))
	if r.Interrupted {
		facts = append(facts, "interrupted")
	}
	return facts
}

// why are the reasons of a verdict on one phase.
func (r *Result) why() []string {
	if len(r.Phases) != 1 {
		return nil
	}
	p := r.Phases[0]
	var reasons []string
	for _, reason := range p.Trend.Reasons {
		reasons = append(reasons, reason.Text)
	}
	text := []string{fmt.Sprintf("Each round: %s. %s operations in %d rounds.", p.Does, report.Count(p.Operations), max(0, len(p.Rounds)-1))}
	if len(reasons) > 0 {
		text = append(text, "Why: "+strings.Join(reasons, "; ")+".")
	}
	if p.Trend.Readings > p.Trend.Kept && p.Trend.Kept > 0 {
		text = append(text, fmt.Sprintf("The first %d readings were left out as warm-up; the memory moved by %s in them.",
			p.Trend.Readings-p.Trend.Kept, report.MB(p.Trend.WarmUp)))
	}
	if note := p.memoryWithoutCount(); note != "" {
		text = append(text, strings.ToUpper(note[:1])+note[1:]+".")
	}
	return text
}

// perWhat is a row for each phase.
func (r *Result) perWhat() report.PageSection {
	t := &report.PageTable{
		Header: []string{"", "kept per", "verdict", "bytes", "95 % interval", "smallest seen", "operations", "rounds"},
		Right:  []bool{true, false, false, true, true, true, true, true},
	}
	for nth, p := range r.Phases {
		verdict, rate, interval := strings.ReplaceAll(string(p.Trend.Verdict), "-", " "), "–", "–"
		switch {
		case len(p.Explained) > 0:
			verdict = "explained by " + strings.Join(p.Explained, ", ")
		case p.Unexpired():
			verdict = "kept, not expired yet"
		}
		if p.Trend.Span > 0 {
			rate = Bytes(p.Rate.Bytes)
			interval = Bytes(p.Rate.Low) + " to " + Bytes(p.Rate.High)
		}
		if p.Trend.Verdict == trend.NoLeak {
			rate = "nothing"
		}
		smallest := "–"
		if p.Trend.Smallest > 0 {
			smallest = Bytes(p.Trend.Smallest)
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(nth + 1), p.Per, verdict, rate, interval, smallest, report.Count(p.Operations), fmt.Sprint(max(0, len(p.Rounds)-1))})
	}
	s := report.PageSection{Title: "Per what", Table: t}
	s.Text = []string{"A leak smaller than what the column says would not have been seen."}
	return s
}

func (r *Result) causes() report.PageSection {
	s := report.PageSection{Title: "What it usually means, and where to look"}
	for _, c := range r.Causes {
		s.Lists = append(s.Lists, report.PageList{Title: "Kept per " + c.Per, Points: []string{c.Means, c.Look}})
	}
	return s
}

// held is what was counted, before and after.
func (r *Result) held() report.PageSection {
	s := report.PageSection{Title: "Sessions, sockets, files, processes"}
	chart, some := r.countChart()
	if !some {
		return s
	}
	if len(chart.Lines) > 0 {
		s.Pictures = []report.PagePicture{picture(chart)}
	} else {
		s.Text = []string{"None of them changed."}
	}
	t := &report.PageTable{Header: []string{"after", "what", "before", "after", ""}, Right: []bool{false, false, true, true, false}}
	for _, p := range r.Phases {
		for _, c := range p.Counts {
			if c.Before != c.After {
				note := ""
				if c.Kept {
					note = "with every round"
				}
				t.Rows = append(t.Rows, []string{p.ID, c.What, fmt.Sprintf("%.0f", c.Before), fmt.Sprintf("%.0f", c.After), note})
			}
		}
	}
	if len(t.Rows) > 0 {
		s.Table = t
	}
	return s
}

func (r *Result) failures() report.PageSection {
	s := report.PageSection{Title: "Errors"}
	t := &report.PageTable{Header: []string{"load", "operations", "failed", "refused", "such as"}, Right: []bool{false, true, true, true, false}}
	for _, p := range r.Phases {
		if p.Failed == 0 {
			continue
		}
		var examples []string
		for _, kind := range slices.Sorted(maps.Keys(p.Errors)) {
			examples = append(examples, kind+": "+report.Cell(p.Errors[kind], 120))
		}
		t.Rows = append(t.Rows, []string{p.ID, report.Count(p.Operations), report.Count(p.Failed), report.Count(p.Refused), strings.Join(examples, "; ")})
	}
	if len(t.Rows) == 0 {
		s.Text = []string{"No operation failed."}
		return s
	}
	s.Table = t
	return s
}

// mostFlame bounds the picture that is put into the page.
const mostFlame = 4 << 20

func (r *Result) flame(dir string) report.PageSection {
	s := report.PageSection{Title: "Where the time went"}
	if r.Files.Flame == "" {
		return s
	}
	name := filepath.Base(r.Files.Flame) // whatever a verdict says, it is in the folder
	svg, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || len(svg) > mostFlame {
		return s
	}
	s.Pictures = []report.PagePicture{{Alt: "Flame graph of the calls that the snapshots saw", Wide: svg, Scroll: true}}
	s.Links = []report.PageLink{{Name: "With search and zoom", File: name}}
	return s
}

func (r *Result) budgets() report.PageSection {
	s := report.PageSection{Title: "Budgets and baseline"}
	var points []string
	for _, b := range r.Budgets {
		points = append(points, "Budget "+b.Text)
	}
	for _, c := range r.Baseline {
		points = append(points, c.Text)
	}
	if len(points) > 0 {
		s.Lists = []report.PageList{{Points: points}}
	}
	return s
}

func (r *Result) surroundings() report.PageSection {
	t := &report.PageTable{Header: []string{"environment", ""}}
	row := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	row("server", r.Target.Server)
	row("protocol", r.Target.Protocol)
	row("transport", r.Target.Transport)
	row("tool", r.Target.Tool)
	row("process", fmt.Sprint(r.Target.PID))
	row("command", report.Cell(r.Target.Command, 300))
	row("set for it", strings.Join(r.Target.Env, " "))
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		row(name, r.Environment[name])
	}
	return report.PageSection{Title: "Environment", Table: t}
}

func (r *Result) doubts() report.PageSection {
	s := report.PageSection{Title: "Warnings"}
	if len(r.Warnings) > 0 {
		s.Lists = []report.PageList{{Points: r.Warnings}}
	}
	return s
}

// repeat are the commands to do all of it again.
func (r *Result) repeat() report.PageSection {
	s := report.PageSection{Title: "To repeat it"}
	if len(r.Command) > 0 {
		s.Code = append(s.Code, CommandLine(r.Command))
	}
	if len(r.Files.Rounds) > 0 {
		s.Code = append(s.Code, "mcpdiag leaktest --judge "+quote(filepath.Join(r.Files.Folder, r.Files.Rounds[0])))
	}
	if r.Files.Memory != "" {
		s.Code = append(s.Code, "mcpdiag monitor --read "+quote(filepath.Join(r.Files.Folder, r.Files.Memory)))
	}
	s.Code = append(s.Code, "mcpdiag report "+quote(r.Files.Folder))
	for _, l := range []report.PageLink{{Name: "Samples", File: r.Files.Memory}, {Name: "Load", File: r.Files.LoadLog}, {Name: "Server", File: r.Files.Server},
		{Name: "Snapshots", File: r.Files.Trace}, {Name: "Verdict", File: VerdictFile}} {
		if l.File != "" {
			l.File = filepath.Base(l.File)
			s.Links = append(s.Links, l)
		}
	}
	return s
}

// CommandLine writes arguments as a shell takes them.
func CommandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	return strings.Join(quoted, " ")
}

func quote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
