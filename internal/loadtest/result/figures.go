package result

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of the histograms: a microsecond to an hour, 3 digits.
const (
	leastLatency    = 1
	greatestLatency = int64(time.Hour / time.Microsecond)
	digits          = 3
)

// histogram is a distribution of times. The zero value is empty, and small.
type Histogram struct{ h *hdrhistogram.Histogram }

func (h *Histogram) Add(d time.Duration) {
	if h.h == nil {
		h.h = hdrhistogram.New(leastLatency, greatestLatency, digits)
	}
	_ = h.h.RecordValue(min(max(d.Microseconds(), leastLatency), greatestLatency)) // it is in range
}

func (h *Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

func (h *Histogram) Quantile(q float64) time.Duration {
	if h.h == nil {
		return 0
	}
	return time.Duration(h.h.ValueAtQuantile(q)) * time.Microsecond
}

// latency is what the result says of h; with the histogram itself, where it is whole.
func (h *Histogram) Latency(whole bool) Latency {
	if h.h == nil {
		return Latency{}
	}
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	at := func(q float64) float64 { return ms(h.h.ValueAtQuantile(q)) }
	l := Latency{
		Count: h.h.TotalCount(), Mean: h.h.Mean() / 1000, Min: ms(h.h.Min()), Max: ms(h.h.Max()),
		P50: at(50), P90: at(90), P95: at(95), P99: at(99), P999: at(99.9),
	}
	if whole {
		if data, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
			l.Histogram = string(data)
		}
	}
	return l
}

// some is latency, nil where nothing was counted.
func (h *Histogram) Some(whole bool) *Latency {
	if h.Count() == 0 {
		return nil
	}
	l := h.Latency(whole)
	return &l
}
