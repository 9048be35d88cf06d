package trend

import (
	"cmp"
	"math"
	"slices"
)

// Wilson returns the 95 % interval of a share of hits among n trials (Wilson 1927).
// With no trials it is 0 to 1.
func Wilson(hits, n float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959964
	p := hits / n
	centre := p + z*z/(2*n)
	spread := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return max(0, (centre-spread)/scale), min(1, (centre+spread)/scale)
}

// RateChange compares a recent count with a baseline count.
type RateChange struct {
	Ratio     float64 // of the rates; NaN if the baseline has none
	Low, High float64 // 95 % interval of the ratio
	P         float64 // two-sided
}

// CompareRates tests whether events come at another rate than before: recent events
// within recentExposure, base events within baseExposure. dispersion is the variance
// of the counts over their mean, 1 for a Poisson process. The test is the posterior
// predictive distribution of the recent count, a negative binomial with the
// half-event prior of Jeffreys, on counts that are divided by the dispersion.
func CompareRates(recent, recentExposure, base, baseExposure, dispersion float64) RateChange {
	phi := max(1, dispersion)
	share := recentExposure / (recentExposure + baseExposure)
	shape, count := (base+0.5)/phi, recent/phi
	upper := 1.0 // probability of at least as many
	if count > 0 {
		upper = incompleteBeta(share, count, shape)
	}
	lower := 1 - incompleteBeta(share, count+1/phi, shape) // of at most as many
	c := RateChange{Ratio: math.NaN(), P: min(1, 2*min(upper, lower))}
	logRatio := math.Log((recent + 0.5) / recentExposure * baseExposure / (base + 0.5))
	half := 1.959964 * math.Sqrt(phi*(1/(recent+0.5)+1/(base+0.5)))
	c.Low, c.High = math.Exp(logRatio-half), math.Exp(logRatio+half)
	if base > 0 {
		c.Ratio = recent / recentExposure * baseExposure / base
	}
	return c
}

// BenjaminiHochberg reports which of the p-values are significant at a false
// discovery rate of q (Benjamini and Hochberg 1995).
func BenjaminiHochberg(p []float64, q float64) []bool {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	significant, last := make([]bool, len(p)), -1
	for rank, i := range order {
		if p[i] <= q*float64(rank+1)/float64(len(p)) {
			last = rank
		}
	}
	for _, i := range order[:last+1] {
		significant[i] = true
	}
	return significant
}

// Blocks finds the change points of counts in bins of equal exposure by Bayesian
// blocks (Scargle et al. 2013, eq. 19 and 21, p0 = 0.05). It returns the first bin of each
// block. Its time grows with the square of the number of bins.
func Blocks(counts []float64) []int {
	n := len(counts)
	if n == 0 {
		return nil
	}
	prior := 4 - math.Log(73.53*0.05*math.Pow(float64(n), -0.478))
	best, last := make([]float64, n), make([]int, n)
	for end := range n {
		sum := 0.0
		best[end] = math.Inf(-1)
		for start := end; start >= 0; start-- {
			sum += counts[start]
			fitness := -prior
			if sum > 0 {
				fitness += sum * math.Log(sum/float64(end-start+1))
			}
			if start > 0 {
				fitness += best[start-1]
			}
			if fitness > best[end] {
				best[end], last[end] = fitness, start
			}
		}
	}
	var starts []int
	for end := n - 1; end >= 0; end = last[end] - 1 {
		starts = append(starts, last[end])
	}
	slices.Reverse(starts)
	return starts
}

// incompleteBeta is the regularized incomplete beta function I_x(a, b), by its
// continued fraction (Press et al., Numerical Recipes, 6.4).
func incompleteBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(x, a, b) / a
	}
	return 1 - front*betaFraction(1-x, b, a)/b
}

func betaFraction(x, a, b float64) float64 {
	c, d := 1.0, 1/orTiny(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m <= 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / orTiny(1+even*d)
		c = orTiny(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / orTiny(1+odd*d)
		c = orTiny(1 + odd/c)
		h *= d * c
		if math.Abs(d*c-1) < 1e-12 {
			break
		}
	}
	return h
}

// orTiny keeps the denominators of the fraction from being zero.
func orTiny(v float64) float64 {
	const tiny = 1e-300
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}
