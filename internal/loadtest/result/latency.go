package result

import (
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution in milliseconds, precise to 3 digits.
type Latency struct {
	Count     int64   `json:"count"`
	Mean      float64 `json:"mean"`
	Min       float64 `json:"min"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P95       float64 `json:"p95"`
	P99       float64 `json:"p99"`
	P999      float64 `json:"p999"`
	Max       float64 `json:"max"`
	Histogram string  `json:"histogram,omitempty"` // HdrHistogram V2, compressed, base64; in microseconds
}

// Range and precision of histograms: a microsecond to an hour, 3 digits.
const (
	minMicros = 1
	maxMicros = int64(time.Hour / time.Microsecond)
	digits    = 3
)

// Histogram collects times. The zero value is empty and small. Histograms add up.
type Histogram struct{ h *hdrhistogram.Histogram }

// Add records a time.
func (h *Histogram) Add(d time.Duration) {
	_ = h.histogram().RecordValue(min(max(d.Microseconds(), minMicros), maxMicros)) // it is in range
}

func (h *Histogram) histogram() *hdrhistogram.Histogram {
	if h.h == nil {
		h.h = hdrhistogram.New(minMicros, maxMicros, digits)
	}
	return h.h
}

// Merge adds the times of other.
func (h *Histogram) Merge(other Histogram) {
	if other.h != nil {
		h.histogram().Merge(other.h)
	}
}

// Count returns how many times were recorded.
func (h *Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Quantile returns a quantile, 50 being the median.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.h == nil {
		return 0
	}
	return time.Duration(h.h.ValueAtQuantile(q)) * time.Microsecond
}

// Latency returns the figures of h, with the encoded histogram if encode is set.
func (h *Histogram) Latency(encode bool) Latency {
	if h.h == nil {
		return Latency{}
	}
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	at := func(q float64) float64 { return ms(h.h.ValueAtQuantile(q)) }
	l := Latency{
		Count: h.h.TotalCount(), Mean: h.h.Mean() / 1000, Min: ms(h.h.Min()), Max: ms(h.h.Max()),
		P50: at(50), P90: at(90), P95: at(95), P99: at(99), P999: at(99.9),
	}
	if encode {
		if data, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
			l.Histogram = string(data)
		}
	}
	return l
}

// LatencyOrNil returns the figures of h, nil if it is empty.
func (h *Histogram) LatencyOrNil(encode bool) *Latency {
	if h.Count() == 0 {
		return nil
	}
	l := h.Latency(encode)
	return &l
}

// Decode decodes the histogram of l. It is empty if l has none.
func (l *Latency) Decode() (Histogram, error) {
	if l.Histogram == "" {
		return Histogram{}, nil
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return Histogram{}, fmt.Errorf("reading a histogram: %w", err)
	}
	return Histogram{h}, nil
}

// bar is one value of a histogram.
type bar struct{ ms, count float64 }

// bars returns the values of the histogram in ascending order.
func (l *Latency) bars() ([]bar, error) {
	h, err := l.Decode()
	if err != nil || h.h == nil {
		return nil, err
	}
	var out []bar
	for _, b := range h.h.Distribution() {
		if b.Count > 0 {
			out = append(out, bar{float64(b.To) / 1000, float64(b.Count)})
		}
	}
	return out, nil
}

// maxIndependent bounds how many independent samples the calls of a run count as:
// calls made at the same moment are correlated.
const maxIndependent = 100

// sample returns up to maxIndependent latencies, evenly over the distribution.
func (l *Latency) sample() ([]float64, error) {
	bars, err := l.bars()
	total := 0.0
	for _, b := range bars {
		total += b.count
	}
	n := min(total, maxIndependent)
	var out []float64
	seen := 0.0
	for _, b := range bars {
		seen += b.count
		for float64(len(out))+0.5 < seen/total*n {
			out = append(out, b.ms)
		}
	}
	return out, err
}

// metric returns a figure by the name that thresholds use, NaN for an unknown one.
func (l *Latency) metric(name string) float64 {
	switch name {
	case "p50":
		return l.P50
	case "p90":
		return l.P90
	case "p95":
		return l.P95
	case "p99":
		return l.P99
	case "p99.9":
		return l.P999
	case "mean":
		return l.Mean
	case "max":
		return l.Max
	}
	return math.NaN()
}
