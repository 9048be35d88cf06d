package poll

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// column is a column of the live view. On a narrow terminal the columns with the least
// need go first; those with need 0 stay.
type column struct {
	title string
	right bool
	need  int
	cell  func(*row) string
}

var columns = []column{
	{"TARGET", false, 0, func(r *row) string { return report.Cell(shortTarget(r.target), 32) }},
	{"FAILED", true, 3, func(r *row) string { return report.Cell(strconv.FormatInt(r.failures, 10), 6) }},
	{"SESSIONS", true, 6, answered(func(s *snapshot.Snapshot) string { return report.Cell(sessions(s), 9) })},
	{"HEAP", true, 5, answered(heap)},
	{"", false, 1, func(r *row) string { return Sparkline(r.heaps) }},
	{"CALLS", true, 0, answered(calls)},
	{"OLDEST", false, 7, answered(oldestCell)},
	{"QUEUED", false, 2, answered(queues)},
	{"LATENCY", true, 4, answered(func(s *snapshot.Snapshot) string { return report.Millis(s.Poll.LatencyMs) })},
}

// answered returns the cell of the last answer, "-" while the target fails.
func answered(cell func(*snapshot.Snapshot) string) func(*row) string {
	return func(r *row) string {
		if r.last == nil || r.failing != "" {
			return "-"
		}
		return cell(r.last)
	}
}

// titleOf returns the title of a column for rows.
func (c *column) titleOf(rows []*row) string {
	if c.title == "HEAP" && slices.ContainsFunc(rows, func(r *row) bool { return r.last != nil && r.last.HeapSource == snapshot.HeapOfProcess }) {
		return "MEMORY"
	}
	return c.title
}

// width returns the width of a column for rows.
func (c *column) width(rows []*row) int {
	width := report.Width(c.titleOf(rows))
	for _, r := range rows {
		width = max(width, report.Width(c.cell(r)))
	}
	return width
}

// fitting returns the columns that fit into width.
func fitting(rows []*row, width int) []column {
	shown := slices.Clone(columns)
	total := -2
	for _, c := range shown {
		total += c.width(rows) + 2
	}
	for total > width {
		least := -1
		for i, c := range shown {
			if c.need > 0 && (least < 0 || c.need < shown[least].need) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		total -= shown[least].width(rows) + 2
		shown = slices.Delete(shown, least, least+1)
	}
	return shown
}

// table lays out rows in the columns that fit into width.
func table(rows []*row, width int) *report.Table {
	t := &report.Table{Right: map[int]bool{}, Width: width}
	var titles []string
	cells := make([][]string, len(rows))
	for _, c := range fitting(rows, width) {
		t.Right[len(titles)] = c.right
		titles = append(titles, c.titleOf(rows))
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

// queues formats the three deepest queues.
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

// Sparkline draws values as bars between their minimum and maximum.
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
