package result

import (
	"math"
	"slices"
)

// z95 is the normal quantile of a two-sided 95 % interval.
const z95 = 1.96

// ratioInterval returns the 95 % interval of the factor between a and b: the values
// that the rank test of b over a does not rule out (Hodges and Lehmann, Ann. Math.
// Statist. 34, 1963). It is nil if there are too few values for a bound.
func ratioInterval(a, b []float64) *Interval {
	n, m := float64(len(a)), float64(len(b))
	skip := int(n*m/2 - z95*math.Sqrt(n*m*(n+m+1)/12)) // pairs at each end
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
		return nil // some of the seconds are 0
	}
	return &Interval{low - 1, high - 1}
}

// tailEdge is the percentile above which calls count as slow. Those above the 99th
// are too few for a test.
const tailEdge = 0.9

// tailTest returns the p-value of the difference between the slow calls of two
// samples: of their shares above a high percentile of both together. It is 1 where b has
// more slow calls and is said to be faster, or the other way round.
func tailTest(a, b []float64, slower bool) float64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	edge := all[int(math.Ceil(tailEdge*float64(len(all))))-1]
	above := func(samples []float64) float64 {
		n := 0.0
		for _, v := range samples {
			if v > edge {
				n++
			}
		}
		return n
	}
	k, n, l, m := above(a), float64(len(a)), above(b), float64(len(b))
	if (l/m > k/n) != slower {
		return 1
	}
	return shareTest(k, n, l, m)
}

// leastExpected is the count below which the normal approximation of a share does not
// hold (Cochran, Biometrics 10, 1954).
const leastExpected = 5

// shareTest returns the two-sided p-value of the difference between the shares k/n
// and l/m: from the normal approximation with Yates' correction, of small counts by
// Fisher's exact test.
func shareTest(k, n, l, m float64) float64 {
	pooled := (k + l) / (n + m)
	variance := pooled * (1 - pooled) * (1/n + 1/m)
	if !(variance > 0) {
		return 1
	}
	if min(pooled, 1-pooled)*min(n, m) < leastExpected {
		return exactTest(k, n, l, m)
	}
	z := max(math.Abs(k/n-l/m)-(1/n+1/m)/2, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// exactTest returns the sum of the probabilities of all shares, given k+l, that are no
// more likely than those seen.
func exactTest(k, n, l, m float64) float64 {
	choose := func(n, k float64) float64 { // its logarithm
		a, _ := math.Lgamma(n + 1)
		b, _ := math.Lgamma(k + 1)
		c, _ := math.Lgamma(n - k + 1)
		return a - b - c
	}
	all := choose(n+m, k+l)
	chance := func(other float64) float64 { return math.Exp(choose(n, k+l-other) + choose(m, other) - all) }
	seen, sum := chance(l), 0.0
	for other := max(0, k+l-n); other <= min(m, k+l); other++ {
		if p := chance(other); p <= seen*(1+1e-7) {
			sum += p
		}
	}
	return min(sum, 1)
}

// shareInterval returns the 95 % interval of the difference between the shares k/n
// and l/m: Newcombe's, from Wilson's of each (Statist. Med. 17, 1998, method 10).
func shareInterval(k, n, l, m float64) *Interval {
	p, q := k/n, l/m
	lowP, highP := wilson(p, n)
	lowQ, highQ := wilson(q, m)
	return &Interval{q - p - math.Hypot(q-lowQ, highP-p), q - p + math.Hypot(highQ-q, p-lowP)}
}

// wilson returns Wilson's 95 % interval of a share p of n.
func wilson(p, n float64) (low, high float64) {
	middle, half := p+z95*z95/(2*n), z95*math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	return (middle - half) / (1 + z95*z95/n), (middle + half) / (1 + z95*z95/n)
}
