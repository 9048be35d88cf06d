package poll

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

// Exporter exports the last poll of each target as Prometheus metrics.
type Exporter struct {
	figures *snapshot.Metrics
	handler http.Handler

	mu      sync.Mutex
	targets map[string]*exported
}

// exported is the state of one target.
type exported struct {
	last     *snapshot.Snapshot // the last poll, failed or not
	polls    float64
	failures float64
	restarts float64
	crossed  map[string]bool // alerts that are crossed now
}

var targetLabel = []string{"target"}

var (
	upDesc       = prometheus.NewDesc("mcpdiag_up", "Whether the last poll was answered.", targetLabel, nil)
	latencyDesc  = prometheus.NewDesc("mcpdiag_poll_latency_seconds", "How long the last poll took.", targetLabel, nil)
	pollsDesc    = prometheus.NewDesc("mcpdiag_polls_total", "Polls.", targetLabel, nil)
	failuresDesc = prometheus.NewDesc("mcpdiag_poll_failures_total", "Polls that were not answered.", targetLabel, nil)
	restartsDesc = prometheus.NewDesc("mcpdiag_restarts_total", "Restarts of the server that were seen.", targetLabel, nil)
	alertDesc    = prometheus.NewDesc("mcpdiag_alert_crossed", "Whether an alert of mcpdiag poll is crossed.", []string{"target", "alert"}, nil)
)

// NewExporter returns an Exporter without polls.
func NewExporter() *Exporter {
	e := &Exporter{figures: snapshot.NewMetrics(targetLabel...), targets: map[string]*exported{}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(e)
	e.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return e
}

// ServeHTTP answers with the metrics.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.handler.ServeHTTP(w, r) }

// Add adds one poll.
func (e *Exporter) Add(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.targets[event.Target]
	if t == nil {
		t = &exported{crossed: map[string]bool{}}
		e.targets[event.Target] = t
	}
	t.last = event.Snapshot
	t.polls++
	if event.Snapshot.Failed() {
		t.failures++
	}
	if event.Restart != "" {
		t.restarts++
	}
	for _, c := range event.Crossed {
		t.crossed[c.Alert] = true
	}
	for _, a := range event.Cleared {
		t.crossed[a.String()] = false
	}
}

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) {
	e.figures.Describe(ch)
	for _, d := range []*prometheus.Desc{upDesc, latencyDesc, pollsDesc, failuresDesc, restartsDesc, alertDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. The figures of a failing target are omitted.
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for target, t := range e.targets {
		put := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, kind, v, append([]string{target}, labels...)...)
		}
		up := 1.0
		if t.last.Failed() {
			up = 0
		} else {
			e.figures.Collect(ch, t.last, target)
			put(latencyDesc, prometheus.GaugeValue, t.last.Poll.LatencyMs/1000)
		}
		put(upDesc, prometheus.GaugeValue, up)
		put(pollsDesc, prometheus.CounterValue, t.polls)
		put(failuresDesc, prometheus.CounterValue, t.failures)
		put(restartsDesc, prometheus.CounterValue, t.restarts)
		for alert, crossed := range t.crossed {
			v := 0.0
			if crossed {
				v = 1
			}
			put(alertDesc, prometheus.GaugeValue, v, alert)
		}
	}
}
