package knee

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the search for people: the levels, each with a bar of its
// throughput, and what they come to.
func (k *Knee) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", paint.Paint(report.Bold, "LOAD TEST: WHERE IT BENDS"), result.Rule)
	for _, f := range k.summary() {
		fmt.Fprintf(&b, "%-19s %s\n", f[0]+":", report.Line(f[1]))
	}
	fmt.Fprintf(&b, "%s\n", result.Rule)
	s := k.stepSection(true)
	s.Text(&b, paint, false)
	b.WriteString("\n")
	for _, line := range k.findings() {
		b.WriteString(report.Line(line) + "\n")
	}
	if k.Interrupted {
		b.WriteString(paint.Paint(report.Caution, "Interrupted: this is what was done until then.") + "\n")
	}
	if _, style := k.Verdict.Headline(); k.Verdict != result.VerdictOK {
		b.WriteString(paint.Paint(style, k.Verdict.Sentence(k.Reasons)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (k *Knee) summary() [][2]string {
	return [][2]string{
		{"Server", strings.TrimSpace(report.Cell(k.Server, 60) + " (MCP " + k.Protocol + ")")},
		{"Tool", report.Cell(k.Tool, 60)},
		{"Knee", k.headline()},
	}
}

// headline is the knee in a few words.
func (k *Knee) headline() string {
	switch p := k.Plateau; {
	case p == nil && len(k.Steps) == 0:
		return "nothing was measured"
	case p == nil:
		return "none up to " + k.Steps[len(k.Steps)-1].String()
	case p.At.Rate > 0:
		return fmt.Sprintf("%.4g calls/s", p.Knee)
	default:
		return fmt.Sprintf("%.0f users, at %.1f calls/s", p.Knee, p.Throughput)
	}
}

// barWidth is how wide the bar of the most throughput is.
const barWidth = 24

// stepSection has a row for each level; the one at which the plateau begins stands out.
func (k *Knee) stepSection(bars bool) result.Section {
	s := result.Section{Title: "Levels", Right: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}, Style: report.Caution}
	s.Header = []string{k.unit(), "calls/s", "p50", "p99", "errors"}
	most := 0.0
	for _, step := range k.Steps {
		most = max(most, step.Throughput)
	}
	for _, step := range k.Steps {
		row := []string{
			fmt.Sprintf("%.4g", step.Load()), fmt.Sprintf("%.1f", step.Throughput), report.Millis(step.P50), report.Millis(step.P99), report.Percent(step.ErrorShare),
		}
		note := k.note(&step)
		if bars {
			row = append(row, strings.Repeat("█", int(math.Round(barWidth*step.Throughput/max(most, 1e-9))))+strings.Repeat(" ", map[bool]int{true: 2}[note != ""])+note)
		} else {
			row = append(row, note)
		}
		if k.Plateau != nil && step.Level == k.Plateau.At {
			s.Mark(row...)
		} else {
			s.Add(row...)
		}
	}
	s.Header = append(s.Header, "")
	return s
}

func (k *Knee) unit() string {
	if len(k.Steps) > 0 && k.Steps[0].Rate > 0 {
		return "rate"
	}
	return "users"
}

// note is what stands out at a level.
func (k *Knee) note(s *Step) string {
	var notes []string
	if len(s.Crossed) > 0 {
		notes = append(notes, strings.Join(s.Crossed, ", ")+" fails")
	}
	if k.Plateau != nil && s.Level == k.Plateau.At {
		notes = append(notes, "the plateau begins")
	}
	if s.Limit {
		notes = append(notes, "the generator is the limit")
	}
	return report.Cell(strings.Join(notes, "; "), 60)
}

// findings are sentences of what the levels come to.
func (k *Knee) findings() []string {
	var out []string
	if p := k.Plateau; p != nil {
		out = append(out, fmt.Sprintf("It bends at %s, between %s and %s: from %s on, %s.", strings.Split(k.headline(), ",")[0], p.Low, p.High, p.At, p.Why))
	} else if len(k.Steps) > 0 {
		out = append(out, fmt.Sprintf("It does not bend up to %s.", k.Steps[len(k.Steps)-1].Level))
	}
	if o := k.Objective; o != nil {
		if len(k.contradicted()) == 0 {
			out = append(out, o.sentence())
		}
	}
	return out
}

func (o *Objective) sentence() string {
	switch {
	case o.LastPassing == nil && o.FirstFailing == nil:
		return fmt.Sprintf("%s was not tried.", o.Text)
	case o.FirstFailing == nil:
		return fmt.Sprintf("%s holds up to %s, the most that was tried.", o.Text, *o.LastPassing)
	case o.LastPassing == nil:
		return fmt.Sprintf("%s fails even at %s.", o.Text, *o.FirstFailing)
	}
	return fmt.Sprintf("%s holds up to %s and fails from %s on.", o.Text, *o.LastPassing, *o.FirstFailing)
}

// Markdown writes the search as GitHub-flavoured Markdown.
func (k *Knee) Markdown(w io.Writer) error {
	word, _ := k.Verdict.Headline()
	return result.Markdown(w, "Where it bends", word, append(k.Verdict.Because(k.Reasons), k.findings()...), k.summary(), []result.Section{k.stepSection(false)}, k.Warnings)
}

// JUnit writes the search as a JUnit report of one test: the objective holds at
// the least load and the generator was not the limit.
func (k *Knee) JUnit(w io.Writer) error {
	var details strings.Builder
	_ = k.Text(&details, false) // a Builder takes everything
	c := report.Case{Class: "mcpdiag.loadtest", Name: "find the knee", Out: details.String()}
	problem := &report.Problem{Message: strings.Join(k.Reasons, "; "), Text: details.String()}
	switch k.Verdict {
	case result.VerdictFailed, result.VerdictCrossed:
		c.Failure = problem
	case result.VerdictWithheld:
		c.Error = problem
	case result.VerdictOK:
	}
	s := report.Suite{Name: "mcpdiag loadtest --find-knee"}
	s.Add(c)
	return s.Write(w)
}

// HTML writes the search as one self-contained page.
func (k *Knee) HTML(w io.Writer) error {
	word, style := k.Verdict.Headline()
	p := report.Page{Title: "Where " + report.Cell(k.URL, 100) + " bends", Badge: word, Style: style}
	p.Subtitle = fmt.Sprintf("%s, %s", k.summary()[0][1], k.StartedAt.Format("2006-01-02 15:04:05 -0700"))
	p.List(style, k.Verdict.Because(k.Reasons)...)
	p.Facts(k.facts()...)
	p.List(report.Plain, k.findings()...)
	p.Chart(k.throughputChart())
	p.Chart(k.latencyChart())
	s := k.stepSection(false)
	p.Heading(s.Title)
	p.Table(s.Right, s.Header, s.Rows, s.Marked)
	result.Footer(&p, k.Interrupted, k.Warnings)
	return p.Write(w)
}

func (k *Knee) facts() []report.Fact {
	facts := []report.Fact{{Name: "Knee", Value: k.headline()}}
	if o := k.Objective; o != nil && o.LastPassing != nil {
		facts = append(facts, report.Fact{Name: report.Cell(o.Text, 60) + " up to", Value: o.LastPassing.String()})
	}
	return append(facts, report.Fact{Name: "Tool", Value: report.Cell(k.Tool, 60)})
}

func (k *Knee) throughputChart() report.Chart {
	measured := report.ChartLine{Name: "measured"}
	for _, s := range k.Steps {
		measured.Points = append(measured.Points, [2]float64{s.Load(), s.Throughput})
	}
	return report.Chart{Title: "Throughput", Subtitle: "calls that succeeded a second, by load", YUnit: "calls/s", XUnit: k.unit(), Lines: []report.ChartLine{measured}, Marks: k.marks()}
}

func (k *Knee) latencyChart() report.Chart {
	p50, p99 := report.ChartLine{Name: "p50"}, report.ChartLine{Name: "p99"}
	for _, s := range k.Steps {
		if s.Calls > s.Failed {
			p50.Points = append(p50.Points, [2]float64{s.Load(), s.P50})
			p99.Points = append(p99.Points, [2]float64{s.Load(), s.P99})
		}
	}
	return report.Chart{Title: "Latency", Subtitle: "of the calls that succeeded, by load", YUnit: "ms", XUnit: k.unit(), Lines: []report.ChartLine{p50, p99}, Marks: k.marks()}
}

func (k *Knee) marks() []report.ChartMark {
	if k.Plateau == nil {
		return nil
	}
	return []report.ChartMark{{X: k.Plateau.Knee, Text: "knee"}}
}
