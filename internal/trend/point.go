package trend

import (
	"cmp"
	"math"
	"slices"
)

// Point is a reading: Y in MB (2^20 bytes) at X, which counts operations or seconds.
type Point struct{ X, Y float64 }

// ordered returns the finite points sorted by X, then by Y. The order of
// readings at the same X therefore changes nothing.
func ordered(points []Point) []Point {
	out := make([]Point, 0, len(points))
	for _, p := range points {
		if finite(p.X) && finite(p.Y) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y))
	})
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func allFinite(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !finite(v) })
}

func values(points []Point) []float64 {
	ys := make([]float64, len(points))
	for i, p := range points {
		ys[i] = p.Y
	}
	return ys
}

// Median returns the middle value, or the mean of the two middle values. It is
// NaN for an empty slice.
func Median(values []float64) float64 { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// quantile interpolates linearly between sorted values (Hyndman and Fan 1996, type 7).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// mad returns the median absolute deviation, scaled to the standard deviation of a
// normal distribution (Hampel 1974). A single outlier does not change it.
func mad(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	m := Median(values)
	off := make([]float64, len(values))
	for i, v := range values {
		off[i] = math.Abs(v - m)
	}
	return 1.4826 * Median(off)
}
