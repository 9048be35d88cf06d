package leaktest

import (
	"fmt"
	"io"
	"math"
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
