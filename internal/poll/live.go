package poll

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// sparkWidth is the number of polls in the sparkline of the heap.
const sparkWidth = 20

// Live is the live view of a run.
type Live struct {
	start time.Time
	rows  []*row
	ticks int64
	log   []string // alerts and restarts, newest last
}

type row struct {
	target   string
	last     *snapshot.Snapshot // the last answer
	heaps    []float64
	failures int64
	failing  string // why the last poll failed, or ""
}

// NewLive returns a view of targets, in their order.
func NewLive(targets []*url.URL) *Live {
	l := &Live{}
	for _, name := range names(targets) {
		l.row(name)
	}
	return l
}

// Add adds one poll to the view.
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
		r.last = e.Snapshot
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

// shortTarget omits the parts that all targets have in common.
func shortTarget(target string) string {
	return strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/debug/snapshot")
}

// maxReasons is the number of failing targets whose error the view shows.
const maxReasons = 3

// Write draws the view, at most width columns by height lines.
func (l *Live) Write(w io.Writer, paint report.Painter, width, height int, now time.Time) error {
	var b strings.Builder
	elapsed := time.Duration(0)
	if !l.start.IsZero() { // there was a poll
		elapsed = now.Sub(l.start).Truncate(time.Second)
	}
	title := fmt.Sprintf("mcpdiag poll · %d polls · %s · Ctrl-C ends", l.ticks, elapsed)
	b.WriteString(paint.Paint(report.Bold, report.Cut(title, width)) + "\n")
	space := max(1, height-4-maxReasons-len(l.log))
	calls := l.calls()
	shown := l.shown(max(1, space-min(len(calls)+2, space/2)))
	if err := table(shown, width).Write(&b, paint); err != nil {
		return err
	}
	space -= len(shown)
	if hidden := len(l.rows) - len(shown); hidden > 0 {
		fmt.Fprintf(&b, "… and %d targets more\n", hidden)
	}
	b.WriteString(l.callLines(calls, paint, width, space))
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

// calls returns the calls in flight of all targets that answer, the oldest first.
func (l *Live) calls() []InFlight {
	var calls []InFlight
	for _, r := range l.rows {
		if r.last != nil && r.failing == "" {
			calls = append(calls, inFlight(r.target, r.last)...)
		}
	}
	oldestFirst(calls)
	return calls
}

// callLines lists the oldest calls in flight on at most height lines.
func (l *Live) callLines(calls []InFlight, paint report.Painter, width, height int) string {
	if len(calls) == 0 || height < 3 {
		return ""
	}
	limit := height - 2 // the header, and the count of the others
	t := callTable(calls, len(l.rows), limit)
	t.Width = width
	var b strings.Builder
	_ = t.Write(&b, paint) // a Builder takes everything
	if more := len(calls) - limit; more > 0 {
		fmt.Fprintf(&b, "… and %s more\n", report.Count(int64(more)))
	}
	return b.String()
}

// shown returns the n rows to show, those in trouble first if there are more.
func (l *Live) shown(n int) []*row {
	rows := slices.Clone(l.rows)
	if len(rows) > n {
		slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(b.trouble(), a.trouble()) })
		rows = rows[:n]
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
