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
	page := &report.Page{
		Title: word + ": " + sentence, Badge: word, Style: styleOf(r.Verdict),
		Subtitle: "Memory leak test of " + r.name() + " · " + strings.Join(r.facts(), " · "),
	}
	r.memoryPart(page, rest)
	r.perWhat(page)
	r.causePart(page)
	r.countPart(page)
	r.latencyPart(page)
	r.failures(page)
	r.flame(page, dir)
	r.budgetPart(page)
	r.surroundings(page)
	r.repeat(page)
	return page.Write(w)
}

// headline is the verdict as a title, with what is kept, and the rest of the
// sentence where it would be too long for one.
func (r *Result) headline(word string) (title string, rest []string) {
	sentence := strings.TrimLeft(strings.TrimPrefix(r.Sentence, word), ":; ")
	at := strings.Index(sentence, "; nothing per ")
	if len(sentence) < longTitle {
		return sentence, nil
	}
	if at > 0 {
		return sentence[:at], []string{"N" + sentence[at+len("; n"):] + "."}
	}
	if at = strings.LastIndexAny(sentence[:longTitle], ",;"); at <= 0 {
		return sentence, nil
	}
	return sentence[:at] + " …", []string{strings.ToUpper(sentence[:1]) + sentence[1:] + "."}
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

func (r *Result) memoryPart(page *report.Page, rest []string) {
	page.Heading("Memory")
	page.Chart(r.memoryChart())
	for _, text := range append(rest, r.why()...) {
		page.Paragraph(report.Plain, text)
	}
	if len(r.Warnings) > 0 {
		page.Heading("Warnings")
		page.List(report.Caution, r.Warnings...)
	}
}

// why are the reasons of a verdict on one phase.
func (r *Result) why() []string {
	if len(r.Phases) != 1 {
		return nil
	}
	p := r.Phases[0]
	text := []string{fmt.Sprintf("Each round: %s. %s operations in %d rounds.", p.Does, report.Count(p.Operations), max(0, len(p.Rounds)-1))}
	var reasons []string
	for _, reason := range p.Trend.Reasons {
		reasons = append(reasons, reason.Text)
	}
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
func (r *Result) perWhat(page *report.Page) {
	page.Heading("Per what")
	page.Paragraph(report.Faint, "The numbers are those in the chart. A leak smaller than the column says would not have been seen.")
	leaks := map[int]bool{}
	for i, p := range r.Phases {
		leaks[i] = p.Trend.Verdict == trend.Leak && len(p.Explained) == 0
	}
	page.Table(map[int]bool{0: true, 3: true, 4: true, 5: true, 6: true, 7: true},
		[]string{"", "kept per", "verdict", "bytes", "95 % interval", "smallest seen", "operations", "rounds"}, r.rows(), leaks)
}

// rows are the phases as rows of a table.
func (r *Result) rows() [][]string {
	var rows [][]string
	for nth, p := range r.Phases {
		rate, interval, smallest := "–", "–", "–"
		if p.Trend.Span > 0 {
			rate, interval = Bytes(p.Rate.Bytes), Bytes(p.Rate.Low)+" to "+Bytes(p.Rate.High)
		}
		if p.Trend.Verdict == trend.NoLeak {
			rate = "nothing"
		}
		if p.Trend.Smallest > 0 {
			smallest = Bytes(p.Trend.Smallest)
		}
		rows = append(rows, []string{strconv.Itoa(nth + 1), p.Per, p.word(), rate, interval, smallest,
			report.Count(p.Operations), strconv.Itoa(max(0, len(p.Rounds)-1))})
	}
	return rows
}

// word is the verdict on p in a table.
func (p *Phase) word() string {
	switch {
	case len(p.Explained) > 0:
		return "explained by " + strings.Join(p.Explained, ", ")
	case p.Unexpired():
		return "kept, not expired yet"
	}
	return strings.ReplaceAll(string(p.Trend.Verdict), "-", " ")
}

func (r *Result) causePart(page *report.Page) {
	for i, c := range r.Causes {
		if i == 0 {
			page.Heading("What it usually means, and where to look")
		}
		page.List(report.Plain, "Kept per "+c.Per+". "+c.Means, c.Look)
	}
}

// countPart is what was counted, before and after.
func (r *Result) countPart(page *report.Page) {
	chart, some := r.countChart()
	if !some {
		return
	}
	page.Heading("Sessions, sockets, files, processes")
	if len(chart.Lines) == 0 {
		page.Paragraph(report.Plain, "None of them changed.")
		return
	}
	page.Chart(chart)
	var rows [][]string
	for _, p := range r.Phases {
		for _, c := range p.Counts {
			if c.Before != c.After {
				note := ""
				if c.Kept {
					note = "with every round"
				}
				rows = append(rows, []string{p.ID, c.What, fmt.Sprintf("%.0f", c.Before), fmt.Sprintf("%.0f", c.After), note})
			}
		}
	}
	page.Table(map[int]bool{2: true, 3: true}, []string{"load", "what", "before", "after", ""}, rows, nil)
}

func (r *Result) latencyPart(page *report.Page) {
	page.Heading("Latency")
	chart := r.latencyChart()
	if !slices.ContainsFunc(chart.Lines[0].Points, func(v [2]float64) bool { return !math.IsNaN(v[1]) }) {
		page.Paragraph(report.Plain, "No round came to its end.")
		return
	}
	page.Chart(chart)
}

func (r *Result) failures(page *report.Page) {
	page.Heading("Errors")
	var rows [][]string
	for _, p := range r.Phases {
		if p.Failed == 0 {
			continue
		}
		var examples []string
		for _, kind := range slices.Sorted(maps.Keys(p.Errors)) {
			examples = append(examples, kind+": "+report.Cell(p.Errors[kind], 120))
		}
		load := p.ID
		if p.meansToFail() {
			load += ", made to fail"
		}
		rows = append(rows, []string{load, report.Count(p.Operations), report.Count(p.Failed), report.Count(p.Refused), strings.Join(examples, "; ")})
	}
	if len(rows) == 0 {
		page.Paragraph(report.Plain, "No operation failed.")
		return
	}
	page.Table(map[int]bool{1: true, 2: true, 3: true}, []string{"load", "operations", "failed", "refused", "such as"}, rows, nil)
}

// meansToFail reports whether the operations of p are made to fail.
func (p *Phase) meansToFail() bool {
	return slices.ContainsFunc(factors, func(f factor) bool { return f.id == p.ID && f.fails })
}

// mostFlame bounds the picture that is put into the page.
const mostFlame = 4 << 20

func (r *Result) flame(page *report.Page, dir string) {
	if r.Files.Flame == "" {
		page.Heading("Where the time went")
		why := "No poll of the snapshot endpoint saw a call in flight."
		if r.Files.Trace == "" {
			why = "A flame graph needs a snapshot endpoint, which was not asked or is not there; mcpdiag proxy puts one in front of any server."
		}
		page.Paragraph(report.Faint, why)
		return
	}
	name := filepath.Base(r.Files.Flame) // whatever a verdict says, it is in the folder
	svg, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || len(svg) > mostFlame {
		return
	}
	page.Heading("Where the time went")
	page.Picture("Flame graph of the calls that the snapshots saw", svg)
	page.Links(report.Link{Name: "With search and zoom", File: name})
}

func (r *Result) budgetPart(page *report.Page) {
	var points []string
	for _, b := range r.Budgets {
		points = append(points, "Budget "+b.Text)
	}
	for _, c := range r.Baseline {
		points = append(points, c.Text)
	}
	if len(points) > 0 {
		page.Heading("Budgets and baseline")
		page.List(report.Plain, points...)
	}
}

func (r *Result) surroundings(page *report.Page) {
	var rows [][]string
	row := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	row("server", r.Target.Server)
	row("protocol", r.Target.Protocol)
	row("transport", r.Target.Transport)
	row("tool", r.Target.Tool)
	row("process", strconv.Itoa(r.Target.PID))
	row("command", report.Cell(r.Target.Command, 300))
	row("set for it", strings.Join(r.Target.Env, " "))
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		row(name, r.Environment[name])
	}
	page.Heading("Environment")
	page.Table(nil, []string{"what", ""}, rows, nil)
}

// repeat are the commands to do all of it again, and the files.
func (r *Result) repeat(page *report.Page) {
	page.Heading("To repeat it")
	if len(r.Command) > 0 {
		page.Code(CommandLine(r.Command))
	}
	for _, name := range r.Files.Rounds {
		page.Code("mcpdiag leaktest --judge " + quote(filepath.Join(r.Files.Folder, name)))
	}
	if r.Files.Memory != "" {
		page.Code("mcpdiag monitor --read " + quote(filepath.Join(r.Files.Folder, r.Files.Memory)))
	}
	page.Code("mcpdiag report " + quote(r.Files.Folder))
	var links []report.Link
	for _, l := range []report.Link{{Name: "Samples", File: r.Files.Memory}, {Name: "Load", File: r.Files.LoadLog}, {Name: "Server", File: r.Files.Server},
		{Name: "Snapshots", File: r.Files.Trace}, {Name: "Verdict", File: VerdictFile}} {
		if l.File != "" {
			l.File = filepath.Base(l.File)
			links = append(links, l)
		}
	}
	page.Links(links...)
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
