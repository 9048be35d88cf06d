package monitor

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/trend"
)

// Live is the state of the live view of a run. The zero value is ready.
type Live struct {
	start time.Time
	last  map[int]*Sample // by PID; details as they were last read
	pids  []int           // in order of appearance
	total trend.Series    // of the newest process
	pid   int             // the newest process
	log   []string        // events, newest last
}

// Add adds a sample to the view.
func (l *Live) Add(s *Sample) {
	if l.last == nil {
		l.start, l.last = s.At, map[int]*Sample{}
	}
	before := l.last[s.PID]
	if before == nil {
		l.pids, l.pid, l.total = append(l.pids, s.PID), s.PID, trend.Series{}
	}
	now := *s
	if before != nil {
		now.Detail = s.Or(before.Detail) // not all are read at each tick
	}
	l.last[s.PID] = &now
	if s.PID == l.pid {
		l.total.Add(trend.Point{X: s.At.Sub(l.start).Seconds(), Y: s.RSSTotal})
	}
	if s.Event != "" {
		l.log = append(l.log[max(0, len(l.log)-2):], fmt.Sprintf("%s PID %d %s", s.At.Format(time.TimeOnly), s.PID, s.Event))
	}
}

const (
	maxRows   = 8  // processes shown
	maxHeight = 14 // lines of the chart
)

// Write draws the view into width columns and height lines.
func (l *Live) Write(w io.Writer, paint report.Painter, width, height int) error {
	if len(l.pids) == 0 {
		return nil
	}
	var b strings.Builder
	shown := l.pids[max(0, len(l.pids)-maxRows):]
	newest := l.last[l.pid]
	head := fmt.Sprintf("PID %d  %s", l.pid, report.Duration(newest.At.Sub(l.start).Round(time.Second)))
	b.WriteString(paint.Paint(report.Bold, report.Cut(head, width)) + "\n")
	for _, pid := range shown {
		lines := wrap(l.cells(pid, len(shown) > 1), width)
		if len(shown) > 1 {
			lines = lines[:1] // the most important figures come first
		}
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	for _, event := range l.log {
		b.WriteString(paint.Paint(report.Caution, report.Cell(event, width)) + "\n")
	}
	if rows := min(maxHeight, height-strings.Count(b.String(), "\n")-1); rows >= 3 {
		for _, line := range columnChart(l.total.Bins(), width, rows) {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString(paint.Paint(report.Faint, report.Cut("Ctrl-C ends the run and prints the summary", width)) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap puts cells into lines of at most width columns.
func wrap(cells []string, width int) []string {
	lines := []string{report.Cut(cells[0], width)}
	for _, cell := range cells[1:] {
		last := &lines[len(lines)-1]
		if report.Width(*last)+3+report.Width(cell) <= width {
			*last += " · " + cell
			continue
		}
		lines = append(lines, report.Cut(cell, width))
	}
	return lines
}

// cells lists the figures of a process, the most important first.
func (l *Live) cells(pid int, name bool) []string {
	s := l.last[pid]
	cells := []string{"total " + report.MB(s.RSSTotal), "process " + report.MB(s.RSS)}
	if name {
		label := fmt.Sprintf("PID %d", pid)
		if s.At.Before(l.last[l.pid].At) { // living processes have the time of this tick
			label += " (ended)"
		}
		cells = append([]string{label}, cells...)
	}
	if s.Children > 0 {
		cells = append(cells, fmt.Sprintf("children %d", s.Children))
	}
	for _, f := range figures {
		v := f.value(s)
		switch {
		case math.IsNaN(v), f.column == "swap_mb" && v == 0, strings.HasPrefix(f.column, "cgroup"), f.column == "listen":
		case strings.HasSuffix(f.column, "_mb"):
			cells = append(cells, f.label+" "+report.MB(v))
		default:
			cells = append(cells, fmt.Sprintf("%s %.*f", f.label, f.decimals, v))
		}
	}
	return cells
}

var eighths = []rune(" ▁▂▃▄▅▆▇█")

// columnChart draws the highest reading of each stretch as a column of blocks,
// with the range of the values at the left and the time below.
func columnChart(bins []trend.Bin, width, height int) []string {
	const margin = 9 // "61.4 MB │"
	columns := resample(bins, max(1, width-margin-1))
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range columns {
		low, high = min(low, v), max(high, v)
	}
	pad := max((high-low)*0.05, high*0.01, 0.1)
	low, high = max(0, low-pad), high+pad
	rows := height - 1
	lines := make([]string, 0, height)
	for row := range rows {
		label := ""
		switch row {
		case 0:
			label = report.MB(high)
		case rows - 1:
			label = report.MB(low)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%*s │", margin-1, label)
		for _, v := range columns {
			filled := (v-low)/(high-low)*float64(rows) - float64(rows-1-row)
			b.WriteRune(eighths[int(math.Round(8*min(max(filled, 0), 1)))])
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return append(lines, timeAxis(bins, margin, len(columns)))
}

func timeAxis(bins []trend.Bin, margin, columns int) string {
	span := time.Duration((bins[len(bins)-1].LastPoint.X - bins[0].First) * float64(time.Second)).Round(time.Second)
	end := report.Duration(span)
	return strings.Repeat(" ", margin) + "└" + strings.Repeat("─", max(0, columns-len(end)-2)) + " " + end
}

// resample makes at most n values of the stretches, each the highest of its part.
func resample(bins []trend.Bin, n int) []float64 {
	n = min(n, len(bins))
	columns := make([]float64, n)
	for i, b := range bins {
		at := i * n / len(bins)
		columns[at] = max(columns[at], b.High)
	}
	return columns
}
