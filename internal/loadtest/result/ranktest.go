package result

import (
	"math"
	"slices"
)

// sure is the quantile of the normal distribution of a 95 % interval.
const sure = 1.96

// ratios is the interval, of 95 %, of the factor between a and b: the values that
// the rank test of b over a does not rule out (Hodges and Lehmann, Ann. Math.
// Statist. 34, 1963). It is nil where there are too few values for a bound.
func ratios(a, b []float64) *Interval {
	n, m := float64(len(a)), float64(len(b))
	skip := int(n*m/2 - sure*math.Sqrt(n*m*(n+m+1)/12)) // pairs at each end
	if skip < 1 {
		return nil
	}
	var all []float64
	for _, x := range a {
		for _, y := range b {
			all = append(all, y/x)
		}
	}
	slices.Sort(all)
	low, high := all[skip-1], all[len(all)-skip]
	if math.IsNaN(low) || math.IsInf(high, 0) || math.IsNaN(high) {
		return nil // there was nothing in some of the seconds
	}
	return &Interval{low - 1, high - 1}
}

// tail is the share of calls that counts as the fast ones. The few beyond the
// 99th percentile would be too few to tell anything by.
const tail = 0.9

// tailTest is how often chance alone moves the slowest calls so: the share of
// calls beyond a high percentile of both together.
func tailTest(a, b []float64) float64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	edge := all[int(math.Ceil(tail*float64(len(all))))-1]
	beyond := func(samples []float64) float64 {
		n := 0.0
		for _, v := range samples {
			if v > edge {
				n++
			}
		}
		return n
	}
	return twoShares(beyond(a), float64(len(a)), beyond(b), float64(len(b)))
}

// twoShares is how often chance alone sets the shares k of n and l of m so far
// apart: the normal approximation with Yates' correction.
func twoShares(k, n, l, m float64) float64 {
	pooled := (k + l) / (n + m)
	variance := pooled * (1 - pooled) * (1/n + 1/m)
	if !(variance > 0) {
		return 1
	}
	z := max(math.Abs(k/n-l/m)-(1/n+1/m)/2, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// shares is the interval, of 95 %, of the difference between the shares k of n
// and l of m: Newcombe's, from Wilson's of each (Statist. Med. 17, 1998, method 10).
func shares(k, n, l, m float64) *Interval {
	p, q := k/n, l/m
	lowP, highP := wilson(p, n)
	lowQ, highQ := wilson(q, m)
	return &Interval{q - p - math.Hypot(q-lowQ, highP-p), q - p + math.Hypot(highQ-q, p-lowP)}
}

func wilson(p, n float64) (low, high float64) {
	const z = sure
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return (middle - half) / (1 + z*z/n), (middle + half) / (1 + z*z/n)
}
