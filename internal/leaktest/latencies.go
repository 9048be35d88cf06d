package leaktest

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/mcpdiag/mcpdiag/internal/loadtest/result"
)

// The range and precision of the latencies: a microsecond to an hour, three digits.
const (
	leastLatency    = 1
	greatestLatency = int64(time.Hour / time.Microsecond)
	latencyDigits   = 3
)

// latencies is a histogram of latencies. Histograms of several waves of load add
// up. The zero value is empty.
type latencies struct{ h *hdrhistogram.Histogram }

func (l *latencies) add(d time.Duration) {
	_ = l.histogram().RecordValue(min(max(d.Microseconds(), leastLatency), greatestLatency)) // it is in range
}

func (l *latencies) merge(other latencies) {
	if other.h != nil {
		l.histogram().Merge(other.h)
	}
}

func (l *latencies) histogram() *hdrhistogram.Histogram {
	if l.h == nil {
		l.h = hdrhistogram.New(leastLatency, greatestLatency, latencyDigits)
	}
	return l.h
}

// latenciesOf reads the histogram of a load test.
func latenciesOf(l *result.Latency) latencies {
	if l.Histogram == "" {
		return latencies{}
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return latencies{} // our own encoding: it does not happen
	}
	return latencies{h}
}

// summary returns the quantiles in milliseconds, nil if nothing was recorded.
func (l *latencies) summary() *Latency {
	if l.h == nil || l.h.TotalCount() == 0 {
		return nil
	}
	at := func(q float64) float64 { return float64(l.h.ValueAtQuantile(q)) / 1000 }
	return &Latency{P50: at(50), P90: at(90), P99: at(99), Max: float64(l.h.Max()) / 1000}
}
