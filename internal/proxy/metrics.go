package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mcpdiag/mcpdiag/internal/snapshot"
)

var figures = snapshot.NewMetrics()

var (
	orphansDesc  = prometheus.NewDesc("mcpdiag_proxy_orphan_sessions", "Sessions whose client has not been heard of for long.", nil, nil)
	returnsDesc  = prometheus.NewDesc("mcpdiag_proxy_orphans_returned_total", "Orphans that were used again, by what the server made of them.", []string{"outcome"}, nil)
	heldDesc     = prometheus.NewDesc("mcpdiag_proxy_orphan_sessions_held", "Orphans for which the server answered when the proxy asked (--probe-orphans).", nil, nil)
	probesDesc   = prometheus.NewDesc("mcpdiag_proxy_orphan_probes_total", "Orphans that the proxy asked the server for, by what it did (--probe-orphans).", []string{"outcome"}, nil)
	outagesDesc  = prometheus.NewDesc("mcpdiag_proxy_upstream_outages_total", "Times that the server could not be reached.", nil, nil)
	failuresDesc = prometheus.NewDesc("mcpdiag_proxy_upstream_failures_total", "Requests that could not be passed to the server.", nil, nil)
	faultsDesc   = prometheus.NewDesc("mcpdiag_proxy_faults_total", "Messages that were passed on and not read because of a fault of the proxy.", nil, nil)
	overflowDesc = prometheus.NewDesc("mcpdiag_proxy_overflow_total", "Values beyond a bound of the proxy, by kind: they are counted as _OTHER or not at all.", []string{"kind"}, nil)
	expiredDesc  = prometheus.NewDesc("mcpdiag_proxy_sessions_expired_total", "Sessions that the server knew no more when they were used.", nil, nil)
)

// Describe implements prometheus.Collector.
func (p *Proxy) Describe(ch chan<- *prometheus.Desc) {
	figures.Describe(ch)
	for _, d := range []*prometheus.Desc{orphansDesc, returnsDesc, heldDesc, probesDesc, outagesDesc, failuresDesc, expiredDesc, faultsDesc, overflowDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *Proxy) Collect(ch chan<- prometheus.Metric) {
	defer p.tracker.rescue() // the registry calls it on a goroutine of its own
	d := p.Snapshot()
	figures.Collect(ch, &d.Snapshot)
	counter := func(desc *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v), labels...)
	}
	counter(outagesDesc, d.Upstream.Outages)
	counter(failuresDesc, d.Upstream.Failures)
	counter(expiredDesc, d.Proxy.ExpiredTotal)
	counter(faultsDesc, d.Proxy.FaultsTotal)
	for kind, n := range d.Proxy.Overflow {
		counter(overflowDesc, n, kind)
	}
	if o := d.Orphans; o != nil {
		ch <- prometheus.MustNewConstMetric(orphansDesc, prometheus.GaugeValue, float64(o.Sessions))
		counter(returnsDesc, o.Answered, "answered")
		counter(returnsDesc, o.Gone, "gone")
		counter(returnsDesc, o.Undecided, "undecided")
		if o.Probes != nil {
			ch <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, float64(*o.Held))
			counter(probesDesc, o.Probes.Held, string(probeHeld))
			counter(probesDesc, o.Probes.Gone, string(probeGone))
			counter(probesDesc, o.Probes.Undecided, string(probeUndecided))
		}
	}
}
