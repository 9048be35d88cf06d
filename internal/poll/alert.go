package poll

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/finding/threshold"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Alert is a condition on a snapshot, such as heap>500MB.
type Alert struct{ threshold.Condition }

// AlertMetrics returns the names of the metrics that an alert can watch.
func AlertMetrics() []string {
	var names []string
	for _, f := range snapshot.Fields {
		if f.Alert != "" {
			names = append(names, f.Alert)
		}
	}
	return append(names, "queue.NAME", "latency", "failures")
}

// alertUnits are the units of alerts on figures.
var alertUnits = map[snapshot.Unit]threshold.Unit{
	snapshot.Count: threshold.Count, snapshot.MB: threshold.Megabytes, snapshot.Millis: threshold.Milliseconds,
}

func alertField(metric string) *snapshot.Field {
	i := slices.IndexFunc(snapshot.Fields, func(f snapshot.Field) bool { return f.Alert == metric })
	if i < 0 || metric == "" {
		return nil
	}
	return &snapshot.Fields[i]
}

// ParseAlert parses METRIC OP LIMIT.
func ParseAlert(text string) (Alert, error) {
	c, err := threshold.Parse(text, func(metric string) (threshold.Unit, error) {
		switch f := alertField(metric); {
		case f != nil:
			return alertUnits[f.Unit], nil
		case metric == "latency":
			return threshold.Milliseconds, nil
		case metric == "failures", strings.HasPrefix(metric, "queue."):
			return threshold.Count, nil
		}
		return 0, fmt.Errorf("unknown metric %q; known are %s", metric, strings.Join(AlertMetrics(), ", "))
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
	if a.Metric == "latency" {
		return s.Poll.LatencyMs, true
	}
	return alertField(a.Metric).Value(s)
}

// listed reports whether s lists the queue of the alert, true for alerts on other figures.
func (a Alert) listed(s *snapshot.Snapshot) bool {
	handler, isQueue := strings.CutPrefix(a.Metric, "queue.")
	_, listed := s.HandlerQueue[handler]
	return listed || !isQueue
}

// ParseAlerts parses alerts.
func ParseAlerts(texts []string) ([]Alert, error) {
	var alerts []Alert
	for _, text := range texts {
		alert, err := ParseAlert(text)
		if err != nil {
			return nil, err
		}
		alerts = append(alerts, alert)
	}
	return alerts, nil
}
