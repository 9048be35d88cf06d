package knee

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Text writes the search for a terminal: the levels, each with a bar of its
// throughput, and the conclusions.
func (k *Knee) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	result.Head(&b, paint, "LOAD TEST: WHERE IT BENDS", k.summary())
	s := k.stepSection(true)
	s.Text(&b, paint, false)
	b.WriteString("\n")
	for _, line := range k.conclusions() {
		b.WriteString(report.Line(line) + "\n")
	}
	if k.Interrupted {
		b.WriteString(paint.Paint(report.Caution, k.interruption()) + "\n")
	}
	if _, style := k.Verdict.Headline(); k.Verdict != result.VerdictOK {
		b.WriteString(paint.Paint(style, k.Verdict.Sentence(k.Reasons)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// interruption describes the end of a search and the level that it interrupted.
func (k *Knee) interruption() string {
	text := "Interrupted: the search did not finish."
	s := k.Unfinished
	if s == nil || s.Calls == 0 && s.Waiting == nil {
		return text
	}
	text += fmt.Sprintf(" At %s ", s.Level)
	if s.Calls > 0 {
		text += fmt.Sprintf("%s of %s had succeeded", report.Count(s.Calls-s.Failed), report.Plural(s.Calls, "call"))
	} else {
		text += "no call had ended"
	}
	if s.Waiting != nil {
		text += ", not counting " + s.Waiting.WaitText()
	}
	return text + "."
}

func (k *Knee) summary() [][2]string {
	return [][2]string{
		{"Server", strings.TrimSpace(report.Cell(k.Server, 60) + " (MCP " + k.Protocol + ")")},
		{"Tool", report.Cell(k.Tool, 60)},
		{"Knee", k.headline()},
	}
}

// headline states the knee. All of its figures are of one measured level.
func (k *Knee) headline() string {
	switch p := k.Plateau; {
	case len(k.Steps) == 0 && k.Interrupted:
		return "not measured: interrupted"
	case len(k.Steps) == 0:
		return "nothing was measured"
	case k.Steps[0].ErrorShare == 1:
		return "not measured: no call succeeded"
	case p == nil:
		return "none up to " + k.Steps[len(k.Steps)-1].String()
	default:
		return fmt.Sprintf("%s%s: %s", p.Measured.Level, p.between(), p.Measured.throughput())
	}
}

// between formats the levels between which the knee lies, "" if they are one.
func (p *Plateau) between() string {
	if p.Low == p.High {
		return ""
	}
	return fmt.Sprintf(" (%.4g to %.4g)", p.Low.Load(), p.High.Load())
}

// throughput formats the throughput with its spread over the measurement.
func (s *Step) throughput() string {
	text := fmt.Sprintf("%.1f calls/s", s.Throughput)
	if s.Parts != nil {
		text += fmt.Sprintf(" (%.1f to %.1f)", s.Parts.Least, s.Parts.Greatest)
	}
	return text
}

// barWidth is the width of the longest bar.
const barWidth = 24

// stepSection has a row per level. The one at which the plateau begins is highlighted.
func (k *Knee) stepSection(bars bool) result.Section {
	s := result.Section{Style: report.Caution, Table: finding.Table{
		Title: "Levels", Right: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}, Header: []string{k.unit(), "calls/s", "p50", "p99", "errors", ""},
	}}
	most := 0.0
	for _, step := range k.Steps {
		most = max(most, step.Throughput)
	}
	for _, step := range k.Steps {
		note := k.note(&step)
		if bars {
			note = strings.TrimRight(strings.Repeat("█", int(math.Round(barWidth*step.Throughput/max(most, 1e-9))))+"  "+note, " ")
		}
		row := []string{
			fmt.Sprintf("%.4g", step.Load()), fmt.Sprintf("%.1f", step.Throughput), report.Millis(step.P50), report.Millis(step.P99), report.Percent(step.ErrorShare), note,
		}
		if k.Plateau != nil && step.Level == k.Plateau.At {
			s.Mark(row...)
		} else {
			s.Add(row...)
		}
	}
	return s
}

// unit returns the heading of the load.
func (k *Knee) unit() string {
	if len(k.Steps) > 0 && k.Steps[0].Rate > 0 {
		return "rate"
	}
	return "users"
}

// note names the special properties of a level.
func (k *Knee) note(s *Step) string {
	var notes []string
	if len(s.Crossed) > 0 {
		notes = append(notes, strings.Join(s.Crossed, ", ")+" fails")
	}
	if k.Plateau != nil && s.Level == k.Plateau.Measured.Level {
		notes = append(notes, "the knee")
	}
	if k.Plateau != nil && s.Level == k.Plateau.At {
		notes = append(notes, "the plateau begins")
	}
	if s.Limit {
		notes = append(notes, "the generator is the limit")
	}
	return report.Cell(strings.Join(notes, "; "), 60)
}

// conclusions returns the conclusions as sentences.
func (k *Knee) conclusions() []string {
	var out []string
	switch p := k.Plateau; {
	case len(k.Steps) == 0 || k.Steps[0].ErrorShare == 1:
	case p != nil:
		out = append(out, fmt.Sprintf("It bends at %s. %s.", k.headline(), strings.ToUpper(p.Why[:1])+p.Why[1:]))
	default:
		out = append(out, fmt.Sprintf("It does not bend up to %s.", k.Steps[len(k.Steps)-1].Level))
	}
	if o := k.Objective; o != nil && len(k.contradicted()) == 0 {
		out = append(out, o.sentence())
	}
	return out
}

func (o *Objective) sentence() string {
	switch {
	case o.LastPassing == nil && o.FirstFailing == nil:
		return fmt.Sprintf("%s was not tested.", o.Text)
	case o.FirstFailing == nil:
		return fmt.Sprintf("%s holds up to %s, the highest load tested.", o.Text, *o.LastPassing)
	case o.LastPassing == nil:
		return fmt.Sprintf("%s fails even at %s.", o.Text, *o.FirstFailing)
	}
	return fmt.Sprintf("%s holds up to %s and fails from %s on.", o.Text, *o.LastPassing, *o.FirstFailing)
}
