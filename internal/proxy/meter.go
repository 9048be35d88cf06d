package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// buckets are the bounds that OpenTelemetry's conventions for MCP advise, in seconds.
var buckets = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}

// maxSeries bounds the combinations of labels of the operations: names and codes
// are bounded, and their product would still be too large.
const maxSeries = 1000

// meter holds the durations of requests and sessions under the names of
// OpenTelemetry's conventions for MCP.
type meter struct {
	series     boundedSet
	registry   *prometheus.Registry
	operations *prometheus.HistogramVec
	sessions   *prometheus.HistogramVec
}

func newMeter() *meter {
	m := &meter{
		series:   newBoundedSet(maxSeries),
		registry: prometheus.NewRegistry(),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mcp_server_operation_duration_seconds",
			Help:    "How long the server took for a request, from its last byte to its answer, as the proxy saw it.",
			Buckets: buckets,
		}, []string{"mcp_method_name", "gen_ai_tool_name", "error_type"}),
		sessions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mcp_server_session_duration_seconds",
			Help:    "How long sessions lasted, from the answer to initialize to their end.",
			Buckets: buckets,
		}, []string{"error_type"}),
	}
	m.registry.MustRegister(m.operations, m.sessions)
	return m
}

// operation adds an operation to its histogram. It reports false if there were
// too many, so that the tool counts as _OTHER.
func (m *meter) operation(method, tool, errorType string, took time.Duration) bool {
	ok := m.series.add(method + "\x00" + tool + "\x00" + errorType)
	if !ok {
		tool = other
	}
	m.operations.WithLabelValues(method, tool, errorType).Observe(took.Seconds())
	return ok
}

// session adds a session that has ended to its histogram.
func (m *meter) session(lasted time.Duration, expired bool) {
	errorType := ""
	if expired {
		errorType = "expired"
	}
	m.sessions.WithLabelValues(errorType).Observe(lasted.Seconds())
}
