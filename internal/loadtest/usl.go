package loadtest

import (
	"fmt"
	"math"
)

// USL is the Universal Scalability Law fitted to what was measured: throughput
// X(N) = λN / (1 + σ(N-1) + κN(N-1)) with N calls at one time (Gunther). σ is
// contention, κ coherency; where κ is above 0 throughput is greatest at Peak.
type USL struct {
	Lambda  Estimate  `json:"lambda"` // calls a second of one user
	Sigma   Estimate  `json:"sigma"`
	Kappa   Estimate  `json:"kappa"`
	Peak    *Estimate `json:"peak,omitempty"` // N*, users; absent where throughput only levels off
	R2      float64   `json:"r2"`
	Points  int       `json:"points"`
	Refused string    `json:"refused,omitempty"` // why the fit is not to be believed; then only R2 and Points count
}

// Estimate is a value with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// What a fit needs to be believed.
const (
	leastPoints = 6
	leastR2     = 0.9
)

// point is one load and the throughput at it.
type point struct{ n, x float64 }

// FitUSL fits the law to steps, or says why it does not.
func FitUSL(steps []StepResult) USL {
	points := pointsOf(steps)
	fit := USL{Points: len(points)}
	if len(points) < leastPoints {
		fit.Refused = fmt.Sprintf("it needs at least %d levels without many errors, and there are %d", leastPoints, len(points))
		return fit
	}
	theta, free := fitUSL(points)
	fit.R2 = r2(points, theta)
	switch {
	case math.IsNaN(fit.R2) || theta[0] <= 0:
		fit.R2 = 0
		fit.Refused = "the throughput follows no such curve"
	case fit.R2 < leastR2:
		fit.Refused = fmt.Sprintf("it explains too little of the throughput: R² is %.2f, at least %.2f is wanted", fit.R2, leastR2)
	default:
		fit.estimate(points, theta, free)
	}
	return fit
}

// pointsOf leaves out levels at which many calls failed: their throughput is
// not that of the work.
func pointsOf(steps []StepResult) []point {
	var points []point
	for _, s := range steps {
		n := float64(s.Users)
		if s.Rate > 0 {
			n = s.InFlight
		}
		if n > 0 && s.Throughput > 0 && s.ErrorShare <= plateauErrors {
			points = append(points, point{n, s.Throughput})
		}
	}
	return points
}

// vec is λ, σ, κ, or something of each.
type vec [3]float64

func (t vec) at(n float64) float64 { return t[0] * n / (1 + t[1]*(n-1) + t[2]*n*(n-1)) }

// gradient is how X(n) changes with each parameter.
func (t vec) gradient(n float64) vec {
	d := 1 + t[1]*(n-1) + t[2]*n*(n-1)
	x := t[0] * n / d
	return vec{n / d, -x * (n - 1) / d, -x * n * (n - 1) / d}
}

// fitUSL is the least-squares fit with σ and κ not below 0: a parameter that
// would be is held at 0, and the others are fitted again.
func fitUSL(points []point) (best vec, free [3]bool) {
	bestSum := math.Inf(1)
	for _, f := range [][3]bool{{true, true, true}, {true, false, true}, {true, true, false}, {true, false, false}} {
		t := gaussNewton(points, linear(points, f), f)
		sum := squares(points, t)
		if t[1] >= 0 && t[2] >= 0 && sum < bestSum*(1-1e-9) {
			best, free, bestSum = t, f, sum
		}
	}
	return best, free
}

// linear is where to begin: N/X is linear in 1/λ, σ/λ and κ/λ.
func linear(points []point, free [3]bool) vec {
	var a [3]vec
	var b vec
	for _, p := range points {
		w := p.x * p.x / p.n // an error in N/X is so much of one in X
		row := vec{1, p.n - 1, p.n * (p.n - 1)}
		accumulate(&a, &b, row, p.n/p.x, w*w, free)
	}
	s := solve(a, b, free)
	if s[0] <= 0 {
		return vec{points[0].x / points[0].n, 0, 0}
	}
	return vec{1 / s[0], s[1] / s[0], s[2] / s[0]}
}

// gaussNewton improves t until it stays, halving steps that make it worse.
func gaussNewton(points []point, t vec, free [3]bool) vec {
	sum := squares(points, t)
	for range 100 {
		var a [3]vec
		var b vec
		for _, p := range points {
			accumulate(&a, &b, t.gradient(p.n), p.x-t.at(p.n), 1, free)
		}
		delta := solve(a, b, free)
		next, nextSum := t, math.Inf(1)
		for scale := 1.0; scale > 1e-6 && !(nextSum < sum); scale /= 2 {
			for i := range next {
				next[i] = t[i] + scale*delta[i]
			}
			nextSum = squares(points, next)
		}
		if !(nextSum < sum*(1-1e-12)) {
			break
		}
		t, sum = next, nextSum
	}
	return t
}

func squares(points []point, t vec) float64 {
	sum := 0.0
	for _, p := range points {
		sum += (p.x - t.at(p.n)) * (p.x - t.at(p.n))
	}
	if math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum
}

func r2(points []point, t vec) float64 {
	mean, total := 0.0, 0.0
	for _, p := range points {
		mean += p.x / float64(len(points))
	}
	for _, p := range points {
		total += (p.x - mean) * (p.x - mean)
	}
	return 1 - squares(points, t)/total
}

// estimate fills in the parameters and how sure they are, from the curvature of the squares.
func (u *USL) estimate(points []point, t vec, free [3]bool) {
	var a [3]vec
	var b vec
	df := len(points)
	for _, p := range points {
		accumulate(&a, &b, t.gradient(p.n), 0, 1, free)
	}
	for i := range free {
		if free[i] {
			df--
		}
	}
	variance := squares(points, t) / float64(df)
	covariance := [3]vec{}
	for i := range covariance {
		unit := vec{}
		unit[i] = 1
		covariance[i] = solve(a, unit, free)
		for j := range covariance[i] {
			covariance[i][j] *= variance
		}
	}
	around := func(v, variance float64) Estimate {
		d := student(df) * math.Sqrt(max(variance, 0))
		return Estimate{Value: v, Low: max(v-d, 0), High: v + d}
	}
	u.Lambda = around(t[0], covariance[0][0])
	u.Sigma = around(t[1], covariance[1][1])
	u.Kappa = around(t[2], covariance[2][2])
	if t[2] <= 0 || t[1] >= 1 {
		return
	}
	// N* = sqrt((1-σ)/κ); its variance is that of its tangent.
	peak := math.Sqrt((1 - t[1]) / t[2])
	ds, dk := -peak/(2*(1-t[1])), -peak/(2*t[2])
	e := around(peak, ds*ds*covariance[1][1]+dk*dk*covariance[2][2]+2*ds*dk*covariance[1][2])
	u.Peak = &e
}
