package leaktest

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

const rule = "======================================================================"

// style returns the style of the verdict.
func (r *Result) style() report.Style {
	if s := r.summary(); s.MayLeak() {
		return report.Caution
	}
	return r.Verdict.Style()
}

// Text writes the analysis in the shape of common test scripts, with the verdict in
// place of their rule of 50 % growth.
func (r *Result) Text(w io.Writer, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TEST RESULTS ANALYSIS\n%s\nMemory Analysis:\n", rule)
	for _, row := range []struct {
		label string
		mb    float64
	}{{"Initial memory:", r.Memory.InitialMB}, {"Final memory:", r.Memory.FinalMB}, {"Peak memory:", r.Memory.PeakMB}, {"Memory growth:", r.Memory.GrowthMB}} {
		fmt.Fprintf(&b, "  %-18s %.2f MB\n", row.label, row.mb)
	}
	fmt.Fprintf(&b, "  %-18s %.2f%%\n", "Growth percentage:", r.Memory.GrowthPercent)
	fmt.Fprintf(&b, "\nVerdict: %s\n", paint.Paint(r.style(), report.Line(r.Sentence)))
	for _, p := range r.Phases {
		phaseText(&b, p, paint, len(r.Phases) > 1)
	}
	if err := r.explained(&b, paint); err != nil {
		return err
	}
	if r.CPU != nil && len(r.CPU.Functions) > 0 {
		fmt.Fprintf(&b, "\n%s\n", r.CPU.Line())
	}
	r.advice(&b)
	r.outputs(&b)
	b.WriteString(rule + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// phaseText writes the verdict on a phase, its reasons and its counts.
func phaseText(b *strings.Builder, p *judge.Phase, paint report.Painter, titled bool) {
	if titled {
		fmt.Fprintf(b, "\n%s: %s\n", p.ID, paint.Paint(p.Verdict().Style(), report.Line(p.Sentence())))
		if len(p.Explained) > 0 {
			fmt.Fprintf(b, "  explained by what is kept per %s\n", strings.Join(p.Explained, " and per "))
		}
	}
	if !titled || p.Verdict() != trend.NoLeak {
		for _, reason := range p.Trend.Reasons {
			fmt.Fprintf(b, "  - %s\n", report.Line(reason.Text))
		}
	}
	fmt.Fprintf(b, "  %s: %s operations in %d rounds", report.Line(p.Does), report.Count(p.Operations), p.RoundsDone())
	if p.Failed > 0 && !p.MeantToFail {
		fmt.Fprintf(b, ", %s failed", report.Count(p.Failed))
	}
	b.WriteByte('\n')
	for _, kind := range slices.Sorted(maps.Keys(p.Errors)) {
		if !p.MeantToFail {
			fmt.Fprintf(b, "  %s, such as: %s\n", kind, report.Cell(p.Errors[kind], 160))
		}
	}
	figuresText(b, p)
}

// explained writes the holders and lines of each leak.
func (r *Result) explained(b *strings.Builder, paint report.Painter) error {
	for _, x := range r.Explained {
		fmt.Fprintf(b, "\nWhat is kept per %s, measured over %s operations after the verdict:\n", report.Line(x.Per), report.Count(int64(x.Heap.Operations)))
		for _, t := range x.Heap.Tables() {
			t.Title, t.Note, t.Rows = "", "", t.Rows[:min(len(t.Rows), shownRows)]
			if err := t.Text(b, paint); err != nil {
				return err
			}
		}
	}
	return nil
}

// shownRows is the number of holders, lines and classes in the text.
const shownRows = 3

// figuresText writes the counts that changed, the warm-up and the detection limit.
func figuresText(b *strings.Builder, p *judge.Phase) {
	for _, c := range p.Counts {
		if c.Before == c.After && !c.IsSessions() && !c.IsHeld() {
			continue
		}
		fmt.Fprintf(b, "  %s: %.0f before, %.0f after", c.What, c.Before, c.After)
		if c.IsHeld() {
			fmt.Fprintf(b, " (%.2f per %s)", c.PerOperation, p.Per)
		}
		b.WriteByte('\n')
	}
	if note := p.CountNote(); note != "" {
		fmt.Fprintf(b, "  %s\n", note)
	}
	if t := &p.Trend; t.WarmUp > 0 {
		fmt.Fprintf(b, "  warm-up: %s in the first %d readings, which were dropped\n", report.MB(t.WarmUp), t.Readings-t.Kept)
	}
	if t := &p.Trend; t.Verdict == trend.Leak && t.Smallest > 0 {
		fmt.Fprintf(b, "  detection limit: %s per %s\n", judge.Bytes(t.Smallest), p.Per)
	}
}

func (r *Result) advice(b *strings.Builder) {
	for _, c := range r.Budgets {
		fmt.Fprintf(b, "\nBudget %s", report.Line(c.Text))
	}
	for _, c := range r.Baseline {
		fmt.Fprintf(b, "\nBaseline: %s", report.Line(c.Text))
	}
	if len(r.Budgets)+len(r.Baseline) > 0 {
		b.WriteByte('\n')
	}
	for _, c := range r.Causes {
		fmt.Fprintf(b, "\nKept per %s. What it usually means:\n  %s\nWhere to look:\n  %s\n", report.Line(c.Per), report.Line(c.Means), report.Line(c.Look))
	}
}

func (r *Result) outputs(b *strings.Builder) {
	at := func(label, name string) {
		if name != "" {
			fmt.Fprintf(b, "  %-16s %s\n", label, report.Line(filepath.Join(r.Files.Folder, name)))
		}
	}
	if r.Files.Folder == "" {
		return
	}
	b.WriteString("\nOutput files:\n")
	at("Memory data:", r.Files.Memory)
	at("Load test log:", r.Files.LoadLog)
	at("Server log:", r.Files.Server)
	for _, name := range r.Files.Rounds[:min(len(r.Files.Rounds), 1)] {
		at("Rounds:", name)
	}
	at("Flame graph:", r.Files.Flame)
	at("Report:", ReportFile)
	at("Picture:", pictureFile)
}
