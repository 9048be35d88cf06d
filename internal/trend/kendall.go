package trend

import (
	"cmp"
	"math"
	"slices"
)

// Kendall is the result of the trend test of Mann (1945) and Kendall (1975).
type Kendall struct {
	S   float64 // rising pairs minus falling pairs
	Var float64 // of S, without a trend
	P   float64 // two-sided
	// Inflation is the factor by which autocorrelation widened Var, 1 for none.
	Inflation float64
}

// MannKendall tests the points for a trend. The variance is corrected for ties
// in both variables (Kendall 1975) and for autocorrelation (Hamed and Rao 1998).
func MannKendall(points []Point) Kendall {
	points = ordered(points)
	k := Kendall{P: 1, Inflation: 1}
	if len(points) < 3 {
		return k
	}
	k.S = concordance(points)
	k.Inflation = inflation(points)
	k.Var = tiedVariance(points) * k.Inflation
	if k.Var > 0 && k.S != 0 {
		z := (math.Abs(k.S) - 1) / math.Sqrt(k.Var) // 1: S moves in steps
		k.P = math.Erfc(z / math.Sqrt2)
	}
	return k
}

func concordance(points []Point) float64 {
	s := 0
	for i, a := range points {
		for _, b := range points[i+1:] {
			if b.X > a.X {
				s += cmp.Compare(b.Y, a.Y)
			}
		}
	}
	return float64(s)
}

// tiedVariance returns Var(S) with ties in X and in Y (Kendall 1975, chapter 4).
// Without ties in X it is [n(n−1)(2n+5) − Σt(t−1)(2t+5)]/18.
func tiedVariance(points []Point) float64 {
	n := float64(len(points))
	xs := make([]float64, len(points))
	for i, p := range points {
		xs[i] = p.X
	}
	tx, ty := ties(xs), ties(values(points))
	v0 := n * (n - 1) * (2*n + 5)
	v := (v0 - tx.third - ty.third) / 18
	v += tx.first * ty.first / (2 * n * (n - 1))
	v += tx.second * ty.second / (9 * n * (n - 1) * (n - 2))
	return max(v, 0)
}

// tieSums holds the sums over groups of t equal values in the variance of S.
type tieSums struct{ first, second, third float64 }

func ties(values []float64) tieSums {
	values = slices.Sorted(slices.Values(values))
	var s tieSums
	for i := 0; i < len(values); {
		j := i + 1
		for j < len(values) && values[j] == values[i] {
			j++
		}
		t := float64(j - i)
		s.first += t * (t - 1)
		s.second += t * (t - 1) * (t - 2)
		s.third += t * (t - 1) * (2*t + 5)
		i = j
	}
	return s
}

// negligible is the share of a rise below which the residuals count as rounding.
const negligible = 0.02

// inflation returns n/n* of Hamed and Rao (1998): the sum over lags of the
// autocorrelation of the ranks of the detrended series. It ignores insignificant
// and negative autocorrelation, which is usually chance in a dozen points, lags
// beyond a quarter of the points, which are estimated from too few, and the
// residuals of an almost straight line, which are rounding.
func inflation(points []Point) float64 {
	n := float64(len(points))
	slopes := pairSlopes(points)
	if len(slopes) == 0 || len(points) < 8 {
		return 1
	}
	slope := Median(slopes)
	rest := residuals(points, slope)
	if rise := slope * (points[len(points)-1].X - points[0].X); mad(rest) < negligible*abs(rise) {
		return 1
	}
	ranks := ranksOf(rest)
	sum := 0.0
	for lag := 1; lag <= len(points)/4; lag++ {
		r := autocorrelation(ranks, lag)
		if r > z95/math.Sqrt(n) {
			i := float64(lag)
			sum += (n - i) * (n - i - 1) * (n - i - 2) * r
		}
	}
	return 1 + 2*sum/(n*(n-1)*(n-2))
}

// ranksOf returns the ranks of values. Equal values share the mean of their ranks.
func ranksOf(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			ranks[at] = float64(i+j-1) / 2
		}
		i = j
	}
	return ranks
}

func autocorrelation(values []float64, lag int) float64 {
	mean := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	var together, alone float64
	for i, v := range values {
		alone += (v - mean) * (v - mean)
		if i+lag < len(values) {
			together += (v - mean) * (values[i+lag] - mean)
		}
	}
	if alone == 0 {
		return 0
	}
	return together / alone
}
