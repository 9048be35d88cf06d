package result

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// samples are the values of a histogram.
func (l *Latency) samples() ([]weighted, error) {
	if l.Histogram == "" {
		return nil, nil
	}
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, err
	}
	var out []weighted
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			out = append(out, weighted{float64(bar.To) / 1000, float64(bar.Count)})
		}
	}
	return out, nil
}

// calls are the latencies of calls, as many as count as independent, evenly over
// the distribution.
func (l *Latency) calls() ([]float64, error) {
	samples, err := l.samples()
	total := 0.0
	for _, s := range samples {
		total += s.weight
	}
	n := min(total, maxIndependent)
	var out []float64
	seen := 0.0
	for _, s := range samples {
		seen += s.weight
		for float64(len(out))+0.5 < seen/total*n {
			out = append(out, s.value)
		}
	}
	return out, err
}

// weighted is a value and how often it was seen.
type weighted struct{ value, weight float64 }

func (l *Latency) at(metric string) float64 {
	switch metric {
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

// Latency is a distribution in milliseconds, right to 3 digits.
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
	Histogram string  `json:"histogram,omitempty"` // HdrHistogram V2, compressed, base64; of microseconds. Histograms add up.
}

// maxIndependent is how many independent samples a run of calls counts as, at
// most: calls of one moment share its luck.
const maxIndependent = 100
