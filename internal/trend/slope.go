package trend

import (
	"math"
	"slices"
)

// Slope is a rate of change with its interval of 95 %, in Y per X.
type Slope struct{ Estimate, Low, High float64 }

const z95 = 1.959963985 // two-sided

// TheilSen returns the median of the slopes between all pairs of points (Theil
// 1950; Sen 1968), with Sen's interval of 95 % from the variance of Kendall's S. It
// tolerates up to 29 % outliers. Pairs at the same X have no slope; ok is false when
// no pair has one.
func TheilSen(points []Point) (s Slope, ok bool) {
	return theilSen(ordered(points), MannKendall(points).Var)
}

func theilSen(points []Point, variance float64) (Slope, bool) {
	slopes := pairSlopes(points)
	if len(slopes) == 0 {
		return Slope{}, false
	}
	slices.Sort(slopes)
	n := float64(len(slopes))
	reach := z95 * math.Sqrt(variance)
	// Ranks of the bounds as in Gilbert (1987, 16.5), counted from 0.
	return Slope{
		Estimate: quantile(slopes, 0.5),
		Low:      at(slopes, (n-reach)/2-1),
		High:     at(slopes, (n+reach)/2),
	}, true
}

func pairSlopes(points []Point) []float64 {
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.X > a.X {
				slopes = append(slopes, (b.Y-a.Y)/(b.X-a.X))
			}
		}
	}
	return slopes
}

// at returns the value at a fractional rank, clamped to the first and last value.
func at(sorted []float64, rank float64) float64 {
	return quantile(sorted, min(max(rank/float64(max(len(sorted)-1, 1)), 0), 1))
}

// level returns the height of the fitted line at the first point: the median of the
// detrended points.
func level(points []Point, slope float64) float64 { return Median(detrend(points, slope)) }

// residuals returns the points minus the line of this slope through their median.
func residuals(points []Point, slope float64) []float64 {
	rest := detrend(points, slope)
	m := Median(rest)
	for i := range rest {
		rest[i] -= m
	}
	return rest
}

func detrend(points []Point, slope float64) []float64 {
	rest := make([]float64, len(points))
	for i, p := range points {
		rest[i] = p.Y - slope*(p.X-points[0].X)
	}
	return rest
}
