package poll

import (
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/finding/threshold"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Alert is a condition on a snapshot, such as heap>500MB.
type Alert struct{ threshold.Condition }

// metrics are the figures that an alert can watch.
var metrics = map[string]struct {
	unit  threshold.Unit
	value func(s *snapshot.Snapshot) (float64, bool)
}{
	"heap":        {threshold.Megabytes, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.HeapUsedMB) }},
	"rss":         {threshold.Megabytes, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.RSSMB) }},
	"sessions":    {threshold.Count, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.ActiveSessions) }},
	"session-age": {threshold.Milliseconds, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.OldestSessionAgeMs) }},
	"streams":     {threshold.Count, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.OpenStreams) }},
	"calls": {threshold.Count, func(s *snapshot.Snapshot) (float64, bool) {
		return float64(len(s.ToolCallStack)), s.ToolCallStack != nil
	}},
	"queue":    {threshold.Count, func(s *snapshot.Snapshot) (float64, bool) { return float64(s.Queued()), true }},
	"oldest":   {threshold.Milliseconds, oldest},
	"latency":  {threshold.Milliseconds, func(s *snapshot.Snapshot) (float64, bool) { return s.Poll.LatencyMs, true }},
	"failures": {threshold.Count, nil}, // polls that failed in a row
}

const metricNames = "heap, rss, sessions, session-age, streams, calls, queue, queue.NAME, oldest, latency, failures"

func oldest(s *snapshot.Snapshot) (float64, bool) {
	_, age := s.Oldest()
	return float64(age) / float64(time.Millisecond), true
}

// ParseAlert parses METRIC OP LIMIT.
func ParseAlert(text string) (Alert, error) {
	c, err := threshold.Parse(text, func(metric string) (threshold.Unit, error) {
		if strings.HasPrefix(metric, "queue.") {
			return threshold.Count, nil
		}
		m, ok := metrics[metric]
		if !ok {
			return 0, fmt.Errorf("unknown metric %q; known are %s", metric, metricNames)
		}
		return m.unit, nil
	})
	return Alert{c}, err
}

// String returns the alert as written.
func (a Alert) String() string { return a.Text }

// Value returns the alert's metric in s, and whether s gives it. failures is the
// number of consecutive failed polls.
func (a Alert) Value(s *snapshot.Snapshot, failures int) (v float64, known bool) {
	if a.Metric == "failures" {
		return float64(failures), true
	}
	if s.Failed() {
		return 0, false
	}
	if handler, ok := strings.CutPrefix(a.Metric, "queue."); ok {
		return float64(s.HandlerQueue[handler]), s.HandlerQueue != nil
	}
	return metrics[a.Metric].value(s)
}
