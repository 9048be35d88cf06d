package promtext

import (
	"maps"
	"math"
	"slices"
)

// Native is a native histogram: buckets whose bounds grow exponentially. Bucket i ends at
// 2^(i·2^-Schema), and mirrored below zero.
type Native struct {
	Schema             int32
	Zero, ZeroCount    float64 // the zero bucket reaches from -Zero to Zero
	Count, Sum         float64
	Positive, Negative map[int32]float64
}

// NativeSeries is the native histogram of one label set.
type NativeSeries struct {
	Labels map[string]string
	Native
}

// Natives returns the native histograms of name, one for each label set.
func (m *Metrics) Natives(name string) []NativeSeries { return m.natives[name] }

// NativeNames returns the names of all native histograms, sorted.
func (m *Metrics) NativeNames() []string { return slices.Sorted(maps.Keys(m.natives)) }

// Since returns the observations of n that an earlier reading does not have. After a
// restart of the server it returns n.
func (n Native) Since(earlier Native) Native {
	if earlier.Count > n.Count {
		return n
	}
	return n.combined(earlier, -1)
}

// Plus returns the observations of both histograms.
func (n Native) Plus(other Native) Native {
	if n.Count == 0 {
		return other
	}
	return n.combined(other, 1)
}

// combined adds other, multiplied by sign, in the coarser schema of both.
func (n Native) combined(other Native, sign float64) Native {
	schema := min(n.Schema, other.Schema)
	out := Native{
		Schema: schema, Zero: max(n.Zero, other.Zero), ZeroCount: max(0, n.ZeroCount+sign*other.ZeroCount), Count: n.Count + sign*other.Count, Sum: n.Sum + sign*other.Sum,
		Positive: coarser(n.Positive, n.Schema-schema), Negative: coarser(n.Negative, n.Schema-schema),
	}
	for i, count := range coarser(other.Positive, other.Schema-schema) {
		out.Positive[i] = max(0, out.Positive[i]+sign*count)
	}
	for i, count := range coarser(other.Negative, other.Schema-schema) {
		out.Negative[i] = max(0, out.Negative[i]+sign*count)
	}
	return out
}

// coarser merges each 2^steps buckets into one.
func coarser(buckets map[int32]float64, steps int32) map[int32]float64 {
	out := make(map[int32]float64, len(buckets))
	for i, count := range buckets {
		out[(i-1)>>steps+1] += count
	}
	return out
}

// upper returns the upper bound of a positive bucket.
func (n Native) upper(i int32) float64 {
	return math.Exp2(float64(i) * math.Exp2(-float64(n.Schema)))
}

// Histogram returns the buckets with observations as cumulative ones. Quantiles within
// them are interpolated exponentially.
func (n Native) Histogram() Histogram {
	h := Histogram{Sum: n.Sum, Exponential: true}
	add := func(low, high, count float64) {
		if count > 0 && low < high {
			h.Buckets = append(h.Buckets, Bucket{low, h.Count})
			h.Count += count
			h.Buckets = append(h.Buckets, Bucket{high, h.Count})
		}
	}
	negative := slices.Sorted(maps.Keys(n.Negative))
	for _, i := range slices.Backward(negative) {
		add(-n.upper(i), -n.upper(i-1), n.Negative[i])
	}
	low, high := -n.Zero, n.Zero
	switch {
	case len(negative) == 0 && len(n.Positive) > 0:
		low = 0
	case len(n.Positive) == 0 && len(negative) > 0:
		high = 0
	}
	add(low, max(high, low+math.SmallestNonzeroFloat64), n.ZeroCount)
	for _, i := range slices.Sorted(maps.Keys(n.Positive)) {
		add(n.upper(i-1), n.upper(i), n.Positive[i])
	}
	h.Buckets = append(h.Buckets, Bucket{math.Inf(1), h.Count})
	return h
}
