package snapshot

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// exporter exports one snapshot.
type exporter struct {
	*Metrics
	s *Snapshot
}

func (e exporter) Collect(ch chan<- prometheus.Metric) { e.Metrics.Collect(ch, e.s) }

// TestNamesWithOneLabel exports handlers whose names are the same once they are sanitized:
// a metric that is there twice would fail the whole page.
func TestNamesWithOneLabel(t *testing.T) {
	t.Parallel()
	s, err := Decode([]byte(`{"handlerQueue":{"a\u001b":1,"a\\x1b":2},"handlers":{"a\u001b":{"calls":3,"errors":1,"retainedMB":1},"a\\x1b":{"calls":4}}}`))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(exporter{NewMetrics(), s})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{"mcpdiag_queue_depth": 3, "mcpdiag_handler_calls_total": 7, "mcpdiag_handler_errors_total": 1, "mcpdiag_handler_retained_bytes": 1 << 20} {
		if got[name] != want {
			t.Errorf("%s: %g, want %g", name, got[name], want)
		}
	}
}
