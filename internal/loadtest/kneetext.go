package loadtest

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the search for people: the levels, each with a bar of its
// throughput, and what they come to.
func (k *Knee) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", paint.Paint(report.Bold, "LOAD TEST: WHERE IT BENDS"), rule)
	for _, f := range k.summary() {
		fmt.Fprintf(&b, "%-19s %s\n", f[0]+":", report.Line(f[1]))
	}
	fmt.Fprintf(&b, "%s\n", rule)
	s := k.stepSection(true)
	s.text(&b, paint, false)
	b.WriteString("\n")
	for _, line := range k.findings() {
		b.WriteString(report.Line(line) + "\n")
	}
	if k.Interrupted {
		b.WriteString(paint.Paint(report.Caution, "Interrupted: this is what was done until then.") + "\n")
	}
	if _, style := k.Verdict.headline(); k.Verdict != VerdictOK {
		b.WriteString(paint.Paint(style, k.Verdict.sentence(k.Reasons)) + "\n")
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
func (k *Knee) stepSection(bars bool) section {
	s := section{title: "Levels", right: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}, style: report.Caution}
	s.header = []string{k.unit(), "calls/s", "p50", "p99", "errors"}
	most := 0.0
	for _, step := range k.Steps {
		most = max(most, step.Throughput)
	}
	for _, step := range k.Steps {
		row := []string{
			fmt.Sprintf("%.4g", step.load()), fmt.Sprintf("%.1f", step.Throughput), report.Millis(step.P50), report.Millis(step.P99), report.Percent(step.ErrorShare),
		}
		note := k.note(&step)
		if bars {
			row = append(row, strings.Repeat("█", int(math.Round(barWidth*step.Throughput/max(most, 1e-9))))+strings.Repeat(" ", map[bool]int{true: 2}[note != ""])+note)
		} else {
			row = append(row, note)
		}
		if k.Plateau != nil && step.Level == k.Plateau.At {
			s.mark(row...)
		} else {
			s.add(row...)
		}
	}
	s.header = append(s.header, "")
	return s
}

func (k *Knee) unit() string {
	if len(k.Steps) > 0 && k.Steps[0].Rate > 0 {
		return "rate"
	}
	return "users"
}

// note is what stands out at a level.
func (k *Knee) note(s *KneeStep) string {
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
	return append(out, k.USL.sentences()...)
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

func (u *USL) sentences() []string {
	if u.Refused != "" {
		return []string{"Universal Scalability Law: not fitted, " + u.Refused + "."}
	}
	out := []string{fmt.Sprintf("Universal Scalability Law (R² %.3f, %d levels): contention %s, coherency %s.",
		u.R2, u.Points, u.Sigma.percent(), u.Kappa.percent())}
	if u.Peak != nil {
		out = append(out, fmt.Sprintf("By it throughput is greatest at %.0f calls at one time (95 %% interval %.0f to %.0f) and falls from there on.", u.Peak.Value, u.Peak.Low, u.Peak.High))
	} else {
		out = append(out, "By it throughput levels off and does not fall.")
	}
	return out
}

func (e Estimate) percent() string {
	return fmt.Sprintf("%.3g %% (%.2g to %.2g)", 100*e.Value, 100*e.Low, 100*e.High)
}

// Markdown writes the search as GitHub-flavoured Markdown.
func (k *Knee) Markdown(w io.Writer) error {
	word, _ := k.Verdict.headline()
	return markdown(w, "Where it bends", word, append(k.Verdict.because(k.Reasons), k.findings()...), k.summary(), []section{k.stepSection(false)}, k.Warnings)
}

// JUnit writes the search as a JUnit report of one test: the objective holds at
// the least load and the generator was not the limit.
func (k *Knee) JUnit(w io.Writer) error {
	var details strings.Builder
	_ = k.Text(&details, false) // a Builder takes everything
	c := report.Case{Class: "mcpdiag.loadtest", Name: "find the knee", Out: details.String()}
	problem := &report.Problem{Message: strings.Join(k.Reasons, "; "), Text: details.String()}
	switch k.Verdict {
	case VerdictFailed, VerdictCrossed:
		c.Failure = problem
	case VerdictWithheld:
		c.Error = problem
	case VerdictOK:
	}
	s := report.Suite{Name: "mcpdiag loadtest --find-knee"}
	s.Add(c)
	return s.Write(w)
}

// HTML writes the search as one self-contained page.
func (k *Knee) HTML(w io.Writer) error {
	word, style := k.Verdict.headline()
	p := report.Page{Title: "Where " + report.Cell(k.URL, 100) + " bends", Badge: word, Style: style}
	p.Subtitle = fmt.Sprintf("%s, %s", k.summary()[0][1], k.StartedAt.Format("2006-01-02 15:04:05 -0700"))
	p.List(style, k.Verdict.because(k.Reasons)...)
	p.Facts(k.facts()...)
	p.List(report.Plain, k.findings()...)
	p.Chart(k.throughputChart())
	p.Chart(k.latencyChart())
	s := k.stepSection(false)
	p.Heading(s.title)
	p.Table(s.right, s.header, s.rows, s.marked)
	footer(&p, k.Interrupted, k.Warnings)
	return p.Write(w)
}

func (k *Knee) facts() []report.Fact {
	facts := []report.Fact{{Name: "Knee", Value: k.headline()}}
	if o := k.Objective; o != nil && o.LastPassing != nil {
		facts = append(facts, report.Fact{Name: report.Cell(o.Text, 60) + " up to", Value: o.LastPassing.String()})
	}
	if k.USL.Refused == "" && k.USL.Peak != nil {
		facts = append(facts, report.Fact{Name: "Greatest throughput (USL)", Value: fmt.Sprintf("%.0f users", k.USL.Peak.Value)})
	}
	return append(facts, report.Fact{Name: "Tool", Value: report.Cell(k.Tool, 60)})
}

// curvePoints is how finely a fitted curve is drawn.
const curvePoints = 100

func (k *Knee) throughputChart() report.Chart {
	measured := report.ChartLine{Name: "measured"}
	for _, s := range k.Steps {
		measured.Points = append(measured.Points, [2]float64{s.load(), s.Throughput})
	}
	c := report.Chart{Title: "Throughput", Subtitle: "calls that succeeded a second, by load", YUnit: "calls/s", XUnit: k.unit(), Lines: []report.ChartLine{measured}, Marks: k.marks()}
	if n := len(k.Steps); n > 1 && k.USL.Refused == "" && k.unit() == "users" {
		fitted := report.ChartLine{Name: "Universal Scalability Law", Dashed: true}
		law := vec{k.USL.Lambda.Value, k.USL.Sigma.Value, k.USL.Kappa.Value}
		from, to := k.Steps[0].load(), k.Steps[n-1].load()
		for i := range curvePoints + 1 {
			x := from + (to-from)*float64(i)/curvePoints
			fitted.Points = append(fitted.Points, [2]float64{x, law.at(x)})
		}
		c.Lines = append(c.Lines, fitted)
	}
	return c
}

func (k *Knee) latencyChart() report.Chart {
	p50, p99 := report.ChartLine{Name: "p50"}, report.ChartLine{Name: "p99"}
	for _, s := range k.Steps {
		if s.Calls > s.Failed {
			p50.Points = append(p50.Points, [2]float64{s.load(), s.P50})
			p99.Points = append(p99.Points, [2]float64{s.load(), s.P99})
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
