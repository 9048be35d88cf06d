package leaktest

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/leaktest/conduct"
	"github.com/mcpdiag/mcpdiag/internal/leaktest/judge"
	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// WriteJudgement writes the verdict on recorded settled readings.
func WriteJudgement(w io.Writer, j *trend.Judgement, paint report.Painter) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Verdict: %s\n", paint.Paint(j.Verdict.Style(), j.Sentence(judge.Bytes)))
	for _, reason := range j.Reasons {
		fmt.Fprintf(&b, "  - %s\n", report.Line(reason.Text))
	}
	facts := report.Table{Indent: "  "}
	facts.Row("readings", fmt.Sprintf("%d, of which %d after the warm-up", j.Readings, j.Kept))
	if j.Span > 0 {
		facts.Row("operations", report.Count(int64(j.Span)))
		facts.Row("warm-up", report.MB(j.WarmUp)+" in the readings that were dropped")
		facts.Row("slope", fmt.Sprintf("%s per operation (95 %%: %s to %s), %s", judge.Bytes(j.Rate.Bytes), judge.Bytes(j.Rate.Low), judge.Bytes(j.Rate.High), chance(j.P)))
		facts.Row("growth", fmt.Sprintf("%s; below %s it is not called a leak; noise %s", report.MB(j.Growth), report.MB(j.Limit), report.MB(j.Noise)))
		facts.Row("limit", judge.Bytes(j.Smallest)+" per operation: the detection limit")
	}
	for _, s := range j.Steps {
		facts.Row("step", fmt.Sprintf("%s after %s operations", report.Signed(s.Size, report.MB), report.Count(int64(s.X))))
	}
	_ = facts.Write(&b, false) // a Builder takes everything
	_, err := io.WriteString(w, b.String())
	return err
}

func chance(p float64) string {
	if p < 0.0001 {
		return "p < 0.0001"
	}
	return fmt.Sprintf("p = %.4f", p)
}

// left estimates the time until the wanted rounds and the hold time are over, 0 before the
// third round and in the hold time. Rounds that the verdict wants besides are not in it.
func (p Progress) left() time.Duration {
	done, all := (p.Index-1)*p.Rounds+p.Round-1, p.Count*p.Rounds
	if done < 2 || done > all || p.State == conduct.Holding {
		return 0
	}
	left := p.Elapsed*time.Duration(all-done)/time.Duration(done) + p.Hold
	return max(0, min(left, p.Most)).Round(time.Second)
}

// Line returns the progress on one line.
func (p Progress) Line() string {
	line := fmt.Sprintf("%s  %s", report.Duration(p.Elapsed), p.State)
	if p.Phase != "" {
		line = fmt.Sprintf("%s  %s", report.Duration(p.Elapsed), p.Phase)
		if p.Count > 1 {
			line += fmt.Sprintf(" (%d of %d)", p.Index, p.Count)
		}
		line += fmt.Sprintf("  round %d of %d  %s", p.Round, p.Rounds, p.State)
	}
	if p.MB > 0 {
		line += "  " + report.MB(p.MB)
	}
	if p.Latest != "" {
		line += "  " + p.Latest
	}
	if left := p.left(); left > 0 {
		line += fmt.Sprintf("  about %s left", report.Duration(left))
	}
	return line
}
