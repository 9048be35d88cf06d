package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// buckets are those that OpenTelemetry's conventions for MCP advise, in seconds.
var buckets = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}

// meter keeps how long requests and sessions took, under the names that
// OpenTelemetry's conventions for MCP give them.
type meter struct {
	registry   *prometheus.Registry
	operations *prometheus.HistogramVec
	sessions   *prometheus.HistogramVec
}

func newMeter() *meter {
	m := &meter{
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

func (m *meter) operation(op *operation, how outcome, took time.Duration) {
	m.operations.WithLabelValues(op.method, op.tool, string(how)).Observe(took.Seconds())
}

func (m *meter) session(lasted time.Duration, expired bool) {
	why := ""
	if expired {
		why = "expired"
	}
	m.sessions.WithLabelValues(why).Observe(lasted.Seconds())
}
