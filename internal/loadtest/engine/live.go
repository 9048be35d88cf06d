package engine

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/plan"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Live is the view of a run in progress.
type Live struct {
	length time.Duration // of the run, 0 if unknown
	last   Progress
	rate   float64  // recent calls per second, smoothed
	lined  Progress // at the last Line
	level  string   // of a search
}

// NewLive returns the view of a plan.
func NewLive(p *plan.Plan) *Live { return &Live{length: p.Length()} }

// smooth is the weight of the newest measurement in the displayed rate.
const smooth = 0.3

// Add updates the view.
func (l *Live) Add(p Progress) {
	if took := (p.Elapsed - l.last.Elapsed).Seconds(); took > 0 && p.Done >= l.last.Done {
		now := float64(p.Done-l.last.Done) / took
		if l.rate == 0 {
			l.rate = now
		}
		l.rate += smooth * (now - l.rate)
	}
	l.last = p
}

// Line returns the figures on one line. Its rate is that since the line before.
func (l *Live) Line() string {
	rate := 0.0
	if took := (l.last.Elapsed - l.lined.Elapsed).Seconds(); took > 0 {
		rate = float64(l.last.Done-l.lined.Done) / took
	}
	l.lined = l.last
	return fmt.Sprintf("%8s  %sfailed %s", report.Duration(l.last.Elapsed.Round(time.Second)), l.figures(rate), report.Count(l.last.Failed))
}

// figures formats the latest figures, with a rate in calls per second.
func (l *Live) figures(rate float64) string {
	p := l.last
	text := fmt.Sprintf("%s users  %s calls  %s/s  p50 %s  p99 %s  ", report.Count(int64(p.Users)), report.Count(p.Done), rateText(rate), report.Duration(p.P50), report.Duration(p.P99))
	if p.Round > 1 {
		text = fmt.Sprintf("round %d  ", p.Round) + text
	}
	return text
}

// rateText formats a rate, with a decimal if it is low.
func rateText(rate float64) string {
	if rate < 100 {
		return fmt.Sprintf("%.1f", rate)
	}
	return report.Count(int64(rate + 0.5))
}

// At sets the level that a search measures.
func (l *Live) At(level string) {
	l.level = level
	l.rate, l.last, l.lined = 0, Progress{}, Progress{}
}

// Write draws the view in width columns: a bar with the remaining time, and the figures.
func (l *Live) Write(w io.Writer, paint report.Painter, width int) error {
	p := l.last
	share, left := l.done()
	head := fmt.Sprintf("%3.0f %%  %s", 100*share, report.Duration(p.Elapsed.Round(time.Second)))
	if left >= time.Second {
		head = fmt.Sprintf("%3.0f %%  %s left", 100*share, report.Duration(left.Round(time.Second)))
	}
	failed := fmt.Sprintf("failed %s", report.Count(p.Failed))
	figures := l.figures(l.rate)
	if l.level != "" {
		_, err := fmt.Fprintln(w, report.Cut("trying "+l.level+":  "+figures+failed, width))
		return err
	}
	line := report.Cut(figures+failed, width)
	if p.Failed > 0 {
		line = strings.Replace(line, failed, paint.Paint(report.Bad, failed), 1)
	}
	_, err := fmt.Fprintf(w, "%s%s\n%s\n", bar(share, width-len(head), paint), head, line)
	return err
}

// bar draws a share of 1, nothing if width is too small.
func bar(share float64, width int, paint report.Painter) string {
	const least, most, gap = 10, 40, "  "
	room := min(width-len(gap), most)
	if room < least {
		return ""
	}
	filled := min(int(share*float64(room)), room)
	return paint.Paint(report.Good, strings.Repeat("█", filled)) + strings.Repeat("░", room-filled) + gap
}

// done returns the completed share of the run and the remaining time.
func (l *Live) done() (share float64, left time.Duration) {
	p := l.last
	switch {
	case l.length > 0:
		return min(float64(p.Elapsed)/float64(l.length), 1), max(l.length-p.Elapsed, 0)
	case p.Planned > 0:
		share = min(float64(p.Done)/float64(p.Planned), 1)
		if l.rate > 0 {
			left = time.Duration(float64(p.Planned-p.Done) / l.rate * float64(time.Second))
		}
	}
	return share, left
}
