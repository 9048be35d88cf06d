package snapshot

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Metrics exports snapshots as Prometheus metrics. Figures that a snapshot does not
// give are omitted.
type Metrics struct {
	figures []exported
	queue   *prometheus.Desc
	calls   *prometheus.Desc
	errors  *prometheus.Desc
	held    *prometheus.Desc
}

// exported is a figure with its metric.
type exported struct {
	*Field
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// NewMetrics returns the metrics of the document, with labels in addition to their own.
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
	for i := range Fields {
		f := &Fields[i]
		if f.Metric == "" {
			continue
		}
		kind := prometheus.GaugeValue
		if f.Total() {
			kind = prometheus.CounterValue
		}
		m.figures = append(m.figures, exported{f, desc(f.Metric, f.Help), kind})
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range m.figures {
		ch <- f.desc
	}
	for _, desc := range []*prometheus.Desc{m.queue, m.calls, m.errors, m.held} {
		ch <- desc
	}
}

// Collect sends the metrics of s with the values of the labels.
func (m *Metrics) Collect(ch chan<- prometheus.Metric, s *Snapshot, labels ...string) {
	put := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, own ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, v, append(slices.Clip(labels), own...)...)
	}
	for _, f := range m.figures {
		if v, ok := f.Value(s); ok {
			put(f.desc, f.kind, v*f.Unit.Base())
		}
	}
	queue, calls, errors, held := perHandler{}, perHandler{}, perHandler{}, perHandler{}
	for handler, depth := range s.HandlerQueue {
		queue.add(handler, float64(depth), true)
	}
	for handler, h := range s.Handlers {
		v, ok := Known(h.Calls)
		calls.add(handler, v, ok)
		v, ok = Known(h.Errors)
		errors.add(handler, v, ok)
		v, ok = Known(h.RetainedMB)
		held.add(handler, v*MB.Base(), ok)
	}
	for _, of := range []struct {
		desc   *prometheus.Desc
		kind   prometheus.ValueType
		values perHandler
	}{
		{m.queue, prometheus.GaugeValue, queue}, {m.calls, prometheus.CounterValue, calls},
		{m.errors, prometheus.CounterValue, errors}, {m.held, prometheus.GaugeValue, held},
	} {
		for handler, v := range of.values {
			put(of.desc, of.kind, v, handler)
		}
	}
}

// perHandler are the values of a metric by label: the name of the handler without control
// characters and invalid UTF-8. Names that become one label are added up: a registry fails the
// whole page if a metric occurs twice.
type perHandler map[string]float64

func (p perHandler) add(handler string, v float64, known bool) {
	if known {
		p[report.Line(handler)] += v
	}
}
