package poll

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// sparkWidth is how many polls the sparkline of a heap shows.
const sparkWidth = 20

// Live is what a live view shows of a run.
type Live struct {
	start time.Time
	rows  []*row
	ticks int64
	log   []string // alerts and restarts, newest last
}

type row struct {
	target   string
	last     *snapshot.Snapshot // the last that was answered
	heaps    []float64
	failures int64
	failing  string // why the last poll failed, or ""
	latency  float64
}

// NewLive returns a view of targets, in their order.
func NewLive(targets []*url.URL) *Live {
	l := &Live{}
	for _, name := range names(targets) {
		l.row(name)
	}
	return l
}

// Add takes one poll into the view.
func (l *Live) Add(e Event) {
	at := e.Snapshot.Poll.At
	if l.start.IsZero() {
		l.start = at.Time
	}
	l.ticks++
	r := l.row(e.Target)
	r.failing = e.Snapshot.Poll.Error
	if r.failing != "" {
		r.failures++
	} else {
		if err := unreachable(e.Snapshot); err != nil {
			r.failing = err.Error()
			r.failures++
		}
		r.last, r.latency = e.Snapshot, e.Snapshot.Poll.LatencyMs
		if heap := e.Snapshot.HeapUsedMB; heap != nil {
			r.heaps = append(r.heaps[max(0, len(r.heaps)-sparkWidth+1):], *heap)
		}
	}
	for _, line := range e.Lines() {
		l.log = append(l.log[max(0, len(l.log)-4):], at.Format(time.TimeOnly)+" "+line)
	}
}

func (l *Live) row(target string) *row {
	for _, r := range l.rows {
		if r.target == target {
			return r
		}
	}
	l.rows = append(l.rows, &row{target: target})
	return l.rows[len(l.rows)-1]
}

// Lines say what is worth a line in a log besides the poll itself.
func (e Event) Lines() []string {
	var lines []string
	if e.Restart != "" {
		lines = append(lines, fmt.Sprintf("restart  %s: %s", e.Target, e.Restart))
	}
	for _, c := range e.Crossed {
		lines = append(lines, fmt.Sprintf("alert    %s: %s (%s)", e.Target, c.Alert, c.Text))
	}
	for _, a := range e.Over {
		lines = append(lines, fmt.Sprintf("over     %s: %s", e.Target, a))
	}
	return lines
}

// column is a column of the view, shown on terminals of at least so many columns.
type column struct {
	title string
	right bool
	least int
	cell  func(*row) string
}

var columns = []column{
	{"TARGET", false, 0, func(r *row) string { return report.Cell(shortTarget(r.target), 32) }},
	{"FAILED", true, 0, func(r *row) string { return report.Cell(strconv.FormatInt(r.failures, 10), 6) }},
	{"SESSIONS", true, 76, answered(func(s *snapshot.Snapshot) string { return report.Cell(sessions(s), 9) })},
	{"HEAP", true, 0, answered(heap)},
	{"", false, 124, func(r *row) string { return Sparkline(r.heaps) }},
	{"CALLS", true, 0, answered(calls)},
	{"OLDEST", false, 0, answered(oldestCell)},
	{"QUEUED", false, 104, answered(queues)},
	{"LATENCY", true, 90, func(r *row) string { return report.Millis(r.latency) }},
}

// answered is what cell makes of the last answer, while the target answers.
func answered(cell func(*snapshot.Snapshot) string) func(*row) string {
	return func(r *row) string {
		if r.last == nil || r.failing != "" {
			return "-"
		}
		return cell(r.last)
	}
}

// shortTarget leaves out what all targets have in common.
func shortTarget(target string) string {
	return strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/debug/snapshot")
}

// maxReasons is for how many targets the view says why they fail.
const maxReasons = 3

// Write draws the view, at most width columns by height lines.
func (l *Live) Write(w io.Writer, paint report.Painter, width, height int, now time.Time) error {
	var b strings.Builder
	title := fmt.Sprintf("mcpdiag poll · %d polls · %s · Ctrl-C ends", l.ticks, now.Sub(l.start).Truncate(time.Second))
	b.WriteString(paint.Paint(report.Bold, report.Cut(title, width)) + "\n")
	shown := l.shown(max(1, height-4-maxReasons-len(l.log)))
	if err := table(shown, width).Write(&b, paint); err != nil {
		return err
	}
	if hidden := len(l.rows) - len(shown); hidden > 0 {
		fmt.Fprintf(&b, "… and %d targets more\n", hidden)
	}
	reasons := 0
	for _, r := range shown {
		if r.failing != "" && reasons < maxReasons {
			b.WriteString(paint.Paint(report.Bad, report.Cell(shortTarget(r.target)+" fails: "+r.failing, width)) + "\n")
			reasons++
		}
	}
	for _, line := range l.log {
		b.WriteString(paint.Paint(report.Caution, report.Cell(line, width)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table lays out rows in the columns for which width has room.
func table(rows []*row, width int) *report.Table {
	t := &report.Table{Right: map[int]bool{}, Width: width}
	var titles []string
	cells := make([][]string, len(rows))
	for _, c := range columns {
		if width < c.least {
			continue
		}
		t.Right[len(titles)] = c.right
		titles = append(titles, c.title)
		for i, r := range rows {
			cells[i] = append(cells[i], c.cell(r))
		}
	}
	t.Styled(report.Faint, titles...)
	for i, r := range rows {
		style := report.Plain
		if r.failing != "" {
			style = report.Bad
		}
		t.Styled(style, cells[i]...)
	}
	return t
}

// shown are the rows to show where not all have room: those in trouble first.
func (l *Live) shown(room int) []*row {
	rows := slices.Clone(l.rows)
	if len(rows) > room {
		slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(b.trouble(), a.trouble()) })
		rows = rows[:room]
	}
	return rows
}

func (r *row) trouble() time.Duration {
	if r.failing != "" || r.last == nil {
		return time.Duration(1<<63 - 1)
	}
	_, age := r.last.Oldest()
	return age
}

func sessions(s *snapshot.Snapshot) string {
	if s.ActiveSessions == nil {
		return "-"
	}
	return report.Count(*s.ActiveSessions)
}

func calls(s *snapshot.Snapshot) string {
	if s.ToolCallStack == nil {
		return "-"
	}
	return strconv.Itoa(len(s.ToolCallStack))
}

func heap(s *snapshot.Snapshot) string {
	if s.HeapUsedMB == nil {
		return "-"
	}
	return report.MB(*s.HeapUsedMB)
}

func oldestCell(s *snapshot.Snapshot) string {
	call, age := s.Oldest()
	if call == nil {
		return "-"
	}
	return report.Cell(call.Name, 20) + " " + report.Duration(age)
}

// queues are the deepest queues, three at most.
func queues(s *snapshot.Snapshot) string {
	names := slices.SortedFunc(maps.Keys(s.HandlerQueue), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.HandlerQueue[b], s.HandlerQueue[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		if depth := s.HandlerQueue[name]; depth > 0 && len(parts) < 3 {
			parts = append(parts, fmt.Sprintf("%s:%d", report.Cell(name, 16), depth))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " ")
}

var bars = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws values as bars between their least and their greatest.
func Sparkline(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	lo, hi := slices.Min(values), slices.Max(values)
	line := make([]rune, len(values))
	for i, v := range values {
		line[i] = bars[0]
		if hi > lo {
			line[i] = bars[int((v-lo)/(hi-lo)*float64(len(bars)-1)+0.5)]
		}
	}
	return string(line)
}
