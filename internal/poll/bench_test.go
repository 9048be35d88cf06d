package poll

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// BenchmarkSchedule polls a server that answers in 0 to 50 ms, at 100 ms for 60 s,
// and reports how far the worst tick was off its schedule. Run it once, on an
// idle machine: -benchtime 1x.
func BenchmarkSchedule(b *testing.B) {
	const interval = 100 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(rand.N(50 * time.Millisecond))
		_, _ = w.Write([]byte(`{"heapUsedMB": 1}`))
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	c, err := client.New(client.Config{})
	if err != nil {
		b.Fatal(err)
	}
	worst, skipped := time.Duration(0), int64(0)
	for b.Loop() {
		var first time.Time
		tick := int64(0)
		_, err := Run(context.Background(), Config{Targets: []*url.URL{target}, Interval: interval, Count: 600}, c, func(e Event) error {
			p := e.Snapshot.Poll
			if first.IsZero() {
				first = p.At.Time
			}
			tick += p.Skipped
			skipped += p.Skipped
			worst = max(worst, p.At.Sub(first.Add(time.Duration(tick)*interval)).Abs())
			tick++
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(worst)/float64(time.Millisecond), "worst-ms")
	b.ReportMetric(float64(skipped), "skipped")
}

// BenchmarkTargets polls 500 servers at 1 s for 10 s and reports how many ticks
// were missed.
func BenchmarkTargets(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"heapUsedMB": 1}`))
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	cfg := Config{Interval: time.Second, Count: 10}
	for range 500 {
		cfg.Targets = append(cfg.Targets, target)
	}
	c, err := client.New(client.Config{Conns: 500})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		res, err := Run(context.Background(), cfg, c, func(Event) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		skipped, polls := int64(0), int64(0)
		for _, t := range res.Targets {
			skipped += t.Skipped
			polls += t.Polls
		}
		b.ReportMetric(float64(skipped), "skipped")
		b.ReportMetric(float64(polls), "polls")
	}
}
