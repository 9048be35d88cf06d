package snapshot

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics writes snapshots as Prometheus metrics, a document as another one
// would have it: what a snapshot does not tell is absent.
type Metrics struct {
	figures []figure
	queue   *prometheus.Desc
	calls   *prometheus.Desc
	errors  *prometheus.Desc
	held    *prometheus.Desc
}

// figure is a member of the document that is one number.
type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Snapshot) (float64, bool)
}

// NewMetrics returns the metrics of the document, each with labels besides its own.
func NewMetrics(labels ...string) *Metrics {
	desc := func(name, help string, own ...string) *prometheus.Desc {
		return prometheus.NewDesc("mcpdiag_"+name, help, append(slices.Clip(labels), own...), nil)
	}
	m := &Metrics{
		queue:  desc("queue_depth", "Calls that wait, for each handler.", "handler"),
		calls:  desc("handler_calls_total", "Calls of each handler that ended.", "handler"),
		errors: desc("handler_errors_total", "Calls of each handler that failed.", "handler"),
		held:   desc("handler_retained_bytes", "Memory that each handler keeps.", "handler"),
	}
	gauge := func(name, help string, value func(*Snapshot) (float64, bool)) {
		m.figures = append(m.figures, figure{desc(name, help), prometheus.GaugeValue, value})
	}
	counter := func(name, help string, value func(*Snapshot) (float64, bool)) {
		m.figures = append(m.figures, figure{desc(name, help), prometheus.CounterValue, value})
	}
	gauge("sessions_active", "Sessions that are open.", func(s *Snapshot) (float64, bool) { return number(s.ActiveSessions, 1) })
	gauge("session_oldest_age_seconds", "Age of the oldest open session.", func(s *Snapshot) (float64, bool) { return number(s.OldestSessionAgeMs, 1e-3) })
	gauge("streams_open", "Server-sent event streams that are open.", func(s *Snapshot) (float64, bool) { return number(s.OpenStreams, 1) })
	gauge("calls_in_flight", "Tool calls in flight.", func(s *Snapshot) (float64, bool) { return float64(len(s.ToolCallStack)), s.ToolCallStack != nil })
	gauge("call_oldest_age_seconds", "Age of the oldest tool call in flight, 0 where there is none.", func(s *Snapshot) (float64, bool) {
		_, age := s.Oldest()
		return age.Seconds(), s.ToolCallStack != nil
	})
	gauge("heap_used_bytes", "Heap in use; of a proxy's server, memory that is neither a file's nor shared.", func(s *Snapshot) (float64, bool) { return number(s.HeapUsedMB, 1<<20) })
	gauge("resident_memory_bytes", "Resident set size of the server's process.", func(s *Snapshot) (float64, bool) { return number(s.RSSMB, 1<<20) })
	gauge("server_start_time_seconds", "When the server's process started.", startSeconds)
	counter("sessions_created_total", "Sessions opened.", func(s *Snapshot) (float64, bool) { return number(s.SessionsCreatedTotal, 1) })
	counter("sessions_closed_total", "Sessions closed.", func(s *Snapshot) (float64, bool) { return number(s.SessionsClosedTotal, 1) })
	counter("calls_total", "Tool calls that ended.", func(s *Snapshot) (float64, bool) { return number(s.CallsTotal, 1) })
	counter("errors_total", "Tool calls that failed.", func(s *Snapshot) (float64, bool) { return number(s.ErrorsTotal, 1) })
	return m
}

func number[T int64 | float64](v *T, unit float64) (float64, bool) {
	n, ok := Known(v)
	return n * unit, ok
}

func startSeconds(s *Snapshot) (float64, bool) {
	if s.StartTime == nil {
		return 0, false
	}
	return float64(s.StartTime.UnixMilli()) / 1000, true
}

// Describe tells the metrics, as prometheus.Collector has it.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range m.figures {
		ch <- f.desc
	}
	for _, desc := range []*prometheus.Desc{m.queue, m.calls, m.errors, m.held} {
		ch <- desc
	}
}

// Collect writes s under the values of the labels.
func (m *Metrics) Collect(ch chan<- prometheus.Metric, s *Snapshot, labels ...string) {
	put := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, own ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, v, append(slices.Clip(labels), own...)...)
	}
	for _, f := range m.figures {
		if v, ok := f.value(s); ok {
			put(f.desc, f.kind, v)
		}
	}
	for handler, depth := range s.HandlerQueue {
		put(m.queue, prometheus.GaugeValue, float64(depth), label(handler))
	}
	for handler, h := range s.Handlers {
		if v, ok := number(h.Calls, 1); ok {
			put(m.calls, prometheus.CounterValue, v, label(handler))
		}
		if v, ok := number(h.Errors, 1); ok {
			put(m.errors, prometheus.CounterValue, v, label(handler))
		}
		if v, ok := number(h.RetainedMB, 1<<20); ok {
			put(m.held, prometheus.GaugeValue, v, label(handler))
		}
	}
}

// label makes a name one that a label can hold.
func label(name string) string { return strings.ToValidUTF8(name, "\ufffd") }
