package promtext

import (
	"math"
	"slices"
)

// Histogram is a classic histogram: cumulative buckets by their upper bound.
type Histogram struct {
	Buckets []Bucket // by Upper; the last is +Inf
	Sum     float64
	Count   float64
	Mended  bool // a count was below that of a smaller bucket

	Exponential bool // quantiles are interpolated exponentially, as in native histograms
}

// Bucket counts the observations up to Upper.
type Bucket struct {
	Upper, Count float64
}

// Since returns the observations of h that an earlier reading does not have. After a
// restart of the server it returns h.
func (h Histogram) Since(earlier Histogram) Histogram {
	if earlier.Count > h.Count || len(earlier.Buckets) != len(h.Buckets) {
		return h
	}
	out := Histogram{Sum: h.Sum - earlier.Sum, Count: h.Count - earlier.Count, Mended: h.Mended}
	for i, b := range h.Buckets {
		if earlier.Buckets[i].Upper != b.Upper {
			return h
		}
		out.Buckets = append(out.Buckets, Bucket{b.Upper, max(0, b.Count-earlier.Buckets[i].Count)})
	}
	return out
}

// Quantile is an estimated quantile. The true value lies between Low and High, the bounds
// of its bucket; Estimate interpolates linearly.
type Quantile struct {
	Estimate, Low, High float64
}

// Quantile estimates the q-quantile, 0 ≤ q ≤ 1, as Prometheus' histogram_quantile does.
// In the last bucket, which has no upper bound, High is +Inf and Estimate its lower
// bound. ok is false for an empty histogram, and for one without a bucket below +Inf
// or without that of +Inf.
func (h Histogram) Quantile(q float64) (out Quantile, ok bool) {
	if n := len(h.Buckets); n < 2 || !math.IsInf(h.Buckets[n-1].Upper, 1) {
		return Quantile{}, false
	}
	rank := q * h.Count
	i := slices.IndexFunc(h.Buckets, func(b Bucket) bool { return b.Count >= rank && b.Count > 0 })
	if i < 0 || !(q >= 0 && q <= 1) {
		return Quantile{}, false
	}
	if h.Exponential && q >= 0.5 {
		i = h.nextAt(i, rank)
	}
	low, below := 0.0, 0.0
	if i > 0 {
		low, below = h.Buckets[i-1].Upper, h.Buckets[i-1].Count
	} else if h.Buckets[0].Upper <= 0 {
		low = math.Inf(-1)
	}
	out = Quantile{Low: low, High: h.Buckets[i].Upper}
	switch {
	case math.IsInf(out.High, 1):
		out.Estimate = low
	case math.IsInf(low, -1):
		out.Estimate = out.High
	default:
		share := (rank - below) / (h.Buckets[i].Count - below)
		out.Estimate = min(out.High, max(low, h.between(low, out.High, share)))
	}
	return out, true
}

// nextAt returns the next bucket with observations if the rank is the last observation of
// bucket i: Prometheus counts those of native histograms from above for q ≥ 0.5.
func (h Histogram) nextAt(i int, rank float64) int {
	if h.Buckets[i].Count != rank {
		return i
	}
	next := slices.IndexFunc(h.Buckets, func(b Bucket) bool { return b.Count > rank })
	if next < 0 {
		return i
	}
	return next
}

// between interpolates inside a bucket.
func (h Histogram) between(low, high, share float64) float64 {
	switch {
	case h.Exponential && low > 0:
		return low * math.Pow(high/low, share)
	case h.Exponential && high < 0:
		return high * math.Pow(low/high, 1-share)
	}
	return low*(1-share) + high*share
}
