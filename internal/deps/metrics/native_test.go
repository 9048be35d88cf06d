package metrics

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// A server on client_golang with native histograms is asked in protobuf; the true
// quantiles lie in the buckets, and only the observations between the readings count.
func TestNativeHistograms(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rpc_seconds", NativeHistogramBucketFactor: 1.1}, []string{"tool"})
	registry.MustRegister(h)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	c, err := client.New(client.Config{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		h.WithLabelValues("search").Observe(100)
	}
	first, err := scrape(t.Context(), c, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		h.WithLabelValues("search").Observe(float64(i+1) / 1000)
	}
	second, err := scrape(t.Context(), c, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := Judge(Config{Slow: 900 * time.Millisecond}, first, second)
	if len(r.Endpoints) != 1 || r.Endpoints[0].Count != 1000 || r.Endpoints[0].Endpoint != "search" {
		t.Fatalf("%+v", r.Endpoints)
	}
	for _, q := range r.Endpoints[0].Quantiles {
		if q.Low == nil || q.High == nil || *q.Low > q.Q || *q.High < q.Q || *q.High / *q.Low > 1.1 {
			t.Errorf("quantile %g is %+v", q.Q, q)
		}
	}
	if got := judged(r)["metrics.slow"]; got == "" || got[:4] != "warn" {
		t.Errorf("metrics.slow is %q", got)
	}
}
