package poll

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Alert is a condition on a snapshot, such as heap>500MB.
type Alert struct {
	text   string
	metric string // "heap", or "queue.search"
	op     string
	limit  float64 // in the metric's unit
	unit   unit
}

// unit is what a metric is measured in.
type unit int

const (
	count     unit = iota
	megabytes      // 2^20 bytes
	milliseconds
)

// metrics are the figures that an alert can watch.
var metrics = map[string]struct {
	unit  unit
	value func(s *snapshot.Snapshot) (float64, bool)
}{
	"heap":        {megabytes, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.HeapUsedMB) }},
	"rss":         {megabytes, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.RSSMB) }},
	"sessions":    {count, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.ActiveSessions) }},
	"session-age": {milliseconds, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.OldestSessionAgeMs) }},
	"streams":     {count, func(s *snapshot.Snapshot) (float64, bool) { return snapshot.Known(s.OpenStreams) }},
	"calls": {count, func(s *snapshot.Snapshot) (float64, bool) {
		return float64(len(s.ToolCallStack)), s.ToolCallStack != nil
	}},
	"queue":    {count, func(s *snapshot.Snapshot) (float64, bool) { return float64(s.Queued()), true }},
	"oldest":   {milliseconds, oldest},
	"latency":  {milliseconds, func(s *snapshot.Snapshot) (float64, bool) { return s.Poll.LatencyMs, true }},
	"failures": {count, nil}, // polls that failed in a row
}

const metricNames = "heap, rss, sessions, session-age, streams, calls, queue, queue.NAME, oldest, latency, failures"

func oldest(s *snapshot.Snapshot) (float64, bool) {
	_, age := s.Oldest()
	return float64(age) / float64(time.Millisecond), true
}

// A handler's name may hold anything, so the last operator counts.
var alertForm = regexp.MustCompile(`^\s*(.+?)\s*(>=|<=|>|<)\s*([^<>=]+?)\s*$`)

// ParseAlert reads METRIC OP VALUE, the value with a unit where the metric has one.
func ParseAlert(text string) (Alert, error) {
	m := alertForm.FindStringSubmatch(text)
	if m == nil {
		return Alert{}, fmt.Errorf("%q is no alert; it looks like 'heap>500MB'", text)
	}
	a := Alert{text: m[1] + m[2] + m[3], metric: m[1], op: m[2]}
	if !strings.HasPrefix(a.metric, "queue.") {
		metric, ok := metrics[a.metric]
		if !ok {
			return Alert{}, fmt.Errorf("there is no metric %q; there are %s", a.metric, metricNames)
		}
		a.unit = metric.unit
	}
	limit, err := a.unit.parse(m[3])
	if err != nil {
		return Alert{}, fmt.Errorf("alert %q: %w", text, err)
	}
	a.limit = limit
	return a, nil
}

func (u unit) parse(s string) (float64, error) {
	switch u {
	case megabytes:
		for suffix, factor := range map[string]float64{"GB": 1024, "MB": 1, "KB": 1.0 / 1024} {
			if digits, ok := strings.CutSuffix(strings.ToUpper(s), suffix); ok {
				v, ok := number(strings.TrimSpace(digits))
				return v * factor, wrong(s, "500MB", ok)
			}
		}
		v, ok := number(s)
		return v, wrong(s, "500MB", ok)
	case milliseconds:
		if v, ok := number(s); ok {
			return v * 1000, nil
		}
		d, err := time.ParseDuration(s)
		return float64(d) / float64(time.Millisecond), wrong(s, "30s", err == nil)
	case count:
	}
	v, ok := number(s)
	return v, wrong(s, "100", ok)
}

var decimal = regexp.MustCompile(`^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$`)

// number reads a decimal number. strconv alone would take NaN, which nothing
// crosses, and infinity.
func number(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && decimal.MatchString(s)
}

func wrong(s, example string, ok bool) error {
	if !ok {
		return fmt.Errorf("%q is not a value like %s", s, example)
	}
	return nil
}

// String is the alert as it was written.
func (a Alert) String() string { return a.text }

// Value is what s says of the alert's metric, and whether it says anything.
// failures is how many polls have failed in a row.
func (a Alert) Value(s *snapshot.Snapshot, failures int) (v float64, known bool) {
	if a.metric == "failures" {
		return float64(failures), true
	}
	if s.Failed() {
		return 0, false
	}
	if handler, ok := strings.CutPrefix(a.metric, "queue."); ok {
		return float64(s.HandlerQueue[handler]), s.HandlerQueue != nil
	}
	return metrics[a.metric].value(s)
}

// Crossed reports whether v is beyond the limit.
func (a Alert) Crossed(v float64) bool {
	switch a.op {
	case ">":
		return v > a.limit
	case ">=":
		return v >= a.limit
	case "<":
		return v < a.limit
	}
	return v <= a.limit
}

// Format writes v with the metric's unit.
func (a Alert) Format(v float64) string {
	switch a.unit {
	case megabytes:
		return report.MB(v)
	case milliseconds:
		return report.Millis(v)
	case count:
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
